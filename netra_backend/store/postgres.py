"""The `Store` on PostgreSQL. Every statement names tenant and user, under row-level security as well."""

from collections.abc import Callable, Sequence

from netra_backend.domain.errors import NotFound
from netra_backend.domain.events import Event
from netra_backend.domain.ids import IdSource, MessageId, Owner, RunId, TenantId, ThreadId
from netra_backend.domain.ports import Clock, Starter
from netra_backend.domain.runs import Acceptance, RunRecord, Stopping, Submission
from netra_backend.domain.threads import Message, Page, Thread
from netra_backend.store.acceptance import Acceptor, Committed
from netra_backend.store.database import Connection, Database, Row, tenants_setting
from netra_backend.store.group import GroupCommit
from netra_backend.store.rows import events_of, message_of, run_of, thread_of, thread_of_hit
from netra_backend.store.streams import SQL, events_after, lock_stream

LONGEST_WAIT_S = 5.0
"""Seconds that a message may wait for its turn; beyond it the sender is told `busy`."""


class PostgresStore:
    """Threads, messages and runs; see `domain.ports.Store` for what each call means.

    Args:
        committed: hears of new events after their commit, in order.
        queued: hears that a worker may find a run to claim.
        stopping: hears of each running run that should stop, after the intent's commit.
        took: hears of the seconds that each acceptance took, and whose it was.
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
        took: Callable[[TenantId, float], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._committed = committed
        self._queued = queued
        self._stopping = stopping
        self._took = took
        self._acceptor = Acceptor(
            database,
            clock,
            new_id,
            queue_limit=queue_limit,
            committed=committed,
            queued=queued,
            stopping=stopping,
        )
        self._acceptances: GroupCommit[Submission, Acceptance] = GroupCommit(
            self._acceptor.commit, longest_wait_s=LONGEST_WAIT_S
        )

    def start_with(self, starter: Starter) -> None:
        """Offer `starter` the runs of accepted messages before they queue."""
        self._acceptor.starter = starter

    async def close(self) -> None:
        """Wait for what is being committed."""
        await self._acceptances.settle()

    async def accept(self, submission: Submission) -> Acceptance:
        """See the port."""
        began = self._clock.monotonic()
        acceptance = await self._acceptances.submit(submission)
        self._took(submission.owner.tenant_id, self._clock.monotonic() - began)
        return acceptance

    async def stop(self, owner: Owner, run_id: RunId) -> Stopping:
        """See the port."""
        tenants, now = tenants_setting([owner.tenant_id]), self._clock.now()
        async with self._database.connection(urgent=True) as connection:
            row = await connection.fetchrow(SQL["stop_run"], tenants, *owner, run_id, now)
        if row is None:
            raise NotFound
        self._tell(owner, events_of(row, now), row["running"])
        return Stopping(
            thread_id=ThreadId(row["thread_id"]),
            run_id=run_id,
            message_id=MessageId(row["message_id"]),
            ended=row["ended"],
        )

    async def stop_all(self, owner: Owner) -> None:
        """See the port."""
        async with self._database.transaction([owner.tenant_id]) as connection:
            before = await lock_stream(connection, owner)
            running = await connection.fetchval(SQL["stop"], *owner, None, None, self._clock.now())
            events = await events_after(connection, owner, before)
        self._tell(owner, events, running)

    def _tell(self, owner: Owner, events: Sequence[Event], running: Sequence[str]) -> None:
        self._committed([(owner, events)])
        self._queued()
        for run_id in running:
            self._stopping(RunId(run_id))

    async def history(
        self, owner: Owner, thread_id: ThreadId, *, limit: int, before: MessageId | None = None
    ) -> Page[Message]:
        """See the port."""
        async with self._database.transaction([owner.tenant_id]) as connection:
            rows = await connection.fetch(SQL["history"], *owner, thread_id, before, limit + 1)
            if not rows:
                await _require(connection, "thread", *owner, thread_id)
                if before is not None:
                    await _require(connection, "message_exists", *owner, thread_id, before)
        return Page(tuple(message_of(row) for row in reversed(rows[:limit])), has_more=len(rows) > limit)

    async def search(self, owner: Owner, words: str, limit: int) -> Sequence[tuple[Thread, Message]]:
        """See the port."""
        wanted = words.lower().split()
        if not wanted:
            return []
        async with self._database.transaction([owner.tenant_id]) as connection:
            rows = await connection.fetch(SQL["search"], *owner, wanted, limit)
        return [(thread_of_hit(row), message_of(row)) for row in rows]

    async def threads(self, owner: Owner, *, limit: int, before: ThreadId | None = None) -> Page[Thread]:
        """See the port."""
        async with self._database.transaction([owner.tenant_id]) as connection:
            rows = await connection.fetch(SQL["threads"], *owner, before, limit + 1)
            if not rows and before is not None:
                await _require(connection, "thread", *owner, before)
        return Page(tuple(thread_of(row) for row in rows[:limit]), has_more=len(rows) > limit)

    async def run(self, owner: Owner, run_id: RunId) -> RunRecord:
        """See the port."""
        async with self._database.transaction([owner.tenant_id]) as connection:
            return run_of(await _require(connection, "run", *owner, run_id))

    async def open_runs(self, owner: Owner, thread_id: ThreadId) -> Sequence[RunRecord]:
        """See the port."""
        async with self._database.transaction([owner.tenant_id]) as connection:
            rows = await connection.fetch(SQL["open_runs"], *owner, thread_id)
            if not rows:
                await _require(connection, "thread", *owner, thread_id)
        return [run_of(row) for row in rows]


async def _require(connection: Connection, query: str, *arguments: str) -> Row:
    row = await connection.fetchrow(SQL[query], *arguments)
    if row is None:
        raise NotFound
    return row
