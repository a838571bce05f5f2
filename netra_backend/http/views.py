"""What only HTTP answers with; everything else is a payload of the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from netra_backend.domain.events import Event
from netra_backend.domain.runs import RunRecord, RunStatus, Stopping
from netra_backend.protocol.frames import event_frame
from netra_backend.protocol.payloads import ErrorPayload, Outbound


class Refusal(Outbound, frozen=True):
    """A request was refused."""

    error: ErrorPayload


class TokenView(Struct, frozen=True, kw_only=True):
    """A new access token; `expires_in` is in seconds."""

    access_token: str
    expires_in: int
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the kind of a token, not one


class MeView(Outbound, frozen=True):
    """Who is logged in."""

    user_id: str
    tenant_id: str
    roles: list[str]
    expires_at: datetime
    email: str | UnsetType = UNSET


class SessionView(Outbound, frozen=True):
    """A login that stands; `current` is the one that asks."""

    id: str
    created_at: datetime
    expires_at: datetime
    current: bool


class SessionsView(Outbound, frozen=True):
    """The user's logins, newest first."""

    sessions: list[SessionView]


class RunView(Outbound, frozen=True):
    """A run with all its durable events, in order."""

    id: str
    thread_id: str
    message_id: str
    answer_id: str
    status: RunStatus
    attempts: int
    created_at: datetime
    events: list[Raw]
    agent: str | UnsetType = UNSET
    started_at: datetime | UnsetType = UNSET
    ended_at: datetime | UnsetType = UNSET


class StopView(Outbound, frozen=True):
    """The intent to stop is stored; `duplicate`: the run had ended before."""

    thread_id: str
    run_id: str
    duplicate: bool


class HealthView(Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: str


class ReadyView(Struct, frozen=True, kw_only=True):
    """`ready`, `degraded` (slower, nothing lost) or `unavailable`, and which store answers."""

    status: str
    stores: dict[str, bool]


def run_view(record: RunRecord, events: Sequence[Event]) -> RunView:
    """A run for its owner."""
    return RunView(
        id=record.id,
        thread_id=record.thread_id,
        message_id=record.message_id,
        answer_id=record.answer_id,
        status=record.status,
        attempts=record.attempts,
        created_at=record.created_at,
        events=[Raw(event_frame(event)) for event in events],
        agent=record.agent if record.agent is not None else UNSET,
        started_at=record.started_at if record.started_at is not None else UNSET,
        ended_at=record.ended_at if record.ended_at is not None else UNSET,
    )


def stop_view(stopping: Stopping) -> StopView:
    """The outcome of a stop."""
    return StopView(thread_id=stopping.thread_id, run_id=stopping.run_id, duplicate=stopping.ended)
