"""Whatever people call an agent becomes an agent function, or a sentence that says what to do."""

import asyncio
import functools
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from netra_backend.agents.adapters import adapt, load_agent
from netra_backend.agents.context import Context
from netra_backend.agents.errors import AgentSpecError
from netra_backend.testing.recording_context import RecordingContext, Report


async def _echo(ctx: Context) -> str:
    return f"You said: {ctx.text}"


async def _pieces(ctx: Context) -> AsyncIterator[str]:
    for word in ctx.text.split():
        yield word


async def _greet(greeting: str, ctx: Context) -> str:
    return f"{greeting}, {ctx.text}"


def _logged(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


class _Callable:
    async def __call__(self, ctx: Context) -> str:
        return ctx.text

    async def method(self, ctx: Context) -> str:
        return ctx.text


class _Runner:
    async def run(self, ctx: Context) -> None:
        await ctx.write(ctx.text)


class _Generator:
    async def __call__(self, ctx: Context) -> AsyncIterator[str]:
        yield ctx.text


@pytest.mark.parametrize(
    ("agent", "answer"),
    [
        pytest.param(_echo, "You said: hi there", id="coroutine function"),
        pytest.param(_pieces, "hithere", id="async generator function"),
        pytest.param(functools.partial(_greet, "Hello"), "Hello, hi there", id="partial"),
        pytest.param(
            functools.partial(functools.partial(_greet), "Ho"), "Ho, hi there", id="partial of a partial"
        ),
        pytest.param(_logged(_echo), "You said: hi there", id="decorated coroutine function"),
        pytest.param(_logged(_pieces), "hithere", id="decorated generator function"),
        pytest.param(_Callable(), "hi there", id="callable object"),
        pytest.param(_Callable().method, "hi there", id="bound method"),
        pytest.param(_Runner(), "hi there", id="object with run"),
        pytest.param(_Generator(), "hi there", id="callable object that generates"),
        pytest.param(_Runner().run, "hi there", id="bound run"),
    ],
)
async def test_adapts(agent: Any, answer: str) -> None:
    """Each accepted kind answers."""
    assert await RecordingContext("hi there").run(adapt(agent)) == answer


def _two(ctx: Context) -> str:
    return ctx.text


async def _no_context() -> str:
    return ""


@pytest.mark.parametrize(
    ("agent", "says"),
    [
        pytest.param(_two, "ordinary function: make it `async def`", id="sync function"),
        pytest.param(_Callable, "is a class: name an instance of it, such as _Callable()", id="class"),
        pytest.param(asyncio, "a module: name the object inside it", id="module"),
        pytest.param(3, "an object of type int", id="number"),
        pytest.param("text", "an object of type str", id="text"),
        pytest.param(_no_context, "exactly one argument, the context", id="no argument"),
        pytest.param(_greet, "exactly one argument, the context", id="two arguments"),
    ],
)
def test_refuses(agent: Any, says: str) -> None:
    """What is no agent is named, with what would be one."""
    with pytest.raises(AgentSpecError) as caught:
        adapt(agent)
    assert says in str(caught.value)


async def _gives_number(ctx: Context) -> Any:
    return len(ctx.text)


async def _yields_bytes(ctx: Context) -> AsyncIterator[Any]:
    yield ctx.text.encode()


@pytest.mark.parametrize("agent", [_gives_number, _yields_bytes])
async def test_an_answer_must_be_text(agent: Any) -> None:
    """Another type is an error that names it, not text like `b'hi'`."""
    with pytest.raises(TypeError, match=r"(returned int|yielded bytes); it must"):
        await RecordingContext("hi").run(adapt(agent))


async def test_a_generator_is_closed_when_its_text_cannot_be_reported() -> None:
    """What a generator cleans up is cleaned up before the run ends, not at garbage collection."""
    closed = asyncio.Event()

    async def endless(ctx: Context) -> AsyncIterator[str]:
        try:
            while True:
                yield ctx.text
        finally:
            closed.set()

    async def fenced(event: Report) -> None:
        if event[0] == "write":
            raise PermissionError("fenced")

    with pytest.raises(PermissionError, match="fenced"):
        await RecordingContext("hi", on_report=fenced).run(adapt(endless))
    assert closed.is_set()


MODULE = """
import functools
async def support(ctx): return "helped: " + ctx.text
class Team: pass
team = Team(); team.second = functools.partial(support)
number = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with modules in it; what is imported from it is forgotten afterwards."""
    (tmp_path / "netra_test_agents.py").write_text(MODULE)
    (tmp_path / "netra_test_broken.py").write_text("1 / 0")
    (tmp_path / "netra_test_needs.py").write_text("import netra_test_not_installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("netra_test_agents", "netra_test_broken", "netra_test_needs"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("spec", ["netra_test_agents:support", "netra_test_agents:team.second"])
async def test_loads_from_the_current_directory(spec: str) -> None:
    """`module:object` and `module:attribute.attribute` are found where the user stands."""
    assert await RecordingContext("me").run(load_agent(spec)) == "helped: me"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("netra_test_agents", "write it as module:object"),
        ("netra_test_agents:", "write it as module:object"),
        ("netra_test_agents.py:support", "write it as module:object"),
        ("./netra_test_agents:support", "write it as module:object"),
        ("netra_test_missing:support", "There is no module `netra_test_missing`: start Netra in the folder"),
        ("netra_test_agents.deeper:support", "no module `netra_test_agents.deeper`"),
        ("netra_test_needs:support", "needs the module `netra_test_not_installed`, which is not installed"),
        ("netra_test_broken:support", "cannot be imported: ZeroDivisionError: division by zero"),
        ("netra_test_agents:suport", "has no `suport`"),
        ("netra_test_agents:team.third", "has no `team.third`"),
        (
            "netra_test_agents:number",
            "`netra_test_agents:number` cannot be used as an agent: it is an object of type int",
        ),
    ],
)
def test_says_what_is_wrong_with_a_spec(spec: str, says: str) -> None:
    """Each mistake has its own sentence."""
    with pytest.raises(AgentSpecError) as caught:
        load_agent(spec)
    assert says in str(caught.value)


def test_a_plain_agent_imports_no_framework() -> None:
    """Adapting a coroutine does not load pydantic-ai or LangGraph: they cost more than a second."""
    code = (
        "import sys\nfrom netra_backend.agents.adapters import adapt\nasync def run(ctx): ...\nadapt(run)\n"
        "print(*(m for m in ('pydantic_ai', 'langgraph', 'openai') if m in sys.modules), file=sys.stderr, end='')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own code
    assert (done.returncode, done.stderr) == (0, "")
