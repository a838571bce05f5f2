"""Runs: what was asked of an agent, where it stands, and who may write for it."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal

import msgspec

from netra_backend.domain.ids import MessageId, Owner, RunId, ThreadId
from netra_backend.domain.threads import Message

RunStatus = Literal["queued", "running", "completed", "stopped", "failed", "timed_out"]
EndStatus = Literal["completed", "stopped", "failed", "timed_out"]
IfRunning = Literal["enqueue", "reject", "interrupt"]

MAX_ATTEMPTS = 3
"""A run whose worker died three times is the likely cause: it becomes a dead letter."""


class Lane(IntEnum):
    """Priority lanes; the value is the head start given up, in milliseconds.

    A run is due at its acceptance plus this, so lanes are ordered and still age: the lowest
    lane overtakes a flood in the highest after 20 seconds.
    """

    CRITICAL = 0
    HIGH = 2_000
    NORMAL = 6_000
    LOW = 20_000


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a user wants answered. `client_id` makes it idempotent per user."""

    owner: Owner
    client_id: str
    text: str
    thread_id: ThreadId | None
    agent: str | None = None
    input: dict[str, Any] | None = None
    references: tuple[Any, ...] = ()
    if_running: IfRunning = "enqueue"
    lane: Lane = Lane.HIGH


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """What was stored for a submission. `duplicate`: it had been stored before, with these ids.

    `queue_position` is the number of this tenant's queued runs ahead of it, at most 1,000.
    """

    thread_id: ThreadId
    run_id: RunId
    message_id: MessageId
    duplicate: bool
    queue_position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """Outcome of a durable stop intent; `ended`: the run had ended before."""

    thread_id: ThreadId
    run_id: RunId
    message_id: MessageId
    ended: bool


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed run. `attempt` is the fencing token: a write with an older one is refused.

    `deaths` counts the workers that were lost with it; a drain is not a death.
    `message_id` is the user's message, `answer_id` that of the assistant's message being written.
    `history` is what was said in the thread before, oldest first, at most the newest 200 messages; an
    answer stands after the message that it answers, whenever it was written.
    `started`: its `agent_started` was stored with its acceptance.
    """

    id: RunId
    owner: Owner
    thread_id: ThreadId
    message_id: MessageId
    answer_id: MessageId
    agent: str | None
    text: str
    input: dict[str, Any]
    attempt: int
    deaths: int = 0
    stop_requested: bool = False
    history: tuple[Message, ...] = ()
    started: bool = False

    @property
    def exhausted(self) -> bool:
        """Whether its workers died so often that it must not be tried again."""
        return self.deaths >= MAX_ATTEMPTS


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as its owner may see it."""

    id: RunId
    thread_id: ThreadId
    message_id: MessageId
    answer_id: MessageId
    agent: str | None
    status: RunStatus
    attempts: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended: what is written with its `agent_completed`."""

    status: EndStatus
    content: str | None
    at: datetime
