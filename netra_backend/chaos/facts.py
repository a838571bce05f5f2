"""What the database holds, read by plain SQL with the owner's role: the truth that recordings are held against."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import asyncpg

from netra_backend.domain.ids import Owner, TenantId, UserId

ENDED = frozenset({"completed", "stopped", "failed", "timed_out"})
PAGE = 5_000
"""Rows fetched at once: the log of a long run does not have to fit twice."""


class EventFact(NamedTuple):
    """A durable event. Ids are text; `payload` is decoded."""

    seq: int
    type: str
    thread_id: str | None
    run_id: str | None
    payload: dict[str, Any]


class MessageFact(NamedTuple):
    """A message of history; `seq` is the place in it."""

    seq: int
    id: str
    thread_id: str
    run_id: str | None
    role: str
    content: str
    client_id: str | None


class RunFact(NamedTuple):
    """A run."""

    id: str
    thread_id: str
    answer_id: str
    status: str


@dataclass(slots=True, kw_only=True)
class UserFacts:
    """All of one user, each list in the order of `seq` or of creation.

    Attributes:
        head: the last number given out.
    """

    head: int = 0
    events: list[EventFact] = field(default_factory=list)
    messages: list[MessageFact] = field(default_factory=list)
    runs: list[RunFact] = field(default_factory=list)


Facts = Mapping[Owner, UserFacts]

_STREAMS = "SELECT tenant_id, user_id, head FROM streams"
_EVENTS = """
    SELECT tenant_id, user_id, seq, type, thread_id::text, run_id::text, payload::text
    FROM events ORDER BY tenant_id, user_id, seq
"""
_MESSAGES = """
    SELECT tenant_id, user_id, seq, id::text, thread_id::text, run_id::text, role, content, client_id
    FROM messages ORDER BY tenant_id, user_id, seq, id
"""
_RUNS = """
    SELECT tenant_id, user_id, id::text, thread_id::text, answer_id::text, status
    FROM runs ORDER BY tenant_id, user_id, turn, id
"""


async def read_database(owner_url: str, *, owners: Collection[Owner] | None = None) -> Facts:
    """Everything of `owners`, or of everybody, as of one moment.

    Args:
        owner_url: the database as the role that owns the schema; the application's role sees no row.
        owners: whose facts are wanted.
    """
    facts: dict[Owner, UserFacts] = {}
    connection = await asyncpg.connect(owner_url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for query, take in _READERS:
                async for row in connection.cursor(query, prefetch=PAGE):
                    owner = Owner(TenantId(row[0]), UserId(row[1]))
                    if owners is None or owner in owners:
                        take(facts.setdefault(owner, UserFacts()), tuple(row)[2:])
    finally:
        await connection.close()
    return facts


def _take_stream(user: UserFacts, row: tuple[Any, ...]) -> None:
    (user.head,) = row


def _take_event(user: UserFacts, row: tuple[Any, ...]) -> None:
    seq, kind, thread_id, run_id, payload = row
    user.events.append(EventFact(seq, kind, thread_id, run_id, json.loads(payload)))


def _take_message(user: UserFacts, row: tuple[Any, ...]) -> None:
    user.messages.append(MessageFact(*row))


def _take_run(user: UserFacts, row: tuple[Any, ...]) -> None:
    user.runs.append(RunFact(*row))


_READERS = ((_STREAMS, _take_stream), (_EVENTS, _take_event), (_MESSAGES, _take_message), (_RUNS, _take_run))
