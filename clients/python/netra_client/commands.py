"""Every frame the client may send, as JSON bytes. What is `None` is left out of the frame.

The server refuses unknown and null fields, so a frame is built from these structs and from nothing else.
"""

from typing import Any, Literal

import msgspec

from netra_client.ids import Epoch, MessageId, RunId, ThreadId

IfRunning = Literal["enqueue", "reject", "interrupt"]


class UserMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of `user_message`."""

    text: str
    references: list[Any] | None = None
    agent: str | None = None
    if_running: IfRunning | None = None


class StartAgent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of `start_agent`."""

    query: str
    agent: str | None = None
    input: dict[str, Any] | None = None
    if_running: IfRunning | None = None


class StopAgent(msgspec.Struct, frozen=True):
    """Of `stop_agent`."""

    run_id: RunId


class Authenticate(msgspec.Struct, frozen=True):
    """Of `authenticate`."""

    token: str

    def __repr__(self) -> str:
        # A token must not reach a log by way of a traceback's locals.
        return "Authenticate(token=...)"


class Resume(msgspec.Struct, frozen=True):
    """Of `resume`: everything after the durable event `after` of `epoch`."""

    epoch: Epoch
    after: int


class GetThreadHistory(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of `get_thread_history`; `limit` is 1..200."""

    limit: int | None = None
    before: MessageId | None = None


class ListThreads(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of `list_threads`."""

    limit: int | None = None
    before: ThreadId | None = None


class SetTyping(msgspec.Struct, frozen=True):
    """Of `typing`."""

    active: bool


class Empty(msgspec.Struct, frozen=True):
    """Of `follow`, `unfollow` and `ping`."""


Payload = (
    UserMessage
    | StartAgent
    | StopAgent
    | Authenticate
    | Resume
    | GetThreadHistory
    | ListThreads
    | SetTyping
    | Empty
)


class _Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    type: str
    id: str | None = None
    thread_id: ThreadId | None = None
    # `{}` is sent, not left out: it is the wire's own spelling of an empty payload.
    payload: Payload


_ENCODER = msgspec.json.Encoder()


def encode(
    type_: str, payload: Payload, *, id_: str | None = None, thread_id: ThreadId | None = None
) -> bytes:
    """Return one frame as UTF-8 JSON."""
    return _ENCODER.encode(_Frame(type=type_, id=id_, thread_id=thread_id, payload=payload))
