"""The event log on PostgreSQL: numbers events per owner, many users in one transaction.

A write carries its run's attempt; after another worker took the run over, or it ended, the write
is refused as a whole.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from netra_backend.domain.errors import Degraded
from netra_backend.domain.events import Append, Draft, Event, Fenced
from netra_backend.domain.ids import Owner, RunId, TenantId, UserId
from netra_backend.domain.ports import Clock
from netra_backend.domain.runs import Run
from netra_backend.store.database import Database, load_queries, tenants_setting
from netra_backend.store.group import CROWD_LINGER_S, GroupCommit, Outcome
from netra_backend.store.rows import event_of
from netra_backend.store.streams import SQL as STORE_SQL
from netra_backend.store.streams import columns_of, events_after, lock_stream, packed

SQL = load_queries(Path(__file__).parent)

SHARED_EVENTS = 32
"""Events of one owner in a read for many: what a client misses in seconds, and no load for the memory."""

Committed = Callable[[Sequence[tuple[Owner, Sequence[Event]]]], None]


class _Position(NamedTuple):
    """Where somebody's reading begins."""

    owner: Owner
    after: int


class PostgresEventLog:
    """See `domain.ports.EventLog`. `committed` hears of every write, in commit order."""

    def __init__(self, database: Database, clock: Clock, *, committed: Committed) -> None:
        self._database = database
        self._clock = clock
        self._committed = committed
        self._appends: GroupCommit[Append, Sequence[Event]] = GroupCommit(self._commit)
        self._single_heads: GroupCommit[Owner, int] = GroupCommit(
            self._read_single_heads, linger_s=CROWD_LINGER_S
        )
        self._missed: GroupCommit[_Position, Sequence[Event]] = GroupCommit(
            self._read_missed, linger_s=CROWD_LINGER_S
        )
        self._epoch = ""

    async def open(self) -> None:
        """Read the epoch."""
        async with self._database.connection() as connection:
            self._epoch = await connection.fetchval(SQL["epoch"])

    async def close(self) -> None:
        """Wait for what is being written."""
        await self._appends.settle()

    @property
    def epoch(self) -> str:
        """See the port."""
        if not self._epoch:
            raise Degraded
        return self._epoch

    def append(self, append: Append) -> Awaitable[Sequence[Event]]:
        """See the port."""
        return self._appends.put(append)

    async def restart(
        self, run: Run, reopen: Callable[[Sequence[Event]], Sequence[Draft]]
    ) -> Sequence[Event]:
        """See the port."""
        owner = run.owner
        async with self._database.transaction([owner.tenant_id]) as connection:
            before = await lock_stream(connection, owner)
            if await connection.fetchrow(SQL["held"], run.id, run.attempt) is None:
                raise Fenced
            rows = await connection.fetch(SQL["run_events"], *owner, run.id)
            now = self._clock.now()
            for draft in reopen([event_of(row) for row in rows]):
                payload = draft.payload.decode()
                await connection.execute(
                    STORE_SQL["add_event"], *owner, run.thread_id, run.id, draft.type, payload, now
                )
            events = await events_after(connection, owner, before)
        self._committed([(owner, events)])
        return events

    async def read(self, owner: Owner, *, after: int, limit: int) -> Sequence[Event]:
        """See the port."""
        if limit > SHARED_EVENTS:
            few = await self._missed.submit(_Position(owner, after))
            if len(few) < SHARED_EVENTS:
                return few
        async with self._database.transaction([owner.tenant_id]) as connection:
            return await events_after(connection, owner, after, limit=limit)

    async def run_events(self, owner: Owner, run_id: RunId) -> Sequence[Event]:
        """See the port."""
        async with self._database.transaction([owner.tenant_id]) as connection:
            return [event_of(row) for row in await connection.fetch(SQL["run_events"], *owner, run_id)]

    async def heads(self, owners: Collection[Owner]) -> Mapping[Owner, int]:
        """See the port."""
        if len(owners) != 1:
            return await self._read_heads(owners)
        (owner,) = owners
        return {owner: await self._single_heads.submit(owner)}

    async def _read_single_heads(self, owners: Sequence[Owner]) -> Sequence[int]:
        """Thousands of clients that reconnect at once ask for one head each."""
        heads = await self._read_heads(owners)
        return [heads[owner] for owner in owners]

    async def _read_heads(self, owners: Collection[Owner]) -> dict[Owner, int]:
        heads = dict.fromkeys(owners, 0)
        tenants = tenants_setting(owner.tenant_id for owner in owners)
        async with self._database.connection() as connection:
            for tenant, user, head in await connection.fetch(
                SQL["heads"], tenants, *columns_of(list(owners))
            ):
                heads[Owner(TenantId(tenant), UserId(user))] = head
        return heads

    async def _read_missed(self, positions: Sequence[_Position]) -> Sequence[Sequence[Event]]:
        """Thousands of clients that reconnect at once have each missed a few events."""
        owners = [position.owner for position in positions]
        found: list[list[Event]] = [[] for _ in positions]
        async with self._database.connection() as connection:
            for row in await connection.fetch(
                SQL["missed"],
                tenants_setting(owner.tenant_id for owner in owners),
                *columns_of(owners),
                packed(str(position.after) for position in positions),
                SHARED_EVENTS,
            ):
                found[row["place"] - 1].append(event_of(row))
        return found

    async def _commit(self, appends: Sequence[Append]) -> Sequence[Outcome[Sequence[Event]]]:
        owners = [append.owner for append in appends]
        now = self._clock.now()
        times = [append.ending.at if append.ending else now for append in appends]
        usual = now.isoformat()
        drafts = [(place, draft) for place, append in enumerate(appends, 1) for draft in append.drafts]
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                SQL["append"],
                tenants_setting(owner.tenant_id for owner in owners),
                *columns_of(owners),
                packed(append.thread_id for append in appends),
                packed(append.run_id for append in appends),
                packed(str(append.attempt) for append in appends),
                packed(append.ending.status if append.ending else None for append in appends),
                [append.ending.content if append.ending else None for append in appends],
                packed(append.ending.at.isoformat() if append.ending else usual for append in appends),
                packed(str(place) for place, _ in drafts),
                packed(draft.type for _, draft in drafts),
                packed(draft.payload.decode() for _, draft in drafts),
            )
        first = {row["place"]: row["first_seq"] for row in rows}
        outcomes = [
            _numbered(append, first.get(place), ts)
            for place, (append, ts) in enumerate(zip(appends, times, strict=True), 1)
        ]
        self._committed(
            [
                (owner, outcome)
                for owner, outcome in zip(owners, outcomes, strict=True)
                if not isinstance(outcome, Exception)
            ]
        )
        return outcomes


def _numbered(append: Append, first_seq: int | None, ts: datetime) -> Outcome[Sequence[Event]]:
    if first_seq is None:
        return Fenced(append.run_id)
    return [
        Event(
            seq=seq,
            type=draft.type,
            payload=draft.payload,
            thread_id=append.thread_id,
            run_id=append.run_id,
            ts=ts,
        )
        for seq, draft in enumerate(append.drafts, first_seq)
    ]
