"""The payload of every frame, one frozen struct each, in the order of `docs/protocol.md`.

Structs read from clients refuse unknown fields. No logic here.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from netra_backend.domain.runs import EndStatus, IfRunning
from netra_backend.domain.threads import Role

Text = Annotated[str, Meta(min_length=1, pattern=r"^[^\u0000]*(?![\s\S])")]
"""Text that PostgreSQL can hold: not empty and without the character U+0000."""

AgentName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:/-]+(?![\s\S])")]
PageLimit = Annotated[int, Meta(ge=1, le=200)]
ToolStatus = Literal["ok", "error", "cancelled", "unknown"]


class Inbound(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of payloads that clients send."""


class Outbound(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of payloads that the server sends; optional fields are left out when unset."""


class Empty(Inbound, frozen=True):
    """No fields."""


class AuthenticatePayload(Inbound, frozen=True):
    """A bearer token."""

    token: Annotated[str, Meta(min_length=1, max_length=16384)]


class ResumePayload(Inbound, frozen=True):
    """Where the client stands. The range of `after` is checked by the resume machine."""

    epoch: Annotated[str, Meta(max_length=128)]
    after: int


class UserMessagePayload(Inbound, frozen=True):
    """A message of the user."""

    text: Text
    references: Annotated[list[str | dict[str, Any]], Meta(max_length=64)] | UnsetType = UNSET
    agent: AgentName | UnsetType = UNSET
    if_running: IfRunning = "enqueue"


class StartAgentPayload(Inbound, frozen=True):
    """A task for a named agent."""

    query: Text
    agent: AgentName | UnsetType = UNSET
    input: dict[str, Any] | UnsetType = UNSET
    if_running: IfRunning = "enqueue"


class StopAgentPayload(Inbound, frozen=True):
    """The run to stop."""

    run_id: UUID


class GetThreadHistoryPayload(Inbound, frozen=True):
    """A page of messages before a message."""

    limit: PageLimit = 50
    before: UUID | UnsetType = UNSET


class ListThreadsPayload(Inbound, frozen=True):
    """A page of threads after a thread."""

    limit: PageLimit = 50
    before: UUID | UnsetType = UNSET


class TypingPayload(Inbound, frozen=True):
    """Whether the user is typing."""

    active: bool


class MessageView(Outbound, frozen=True):
    """A message as clients see it; `content` is markdown."""

    id: str
    role: Role
    content: str
    created_at: datetime
    run_id: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    references: list[Any] | UnsetType = UNSET


class ThreadView(Outbound, frozen=True):
    """A thread as clients see it."""

    id: str
    title: str
    archived: bool
    created_at: datetime
    updated_at: datetime


class MessageCreatedPayload(Outbound, frozen=True):
    """A user's message was stored."""

    message: MessageView


class AgentStartedPayload(Outbound, frozen=True):
    """An attempt began; `message_id` is the answer's."""

    agent: str
    attempt: int
    message_id: str


class AgentThinkingPayload(Outbound, frozen=True):
    """A thought of the agent."""

    text: str


class ToolExecutingPayload(Outbound, frozen=True):
    """A tool call began."""

    tool_call_id: str
    tool: str
    arguments: Any


class ToolCompletedPayload(Outbound, frozen=True):
    """A tool call ended. `unknown`: its worker died before the outcome was stored."""

    tool_call_id: str
    tool: str
    status: ToolStatus
    duration_ms: int
    result: Any = UNSET
    error: str | UnsetType = UNSET


class RunError(Outbound, frozen=True):
    """Why a run failed, without any inside detail."""

    code: str
    message: str


class Usage(Outbound, frozen=True):
    """Tokens that the model counted."""

    input_tokens: int
    output_tokens: int


class AgentCompletedPayload(Outbound, frozen=True):
    """The run ended; nothing of it comes after."""

    status: EndStatus
    duration_ms: int
    attempts: int
    message: MessageView | UnsetType = UNSET
    error: RunError | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET


class ThreadUpdatedPayload(Outbound, frozen=True):
    """A thread's title or archive mark changed."""

    title: str | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


class MessageDeltaPayload(Outbound, frozen=True):
    """Text that follows `offset` code points."""

    message_id: str
    offset: int
    text: str


class MessageSnapshotPayload(Outbound, frozen=True):
    """The whole text so far."""

    message_id: str
    text: str


class NoPayload(Outbound, frozen=True):
    """No fields."""


class ConnectedPayload(Outbound, frozen=True):
    """Who the connection is for and where the user's stream stands."""

    user_id: str
    tenant_id: str
    connection_id: str
    epoch: str
    head: int
    heartbeat_s: float
    max_frame_bytes: int
    server_version: str


class HeadPayload(Outbound, frozen=True):
    """The last durable `seq` of the user."""

    head: int


class ResyncPayload(Outbound, frozen=True):
    """The client must reload: its position cannot be continued."""

    reason: Literal["epoch", "ahead", "retention"]
    head: int


class AcceptedPayload(Outbound, frozen=True):
    """The command is stored."""

    message_id: str
    duplicate: bool
    queue_position: int


class ErrorPayload(Outbound, frozen=True):
    """Why a frame was refused."""

    code: str
    message: str
    retryable: bool
    retry_after_ms: int | UnsetType = UNSET
    path: str | UnsetType = UNSET


class ThreadHistoryPayload(Outbound, frozen=True):
    """A page of messages, oldest first."""

    messages: list[MessageView]
    has_more: bool


class ThreadsPayload(Outbound, frozen=True):
    """A page of threads, last used first."""

    threads: list[ThreadView]
    has_more: bool


class TypingNotice(Outbound, frozen=True):
    """Another connection of this user is typing."""

    active: bool


class TokenExpiringPayload(Outbound, frozen=True):
    """The token ends soon: send `authenticate` again."""

    seconds: int


class ReconnectPayload(Outbound, frozen=True):
    """The server will close this connection: open another one."""

    retry_after_ms: int
