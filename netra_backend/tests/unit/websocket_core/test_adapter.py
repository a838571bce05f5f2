import re
from typing import Any

import pytest

from netra_backend.domain.errors import BadMessage, NetraError, NotFound, UnknownType
from netra_backend.protocol import messages as m
from netra_backend.protocol.payloads import UserMessagePayload
from netra_backend.websocket_core.adapter import (
    CanonicalHandlerAdapter,
    LegacyHandlerAdapter,
    LegacyHandlerError,
    RefusedByHandler,
)

MESSAGE = m.UserMessage(id="i", payload=UserMessagePayload(text="hi"))
PAYLOAD = {"type": "user_message", "id": "i", "payload": {"text": "hi"}}
SOCKET: Any = object()


class Legacy:
    """A legacy handler that keeps its calls and then fails as told."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._failure = failure

    async def handle(self, user_id: str, payload: dict[str, Any]) -> None:
        """See `LegacyHandler`."""
        self.calls.append((user_id, payload))
        if self._failure is not None:
            raise self._failure


class Canonical:
    """A canonical handler with a fixed outcome."""

    def __init__(self, outcome: bool) -> None:
        self.calls: list[tuple[str, object, object]] = []
        self._outcome = outcome

    async def handle_message(self, user_id: str, websocket: object, message: object) -> bool:
        """See `MessageHandler`."""
        self.calls.append((user_id, websocket, message))
        return self._outcome

    def can_handle(self, message_type: str) -> bool:
        """Everything."""
        return True


def adapted(legacy: Legacy) -> tuple[LegacyHandlerAdapter, list[tuple[NetraError, str | None]]]:
    """The adapter for `user_message`, and what it reports."""
    reports: list[tuple[NetraError, str | None]] = []
    adapter = LegacyHandlerAdapter(
        legacy, ["user_message"], report=lambda _, error, reply_to: reports.append((error, reply_to))
    )
    return adapter, reports


async def test_a_legacy_handler_gets_the_whole_payload() -> None:
    """As plain values."""
    legacy = Legacy()
    adapter, reports = adapted(legacy)
    assert await adapter.handle_message("ada", SOCKET, MESSAGE) is True
    (call,) = legacy.calls
    assert call[0] == "ada"
    assert (call[1]["type"], call[1]["id"], call[1]["payload"]["text"]) == ("user_message", "i", "hi")
    assert reports == []


async def test_a_legacy_failure_is_reported_with_its_cause() -> None:
    """Never as success."""
    cause = KeyError("inside")
    adapter, reports = adapted(Legacy(cause))
    assert await adapter.handle_message("ada", SOCKET, MESSAGE) is False
    ((error, reply_to),) = reports
    assert isinstance(error, LegacyHandlerError)
    assert (error.__cause__, reply_to, str(error)) == (cause, "i", "The legacy handler failed.")


async def test_a_domain_error_keeps_its_code() -> None:
    """It says what it says."""
    refusal = NotFound()
    adapter, reports = adapted(Legacy(refusal))
    assert await adapter.handle_message("ada", SOCKET, MESSAGE) is False
    assert reports == [(refusal, "i")]


async def test_a_type_that_it_was_not_made_for_is_an_error() -> None:
    """The legacy handler does not see it."""
    legacy = Legacy()
    adapter, reports = adapted(legacy)
    assert (adapter.can_handle("user_message"), adapter.can_handle("ping")) == (True, False)
    assert await adapter.handle_message("ada", SOCKET, m.Ping()) is False
    assert [(type(error), str(error), reply_to) for error, reply_to in reports] == [
        (UnknownType, "This handler does not take 'ping'.", None)
    ]
    assert legacy.calls == []
    with pytest.raises(UnknownType, match=r"^No such message type: agent_x, nonsense\.$"):
        LegacyHandlerAdapter(legacy, ["ping", "nonsense", "agent_x"], report=lambda *_: None)


async def test_a_legacy_caller_reaches_the_canonical_handler() -> None:
    """With a validated message."""
    handler = Canonical(True)
    await CanonicalHandlerAdapter({"user_message": handler}, SOCKET).handle("ada", PAYLOAD)
    assert handler.calls == [("ada", SOCKET, MESSAGE)]


async def test_a_legacy_caller_hears_of_a_refusal() -> None:
    """As an exception: its interface has no result."""
    with pytest.raises(RefusedByHandler):
        await CanonicalHandlerAdapter({"user_message": Canonical(False)}, SOCKET).handle("ada", PAYLOAD)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"type": "ping"}, UnknownType("No handler claims 'ping'.")),
        ({"type": "nonsense"}, UnknownType()),
        ({}, BadMessage("Object missing required field `type`.")),
        ({**PAYLOAD, "payload": {"text": 7}}, BadMessage("Expected `str`, got `int`.")),
    ],
)
async def test_a_payload_that_nobody_can_take_is_an_error(payload: dict[str, Any], error: NetraError) -> None:
    """The handler does not see it."""
    handler = Canonical(True)
    with pytest.raises(type(error), match=f"^{re.escape(str(error))}$"):
        await CanonicalHandlerAdapter({"user_message": handler}, SOCKET).handle("ada", payload)
    assert handler.calls == []
