"""Every frame of the wire, one struct each, in two closed unions; and the only codec for them.

AsyncAPI, JSON Schema and the reference page are generated from here. No logic.
"""

from datetime import datetime
from typing import Annotated, Any, get_args
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from netra_backend.protocol import payloads as p

SUBPROTOCOL = "netra.v1"

FrameId = Annotated[
    str,
    Meta(min_length=1, max_length=64, pattern=r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]+(?![\s\S])"),
]


class _Client(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """Any frame from a client; a frame without `id` is answered without `reply_to`."""

    id: FrameId | UnsetType = UNSET
    thread_id: UUID | UnsetType = UNSET


class _Command(_Client, frozen=True, kw_only=True):
    """A frame whose effect is stored: its `id` is required and makes it idempotent."""

    id: FrameId


class _OfThread(_Client, frozen=True, kw_only=True):
    """A frame about one thread."""

    thread_id: UUID


class Authenticate(_Client, tag="authenticate", frozen=True, kw_only=True):
    """Log in, or renew the token of an open socket."""

    payload: p.AuthenticatePayload


class Resume(_Client, tag="resume", frozen=True, kw_only=True):
    """Ask for the durable events after a position."""

    payload: p.ResumePayload


class UserMessage(_Command, tag="user_message", frozen=True, kw_only=True):
    """A message to be answered; without `thread_id` it starts a thread."""

    payload: p.UserMessagePayload


class StartAgent(_Command, tag="start_agent", frozen=True, kw_only=True):
    """A task for an agent; without `thread_id` it starts a thread."""

    payload: p.StartAgentPayload


class StopAgent(_Command, tag="stop_agent", frozen=True, kw_only=True):
    """Stop a run."""

    payload: p.StopAgentPayload


class GetThreadHistory(_OfThread, tag="get_thread_history", frozen=True, kw_only=True):
    """A page of a thread's messages."""

    payload: p.GetThreadHistoryPayload = p.GetThreadHistoryPayload()


class ListThreads(_Client, tag="list_threads", frozen=True, kw_only=True):
    """A page of the user's threads."""

    payload: p.ListThreadsPayload = p.ListThreadsPayload()


class Follow(_OfThread, tag="follow", frozen=True, kw_only=True):
    """Receive the live text of a thread."""

    payload: p.Empty = p.Empty()


class Unfollow(_OfThread, tag="unfollow", frozen=True, kw_only=True):
    """Stop receiving the live text of a thread."""

    payload: p.Empty = p.Empty()


class Typing(_OfThread, tag="typing", frozen=True, kw_only=True):
    """Tell the user's other connections; the only frame without an answer."""

    payload: p.TypingPayload


class Ping(_Client, tag="ping", frozen=True, kw_only=True):
    """Ask for a sign of life."""

    payload: p.Empty = p.Empty()


WebSocketMessage = (
    Authenticate
    | Resume
    | UserMessage
    | StartAgent
    | StopAgent
    | GetThreadHistory
    | ListThreads
    | Follow
    | Unfollow
    | Typing
    | Ping
)
"""A validated frame from a client."""

CLIENT_TYPES: tuple[str, ...] = tuple(kind.__struct_config__.tag for kind in get_args(WebSocketMessage))
"""The names of all types that a client may send."""


class ServerFrame(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """Any frame from the server. `seq` is set on durable events only."""

    reply_to: str | UnsetType = UNSET
    seq: int | UnsetType = UNSET
    thread_id: str | UnsetType = UNSET
    run_id: str | UnsetType = UNSET
    ts: datetime | UnsetType = UNSET


class MessageCreated(ServerFrame, tag="message_created", frozen=True, kw_only=True):
    """Durable: a user's message was stored."""

    payload: p.MessageCreatedPayload


class AgentStarted(ServerFrame, tag="agent_started", frozen=True, kw_only=True):
    """Durable: an attempt of a run began."""

    payload: p.AgentStartedPayload


class AgentThinking(ServerFrame, tag="agent_thinking", frozen=True, kw_only=True):
    """Durable: a thought."""

    payload: p.AgentThinkingPayload


class ToolExecuting(ServerFrame, tag="tool_executing", frozen=True, kw_only=True):
    """Durable: a tool call began."""

    payload: p.ToolExecutingPayload


class ToolCompleted(ServerFrame, tag="tool_completed", frozen=True, kw_only=True):
    """Durable: a tool call ended."""

    payload: p.ToolCompletedPayload


class AgentCompleted(ServerFrame, tag="agent_completed", frozen=True, kw_only=True):
    """Durable: the run ended."""

    payload: p.AgentCompletedPayload


class ThreadUpdated(ServerFrame, tag="thread_updated", frozen=True, kw_only=True):
    """Durable: a thread's title or archive mark changed."""

    payload: p.ThreadUpdatedPayload


class MessageDelta(ServerFrame, tag="message_delta", frozen=True, kw_only=True):
    """Live: more text of an answer."""

    payload: p.MessageDeltaPayload


class MessageSnapshot(ServerFrame, tag="message_snapshot", frozen=True, kw_only=True):
    """Live: the text of an answer so far."""

    payload: p.MessageSnapshotPayload


class Followed(ServerFrame, tag="followed", frozen=True, kw_only=True):
    """The thread's live text follows."""

    payload: p.NoPayload = p.NoPayload()


class Unfollowed(ServerFrame, tag="unfollowed", frozen=True, kw_only=True):
    """The thread's live text ends."""

    payload: p.NoPayload = p.NoPayload()


class Connected(ServerFrame, tag="connected", frozen=True, kw_only=True):
    """The socket is authenticated."""

    payload: p.ConnectedPayload


class Resumed(ServerFrame, tag="resumed", frozen=True, kw_only=True):
    """Everything missed was sent."""

    payload: p.HeadPayload


class Resync(ServerFrame, tag="resync", frozen=True, kw_only=True):
    """The client must reload."""

    payload: p.ResyncPayload


class Accepted(ServerFrame, tag="accepted", frozen=True, kw_only=True):
    """A command is stored."""

    payload: p.AcceptedPayload


class Error(ServerFrame, tag="error", frozen=True, kw_only=True):
    """A frame was refused."""

    payload: p.ErrorPayload


class Heartbeat(ServerFrame, tag="heartbeat", frozen=True, kw_only=True):
    """Sign of life, with the user's head."""

    payload: p.HeadPayload


class Pong(ServerFrame, tag="pong", frozen=True, kw_only=True):
    """Answer to `ping`."""

    payload: p.HeadPayload


class ThreadHistory(ServerFrame, tag="thread_history", frozen=True, kw_only=True):
    """A page of messages."""

    payload: p.ThreadHistoryPayload


class Threads(ServerFrame, tag="threads", frozen=True, kw_only=True):
    """A page of threads."""

    payload: p.ThreadsPayload


class TypingChanged(ServerFrame, tag="typing", frozen=True, kw_only=True):
    """Another connection of this user is typing."""

    payload: p.TypingNotice


class TokenExpiring(ServerFrame, tag="token_expiring", frozen=True, kw_only=True):
    """The token ends soon."""

    payload: p.TokenExpiringPayload


class Reconnect(ServerFrame, tag="reconnect", frozen=True, kw_only=True):
    """The server will close this connection."""

    payload: p.ReconnectPayload


DurableFrame = (
    MessageCreated
    | AgentStarted
    | AgentThinking
    | ToolExecuting
    | ToolCompleted
    | AgentCompleted
    | ThreadUpdated
)
"""Frames that carry `seq`."""

LiveFrame = MessageDelta | MessageSnapshot
"""Frames whose loss costs nothing."""

ControlFrame = (
    Followed
    | Unfollowed
    | Connected
    | Resumed
    | Resync
    | Accepted
    | Error
    | Heartbeat
    | Pong
    | ThreadHistory
    | Threads
    | TypingChanged
    | TokenExpiring
    | Reconnect
)
"""Answers and notices of the connection itself."""


class EventFrame(Struct, frozen=True, kw_only=True):
    """A durable frame around a payload that is encoded already; the same bytes as its own struct."""

    type: str
    seq: int
    thread_id: str | UnsetType = UNSET
    run_id: str | UnsetType = UNSET
    ts: datetime
    payload: Raw


class _IdOnly(Struct):
    """Just enough of a refused frame to answer it."""

    id: Any = field(default=None)


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[WebSocketMessage] = msgspec.json.Decoder(WebSocketMessage)
_id_decoder = msgspec.json.Decoder(_IdOnly)


def encode(value: Any) -> bytes:
    """The JSON text of a frame or payload, as UTF-8 bytes."""
    return _encoder.encode(value)


def decode(frame: str | bytes) -> WebSocketMessage:
    """A typed frame.

    Raises:
        msgspec.DecodeError: not JSON, or not a frame (msgspec.ValidationError, with a path).
        RecursionError: nested too deeply; callers check the depth before.
    """
    return _decoder.decode(frame)


def id_of(frame: str) -> str | None:
    """The `id` of a frame that may be invalid otherwise, or None if it has no valid one."""
    try:
        return msgspec.convert(_id_decoder.decode(frame).id, FrameId)
    except (msgspec.MsgspecError, RecursionError):
        return None
