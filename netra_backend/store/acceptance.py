"""Durable acceptance: message, run and `message_created` in one transaction, many users at a time.

The decisions are made in the database, under the lock of each owner's counter: a duplicate, a busy
tenant or a thread's open run can then not be overlooked by two gateways at once.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from netra_backend.domain.errors import Busy, Conflict, NetraError, NotFound
from netra_backend.domain.events import Event
from netra_backend.domain.ids import IdSource, MessageId, Owner, RunId, ThreadId
from netra_backend.domain.ports import Clock
from netra_backend.domain.runs import Acceptance, Submission
from netra_backend.domain.threads import Message, title_of
from netra_backend.protocol.payloads import MessageCreatedPayload
from netra_backend.protocol.views import message_view
from netra_backend.store.database import Database, Row, tenants_setting
from netra_backend.store.group import Outcome
from netra_backend.store.streams import SQL, columns_of, events_after

SHARE_S = 0.02
"""Seconds that each queued run of a tenant puts the next one back: one tenant's flood of 1,000
waits 20 s longer than the first message of another."""
BUSY_RETRY_MS = 2000

Committed = Callable[[Sequence[tuple[Owner, Sequence[Event]]]], None]
"""Called after a commit with owners' new events, in order."""


class Acceptor:
    """Commits batches of submissions; used through a `GroupCommit`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        new_id: IdSource,
        *,
        queue_limit: int,
        committed: Committed,
        stopping: Callable[[RunId], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._queue_limit = queue_limit
        self._committed = committed
        self._stopping = stopping

    async def commit(self, items: Sequence[Submission]) -> Sequence[Outcome[Acceptance]]:
        """Accept `items` in one transaction; refusals are outcomes and leave the others alone."""
        now = self._clock.now()
        owners = [item.owner for item in items]
        messages = [self._message(item, now) for item in items]
        payloads = [
            msgspec.json.encode(MessageCreatedPayload(message=message_view(each))) for each in messages
        ]
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                SQL["accept"],
                tenants_setting(owner.tenant_id for owner in owners),
                self._queue_limit,
                now,
                *columns_of(owners),
                [item.client_id for item in items],
                [item.thread_id for item in items],
                [self._new_id() for _ in items],
                [message.id for message in messages],
                [message.run_id for message in messages],
                [self._new_id() for _ in items],
                [item.text for item in items],
                [title_of(item.text) for item in items],
                [json.dumps(item.references) if item.references else None for item in items],
                [item.agent for item in items],
                [json.dumps(item.input) if item.input else None for item in items],
                [item.lane / 1000 for item in items],
                SHARE_S,
                [item.if_running for item in items],
                [payload.decode() for payload in payloads],
            )
        for owner, row, payload in zip(owners, rows, payloads, strict=True):
            if row["outcome"] == "accepted":
                await self._tell(owner, row, payload, now)
        return [_outcome(row) for row in rows]

    def _message(self, item: Submission, now: datetime) -> Message:
        return Message(
            id=MessageId(self._new_id()),
            role="user",
            content=item.text,
            created_at=now,
            run_id=RunId(self._new_id()),
            client_id=item.client_id,
            references=item.references,
        )

    async def _tell(self, owner: Owner, row: Row, payload: bytes, now: datetime) -> None:
        event = Event(
            seq=row["seq"],
            type="message_created",
            payload=payload,
            thread_id=ThreadId(row["thread_id"]),
            run_id=RunId(row["run_id"]),
            ts=now,
        )
        if row["first_seq"] is None:
            self._committed([(owner, [event])])
        else:  # it interrupted others, whose last events come before it
            self._committed([(owner, await self._events_between(owner, row["first_seq"], row["seq"]))])
        for run_id in row["interrupted"]:
            self._stopping(RunId(str(run_id)))

    async def _events_between(self, owner: Owner, first: int, last: int) -> Sequence[Event]:
        async with self._database.transaction([owner.tenant_id]) as connection:
            return await events_after(connection, owner, first - 1, limit=last - first + 1)


def _outcome(row: Row) -> Outcome[Acceptance]:
    if row["outcome"] in ("accepted", "duplicate"):
        return Acceptance(
            thread_id=ThreadId(row["thread_id"]),
            run_id=RunId(row["run_id"]),
            message_id=MessageId(row["message_id"]),
            duplicate=row["outcome"] == "duplicate",
            queue_position=row["position_"],
        )
    refusals: dict[str, NetraError] = {
        "not_found": NotFound(),
        "conflict": Conflict(),
        "busy": Busy(retry_after_ms=BUSY_RETRY_MS),
    }
    return refusals[row["outcome"]]
