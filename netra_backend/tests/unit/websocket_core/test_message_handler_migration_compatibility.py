"""Suite 1 of the test plan: what a handler takes, returns and says when something goes wrong."""

import ast
import inspect
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from netra_backend.domain.errors import BadMessage
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.tests import sample_app
from netra_backend.tests.handler_sides import Frame, HandlerSide, Tab, handler_side
from netra_backend.tests.outcomes import PASSES, Fails, Phase, fails_before, outcome, phase
from netra_backend.websocket_core.adapter import CanonicalHandlerAdapter, RefusedByHandler

LEGACY_FILE = Path("chat", "services", "websocket", "message_handler.py")
NONSENSE = str(uuid.UUID(int=7))


@pytest.fixture
async def subject(settings: Settings, addresses: Addresses) -> AsyncIterator[HandlerSide]:
    """The handlers of the phase's application, on real stores."""
    async with handler_side(phase(), settings, addresses) as side:
        yield side


def message(text: str, number: int = 1, **fields: Any) -> Frame:
    """A user's message."""
    return {"type": "user_message", "id": f"c{number}", "payload": {"text": text}, **fields}


def answers(tab: Tab) -> list[Frame]:
    """What a tab was told besides what agents do meanwhile."""
    return [frame for frame in tab.frames if not frame["type"].startswith("agent_")]


