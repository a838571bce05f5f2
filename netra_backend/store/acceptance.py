"""Durable acceptance: message, run and `message_created` in one transaction, many users at a time.

The decisions are made in the database, under the lock of each owner's counter: a duplicate, a busy
tenant or a thread's open run can then not be overlooked by two gateways at once. A run for which the
worker of this process has a free slot is that worker's from the same commit on, and does not queue.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from netra_backend.domain.errors import Busy, Conflict, NetraError, NotFound
from netra_backend.domain.events import Draft, Event
from netra_backend.domain.ids import IdSource, MessageId, Owner, RunId, ThreadId
from netra_backend.domain.ports import Clock, Starter
from netra_backend.domain.runs import Acceptance, Run, Submission
from netra_backend.domain.threads import Message, title_of
from netra_backend.protocol.payloads import MessageCreatedPayload
from netra_backend.protocol.views import message_view
from netra_backend.store.database import Database, Row, tenants_setting
from netra_backend.store.group import Outcome
from netra_backend.store.rows import history_of
from netra_backend.store.streams import SQL, columns_of, events_after, packed

SHARE_S = 0.02
"""Seconds that each queued run of a tenant puts the next one back: one tenant's flood of 1,000
waits 20 s longer than the first message of another."""
BUSY_RETRY_MS = 2000

Committed = Callable[[Sequence[tuple[Owner, Sequence[Event]]]], None]
"""Called after a commit with owners' new events, in order."""


class Acceptor:
    """Commits batches of submissions; used through a `GroupCommit`.

    Attributes:
        starter: the worker of this process, if there is one.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        new_id: IdSource,
        *,
        queue_limit: int,
        committed: Committed,
        queued: Callable[[], None],
        stopping: Callable[[RunId], None],
    ) -> None:
        self.starter: Starter | None = None
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._queue_limit = queue_limit
        self._committed = committed
        self._queued = queued
        self._stopping = stopping

    async def commit(self, items: Sequence[Submission]) -> Sequence[Outcome[Acceptance]]:
        """Accept `items` in one transaction; refusals are outcomes and leave the others alone."""
        now = self._clock.now()
        entries: list[_Entry] = []
        try:
            entries.extend(self._entry(item, now) for item in items)
            rows = await self._write(entries, now)
            told = [
                (entry.item.owner, await self._events(entry, row, now))
                for entry, row in zip(entries, rows, strict=True)
                if row["outcome"] == "accepted"
            ]
        except BaseException:
            self._release(entries)
            raise
        self._committed(told)
        if len(told) > sum(row["started"] for row in rows):
            self._queued()
        self._release([entry for entry, row in zip(entries, rows, strict=True) if not row["started"]])
        for entry, row in zip(entries, rows, strict=True):
            for run_id in row["interrupted"]:
                self._stopping(RunId(str(run_id)))
            if row["started"] and self.starter is not None:
                self.starter.start(_run(entry, row))
        return [_outcome(row) for row in rows]

    def _entry(self, item: Submission, now: datetime) -> "_Entry":
        message = Message(
            id=MessageId(self._new_id()),
            role="user",
            content=item.text,
            created_at=now,
            run_id=RunId(self._new_id()),
            client_id=item.client_id,
            references=item.references,
        )
        answer_id = MessageId(self._new_id())
        return _Entry(
            item=item,
            message=message,
            answer_id=answer_id,
            created=msgspec.json.encode(MessageCreatedPayload(message=message_view(message))),
            started=self.starter.reserve(item.agent, answer_id) if self.starter else None,
        )

    def _release(self, entries: "Sequence[_Entry]") -> None:
        for entry in entries:
            if self.starter is not None and entry.started is not None:
                self.starter.release(entry.answer_id)

    async def _write(self, entries: "Sequence[_Entry]", now: datetime) -> Sequence[Row]:
        items = [entry.item for entry in entries]
        owners = [item.owner for item in items]
        async with self._database.connection(urgent=True) as connection:
            rows: Sequence[Row] = await connection.fetch(
                SQL["accept"],
                tenants_setting(owner.tenant_id for owner in owners),
                self._queue_limit,
                now,
                *columns_of(owners),
                [item.client_id for item in items],
                packed(item.thread_id for item in items),
                packed(self._new_id() if item.thread_id is None else None for item in items),
                packed(entry.message.id for entry in entries),
                packed(entry.message.run_id for entry in entries),
                packed(entry.answer_id for entry in entries),
                [item.text for item in items],
                [title_of(item.text) for item in items],
                packed(json.dumps(item.references) if item.references else None for item in items),
                [item.agent for item in items],
                packed(json.dumps(item.input) if item.input else None for item in items),
                packed(str(item.lane / 1000) for item in items),
                SHARE_S,
                packed(item.if_running for item in items),
                packed(entry.created.decode() for entry in entries),
                packed(entry.started.decode() if entry.started else None for entry in entries),
                self.starter.worker_id if self.starter else None,
                self.starter.lease_s if self.starter else None,
            )
        return rows

    async def _events(self, entry: "_Entry", row: Row, now: datetime) -> Sequence[Event]:
        """The owner's new events, in order."""
        if row["first_seq"] is not None:  # it interrupted others, whose last events come before it
            return await self._events_between(entry.item.owner, row["first_seq"], row["seq"])
        drafts = [Draft("message_created", entry.created)]
        if row["started"] and entry.started is not None:
            drafts.append(Draft("agent_started", entry.started))
        return [
            Event(
                seq=seq,
                type=draft.type,
                payload=draft.payload,
                thread_id=ThreadId(row["thread_id"]),
                run_id=RunId(row["run_id"]),
                ts=now,
            )
            for seq, draft in enumerate(drafts, row["seq"])
        ]

    async def _events_between(self, owner: Owner, first: int, last: int) -> Sequence[Event]:
        async with self._database.transaction([owner.tenant_id]) as connection:
            return await events_after(connection, owner, first - 1, limit=last - first + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A submission on its way; `started`: the payload of `agent_started` if a slot is set aside."""

    item: Submission
    message: Message
    answer_id: MessageId
    created: bytes
    started: bytes | None


def _run(entry: _Entry, row: Row) -> Run:
    item = entry.item
    return Run(
        id=RunId(row["run_id"]),
        owner=item.owner,
        thread_id=ThreadId(row["thread_id"]),
        message_id=entry.message.id,
        answer_id=entry.answer_id,
        agent=item.agent,
        text=item.text,
        input=item.input or {},
        attempt=1,
        history=history_of(row["history"]),
        started=True,
    )


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
