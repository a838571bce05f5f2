"""Every frame the server may send: one frozen struct a type, a closed union, one decoder.

A type that this file does not know is returned as `Unknown` and skipped; its `seq` still counts.
"""

from typing import get_args

import msgspec

from netra_client.errors import MalformedFrame
from netra_client.ids import RunId, ThreadId
from netra_client.payloads import (
    AcceptedPayload,
    AgentCompletedPayload,
    AgentStartedPayload,
    AgentThinkingPayload,
    ConnectedPayload,
    ErrorPayload,
    HeadPayload,
    MessageCreatedPayload,
    MessageDeltaPayload,
    MessageSnapshotPayload,
    Nothing,
    ReconnectPayload,
    ResyncPayload,
    ThreadHistoryPayload,
    ThreadsPayload,
    ThreadUpdatedPayload,
    Timestamp,
    TokenExpiringPayload,
    ToolCompletedPayload,
    ToolExecutingPayload,
    TypingPayload,
)


class Frame(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every frame may have; durable events are those with a `seq`."""

    reply_to: str | None = None
    seq: int | None = None
    thread_id: ThreadId | None = None
    run_id: RunId | None = None
    ts: Timestamp | None = None


# Durable events: they carry `seq` and are replayed after a reconnect.


class MessageCreated(Frame, frozen=True, tag="message_created"):
    """A message is in a thread, also one sent from another tab."""

    payload: MessageCreatedPayload


class AgentStarted(Frame, frozen=True, tag="agent_started"):
    """An attempt at a run begins."""

    payload: AgentStartedPayload


class AgentThinking(Frame, frozen=True, tag="agent_thinking"):
    """The agent says what it is about to do."""

    payload: AgentThinkingPayload


class ToolExecuting(Frame, frozen=True, tag="tool_executing"):
    """A tool call begins."""

    payload: ToolExecutingPayload


class ToolCompleted(Frame, frozen=True, tag="tool_completed"):
    """A tool call ends."""

    payload: ToolCompletedPayload


class AgentCompleted(Frame, frozen=True, tag="agent_completed"):
    """A run ends; nothing of it comes after this."""

    payload: AgentCompletedPayload


class ThreadUpdated(Frame, frozen=True, tag="thread_updated"):
    """A thread has a new title, or was archived or taken back."""

    payload: ThreadUpdatedPayload


# Live text: losing one costs nothing.


class MessageDelta(Frame, frozen=True, tag="message_delta"):
    """More text of a message being written."""

    payload: MessageDeltaPayload


class MessageSnapshot(Frame, frozen=True, tag="message_snapshot"):
    """All text so far of a message being written."""

    payload: MessageSnapshotPayload


# Control.


class Connected(Frame, frozen=True, tag="connected"):
    """The connection is authenticated; also the answer to a renewed token."""

    payload: ConnectedPayload


class Resumed(Frame, frozen=True, tag="resumed"):
    """The replay is complete up to `head`."""

    payload: HeadPayload


class Resync(Frame, frozen=True, tag="resync"):
    """The missed events cannot be replayed: reload what is shown."""

    payload: ResyncPayload


class Accepted(Frame, frozen=True, tag="accepted"):
    """A command is durable."""

    payload: AcceptedPayload
    thread_id: ThreadId
    run_id: RunId


class ErrorFrame(Frame, frozen=True, tag="error"):
    """A frame was refused."""

    payload: ErrorPayload


class Followed(Frame, frozen=True, tag="followed"):
    """Live text of a thread comes on this connection."""

    payload: Nothing = Nothing()


class Unfollowed(Frame, frozen=True, tag="unfollowed"):
    """Live text of a thread no longer comes on this connection."""

    payload: Nothing = Nothing()


class Heartbeat(Frame, frozen=True, tag="heartbeat"):
    """The server lives, and this is the newest `seq`."""

    payload: HeadPayload


class Pong(Frame, frozen=True, tag="pong"):
    """The answer to `ping`."""

    payload: HeadPayload


class ThreadHistory(Frame, frozen=True, tag="thread_history"):
    """A page of a thread's messages."""

    payload: ThreadHistoryPayload


class Threads(Frame, frozen=True, tag="threads"):
    """A page of the user's threads."""

    payload: ThreadsPayload


class Typing(Frame, frozen=True, tag="typing"):
    """The same user types on another connection."""

    payload: TypingPayload


class TokenExpiring(Frame, frozen=True, tag="token_expiring"):
    """The token is about to expire."""

    payload: TokenExpiringPayload


class Reconnect(Frame, frozen=True, tag="reconnect"):
    """The server is about to close this connection; come back after the time given."""

    payload: ReconnectPayload


RunLifecycle = AgentStarted | AgentThinking | ToolExecuting | ToolCompleted | AgentCompleted
Durable = MessageCreated | RunLifecycle | ThreadUpdated
Live = MessageDelta | MessageSnapshot
Answer = Resumed | Accepted | Followed | Unfollowed | Pong | ThreadHistory | Threads
Control = Connected | Resync | ErrorFrame | Heartbeat | Typing | TokenExpiring | Reconnect
ServerFrame = Durable | Live | Answer | Control


class Unknown(msgspec.Struct, frozen=True):
    """A frame of a type from after this client's time."""

    type: str
    seq: int | None = None


_FRAMES: msgspec.json.Decoder[ServerFrame] = msgspec.json.Decoder(ServerFrame)
_HEADERS = msgspec.json.Decoder(Unknown)
_KNOWN = frozenset(str(frame.__struct_config__.tag) for frame in get_args(ServerFrame))


def decode(data: str | bytes) -> ServerFrame | Unknown:
    """Read one text frame of the server.

    Raises:
        MalformedFrame: it is not JSON, has no `type`, or lacks the shape of its known type.
    """
    try:
        return _FRAMES.decode(data)
    except msgspec.DecodeError as error:
        return _unknown(data, error)


def _unknown(data: str | bytes, error: msgspec.DecodeError) -> Unknown:
    try:
        header = _HEADERS.decode(data)
    except msgspec.DecodeError:
        raise MalformedFrame(f"The server sent what is not a frame: {error}.") from error
    if header.type in _KNOWN:
        raise MalformedFrame(f"The server sent a malformed `{header.type}`: {error}.") from error
    return header
