"""What the server's frames carry, one frozen struct a payload. No logic.

Fields that the server adds later are ignored, so that an old client outlives a new server.
"""

from typing import Any, Literal

import msgspec

from netra_client.ids import Epoch, MessageId, RunId, ThreadId, ToolCallId

Role = Literal["user", "assistant"]
ToolStatus = Literal["ok", "error", "cancelled", "unknown"]
RunStatus = Literal["completed", "stopped", "failed", "timed_out"]
Timestamp = str | int | float


class Nothing(msgspec.Struct, frozen=True):
    """An empty payload."""


class Message(msgspec.Struct, frozen=True):
    """One message of a thread; `content` is markdown."""

    id: MessageId
    role: Role
    content: str
    created_at: Timestamp | None = None
    run_id: RunId | None = None
    client_id: str | None = None
    references: list[Any] | None = None


class ThreadSummary(msgspec.Struct, frozen=True):
    """One row of the list of threads."""

    id: ThreadId
    title: str | None = None
    archived: bool = False
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None


class Fault(msgspec.Struct, frozen=True):
    """Why a run ended without an answer."""

    code: str
    message: str = ""


class MessageCreatedPayload(msgspec.Struct, frozen=True):
    """Of `message_created`."""

    message: Message


class AgentStartedPayload(msgspec.Struct, frozen=True):
    """Of `agent_started`; `message_id` is the answer being written."""

    agent: str
    attempt: int
    message_id: MessageId | None = None


class AgentThinkingPayload(msgspec.Struct, frozen=True):
    """Of `agent_thinking`."""

    text: str


class ToolExecutingPayload(msgspec.Struct, frozen=True):
    """Of `tool_executing`; `arguments` is any JSON."""

    tool_call_id: ToolCallId
    tool: str
    arguments: Any = None


class ToolCompletedPayload(msgspec.Struct, frozen=True):
    """Of `tool_completed`; `result` and `error` are any JSON, `duration_ms` milliseconds."""

    tool_call_id: ToolCallId
    tool: str
    status: ToolStatus
    duration_ms: float | None = None
    result: Any = None
    error: Any = None


class AgentCompletedPayload(msgspec.Struct, frozen=True):
    """Of `agent_completed`, the last event of a run; `duration_ms` is milliseconds."""

    status: RunStatus
    duration_ms: float | None = None
    attempts: int = 1
    message: Message | None = None
    error: Fault | None = None
    usage: Any = None


class ThreadUpdatedPayload(msgspec.Struct, frozen=True):
    """Of `thread_updated`; what is absent did not change."""

    title: str | None = None
    archived: bool | None = None


class MessageDeltaPayload(msgspec.Struct, frozen=True):
    """Of `message_delta`; `offset` is in code points, which is what `len` of a `str` counts."""

    message_id: MessageId
    offset: int
    text: str


class MessageSnapshotPayload(msgspec.Struct, frozen=True):
    """Of `message_snapshot`; `text` is everything written so far."""

    message_id: MessageId
    text: str


class ConnectedPayload(msgspec.Struct, frozen=True):
    """Of `connected`; `heartbeat_s` is seconds, `head` the newest durable `seq` of the user."""

    user_id: str
    tenant_id: str
    connection_id: str
    epoch: Epoch
    head: int
    heartbeat_s: float
    max_frame_bytes: int
    server_version: str


class HeadPayload(msgspec.Struct, frozen=True):
    """Of `heartbeat`, `pong` and `resumed`: the newest durable `seq` of the user."""

    head: int


class ResyncPayload(msgspec.Struct, frozen=True):
    """Of `resync`: the stream goes on after `head`; what is before it must be reloaded."""

    reason: str
    head: int


class AcceptedPayload(msgspec.Struct, frozen=True):
    """Of `accepted`; `duplicate` says that this id was accepted before."""

    message_id: MessageId | None = None
    duplicate: bool = False
    queue_position: int | None = None


class ErrorPayload(msgspec.Struct, frozen=True):
    """Of `error`; `retry_after_ms` is milliseconds."""

    code: str
    message: str = ""
    retryable: bool = False
    retry_after_ms: int | None = None
    path: Any = None


class ThreadHistoryPayload(msgspec.Struct, frozen=True):
    """Of `thread_history`, in the order of the thread."""

    messages: list[Message]
    has_more: bool = False


class ThreadsPayload(msgspec.Struct, frozen=True):
    """Of `threads`."""

    threads: list[ThreadSummary]
    has_more: bool = False


class TypingPayload(msgspec.Struct, frozen=True):
    """Of `typing`, from the same user's other connections."""

    active: bool


class TokenExpiringPayload(msgspec.Struct, frozen=True):
    """Of `token_expiring`: seconds until the server closes with 4401."""

    seconds: float


class ReconnectPayload(msgspec.Struct, frozen=True):
    """Of `reconnect`, sent before the server drains: when to come back, in milliseconds."""

    retry_after_ms: int = 0