def methods_of(source: str) -> dict[str, dict[str, tuple[bool, tuple[str, ...], str]]]:
    """The methods of each class: whether it is a coroutine, its parameters without self, what it returns."""
    return {
        kind.name: {
            method.name: (
                isinstance(method, ast.AsyncFunctionDef),
                tuple(each.arg for each in method.args.args[1:]),
                ast.unparse(method.returns) if method.returns else "",
            )
            for method in kind.body
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        for kind in ast.parse(source).body
        if isinstance(kind, ast.ClassDef)
    }


@outcome(legacy=PASSES, adapter=PASSES)
async def test_legacy_handler_interface_baseline(subject: HandlerSide) -> None:
    """The legacy module has six classes that handle without result; it is there before a migration only."""
    before = subject.phase in (Phase.LEGACY, Phase.ADAPTER)
    tree = sample_app.root() if before else sample_app.SAMPLE
    classes = methods_of((tree / LEGACY_FILE).read_text())
    handling = {name: methods["handle"] for name, methods in classes.items() if "handle" in methods}
    assert handling == dict.fromkeys(
        (
            "BaseMessageHandler",
            "StartAgentHandler",
            "UserMessageHandler",
            "ThreadHistoryHandler",
            "StopAgentHandler",
            "MessageHandlerService",
        ),
        (True, ("user_id", "payload"), "None"),
    )
    assert not [name for name, methods in classes.items() if "handle_message" in methods]
    kinds = {type(handler).__name__ for handler in subject.handlers().values()}
    modules = {type(handler).__module__ for handler in subject.handlers().values()}
    if subject.phase is Phase.LEGACY:
        assert modules == {"chat.services.websocket.message_handler"}
        assert kinds | {"BaseMessageHandler", "MessageHandlerService"} == set(handling)
    if subject.phase is Phase.MIGRATED:
        assert not (sample_app.root() / LEGACY_FILE).exists()
    if not before:
        assert modules == {"netra_backend.websocket_core.handlers"}


def interface_of(handler: object) -> tuple[bool, list[str], object]:
    """Of `handle_message`: whether it is a coroutine, its parameters, what it returns."""
    method = getattr(handler, "handle_message", None)
    assert method is not None, f"{type(handler).__name__} has no handle_message"
    signature = inspect.signature(method)
    return inspect.iscoroutinefunction(method), list(signature.parameters), signature.return_annotation


@outcome(legacy=Fails("has no handle_message"), adapter=PASSES)
async def test_ssot_handler_interface_validation(subject: HandlerSide) -> None:
    """Every handler has the one interface, and takes messages of its own type and no other."""
    handlers = subject.handlers()
    assert handlers
    for kind, handler in handlers.items():
        assert interface_of(handler) == (True, ["user_id", "websocket", "message"], bool), kind
        assert [each for each in (*subject.types, "nonsense") if handler.can_handle(each)] == [kind]


@outcome(legacy=Fails("the answer went to the other tab too"), adapter=PASSES)
async def test_interface_parameter_mapping(subject: HandlerSide) -> None:
    """The user, the connection and every field of a message arrive where they belong."""
    await subject.deliver(message("First", 1))
    assert [(frame["type"], frame["reply_to"]) for frame in answers(subject.asking)] == [("accepted", "c1")]
    thread_id = answers(subject.asking)[0]["thread_id"]
    await subject.deliver(message("Second", 2, thread_id=thread_id))
    task = {"type": "start_agent", "id": "c3", "thread_id": thread_id, "payload": {"query": "Third"}}
    await subject.deliver(task)
    accepted = [frame for frame in answers(subject.asking) if frame["type"] == "accepted"]
    assert [(frame["reply_to"], frame["thread_id"]) for frame in accepted] == [
        (f"c{number}", thread_id) for number in (1, 2, 3)
    ]
    assert await subject.said() == ["First", "Second", "Third"]
    assert answers(subject.other) == [], "the answer went to the other tab too"


async def test_a_caller_of_the_old_method_reaches_the_handlers(subject: HandlerSide) -> None:
    """A whole payload is read into the typed message; one with a field of another type reaches nobody."""
    socket: Any = subject.asking
    caller = CanonicalHandlerAdapter(subject.bridged(), socket)
    await caller.handle(subject.user_id, message("Old way"))
    assert await subject.said() == ["Old way"]
    with pytest.raises(BadMessage):
        await caller.handle(subject.user_id, {"type": "user_message", "id": "c", "payload": {"text": 7}})
    with pytest.raises(RefusedByHandler):
        await caller.handle(subject.user_id, message("Nowhere", 2, thread_id=NONSENSE))
    assert await subject.said() == ["Old way"]


@outcome(legacy=Fails("returned None"), adapter=PASSES)
async def test_return_code_compatibility(subject: HandlerSide) -> None:
    """A handled message gives True and one answer; a refused one False and one error."""
    returned = await subject.deliver(message("Hello"))
    assert returned is True, f"a handled message returned {returned}"
    assert [frame["type"] for frame in answers(subject.asking)] == ["accepted"]
    returned = await subject.deliver(message("Nowhere", 2, thread_id=NONSENSE))
    assert returned is False, f"a refused message returned {returned}"
    assert [frame["type"] for frame in answers(subject.asking)[1:]] == ["error"]
    assert await subject.said() == ["Hello"]


@outcome(legacy=Fails("accepted before it failed"), adapter=PASSES)
async def test_error_handling_compatibility(subject: HandlerSide) -> None:
    """A failure is one error with a stable code and no inside detail; nothing was accepted; the next works."""
    await subject.deliver(message("Nowhere", 1, thread_id=NONSENSE))
    told = [frame["type"] for frame in answers(subject.asking)]
    assert "accepted" not in told, "the message was accepted before it failed"
    assert told == ["error"]
    (error,) = answers(subject.asking)
    assert error["reply_to"] == "c1"
    assert error["payload"]["code"] in ("not_found", "internal")
    assert error["payload"]["retryable"] is False
    detail = error["payload"]["message"].lower()
    assert not [word for word in ("constraint", "asyncpg", "insert", "key (", "chat.") if word in detail]
    assert await subject.deliver(message("Still there", 2)) is True
    assert await subject.said() == ["Still there"]


@fails_before("nobody handles authenticate")
async def test_message_type_support(subject: HandlerSide) -> None:
    """Every type that clients send has one handler, and there is no handler of anything else."""
    handlers = subject.handlers()
    missing = sorted(set(subject.types) - set(handlers))
    assert missing == [], f"nobody handles {', '.join(missing)}"
    assert set(handlers) == set(subject.types)
    for kind in subject.types:
        assert [name for name, handler in handlers.items() if handler.can_handle(kind)] == [kind]
