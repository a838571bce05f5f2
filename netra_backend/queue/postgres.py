"""The `Queue` on PostgreSQL. Leases and their ends are the database's time, never a process's."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from netra_backend.domain.ids import MessageId, Owner, RunId, TenantId, ThreadId, UserId, WorkerId
from netra_backend.domain.ports import Clock
from netra_backend.domain.runs import Lane, Run
from netra_backend.store.database import Database, Row, load_queries, tenants_setting
from netra_backend.store.rows import history_of

SQL = load_queries(Path(__file__).parent)


LAPSED_EVERY_S = 0.5
"""Seconds between looks for lapsed leases: they lapse after many seconds, and looking is not free."""


class PostgresQueue:
    """See `domain.ports.Queue`.

    Args:
        database: claiming goes through a function that may see all tenants. It need not be durable:
            a lost claim is only claimed again, and every write that depends on one is durable and
            flushes it.
        lease_s: seconds until a silent worker's runs are taken by another.
    """

    def __init__(self, database: Database, clock: Clock, *, lease_s: float) -> None:
        self._database = database
        self._clock = clock
        self._looked_at = -LAPSED_EVERY_S
        self._lease_s = lease_s

    async def claim(self, worker: WorkerId, *, limit: int) -> Sequence[Run]:
        """See the port."""
        now = self._clock.monotonic()
        lapsed = now - self._looked_at >= LAPSED_EVERY_S
        if lapsed:
            self._looked_at = now
        async with self._database.connection() as connection:
            rows = await connection.fetch(SQL["claim"], worker, limit, self._lease_s, lapsed)
        return [_run(row) for row in rows]

    async def heartbeat(
        self, worker: WorkerId, runs: Collection[Run]
    ) -> tuple[Collection[RunId], Collection[RunId]]:
        """See the port."""
        tenants = tenants_setting(run.owner.tenant_id for run in runs)
        ids, attempts = _tokens(runs)
        async with self._database.connection(urgent=True) as connection:
            rows = await connection.fetch(
                SQL["heartbeat"], tenants, worker, ids, [str(attempt) for attempt in attempts], self._lease_s
            )
        held = {RunId(row["id"]) for row in rows}
        return held, {RunId(row["id"]) for row in rows if row["stop_requested"]}

    async def release(self, worker: WorkerId, runs: Collection[Run]) -> None:
        """See the port."""
        async with self._database.transaction({run.owner.tenant_id for run in runs}) as connection:
            await connection.execute(SQL["release"], worker, *_tokens(runs))

    async def depth(self) -> Mapping[str, int]:
        """See the port."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(SQL["depth"])
        return {"queued": 0, "running": 0} | {row["status"]: row["runs"] for row in rows}

    async def lanes(self) -> Mapping[Lane, int]:
        """See the port."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(SQL["lanes"])
        return dict.fromkeys(Lane, 0) | {Lane(row["lane"]): row["runs"] for row in rows}


def _tokens(runs: Collection[Run]) -> tuple[list[str], list[int]]:
    return [run.id for run in runs], [run.attempt for run in runs]


def _run(row: Row) -> Run:
    return Run(
        id=RunId(row["id"]),
        owner=Owner(TenantId(row["tenant_id"]), UserId(row["user_id"])),
        thread_id=ThreadId(row["thread_id"]),
        message_id=MessageId(row["message_id"]),
        answer_id=MessageId(row["answer_id"]),
        agent=row["agent"],
        text=row["content"],
        input=json.loads(row["input"]) if row["input"] else {},
        attempt=row["attempt"],
        deaths=row["deaths"],
        stop_requested=row["stop_requested"],
        history=history_of(row["history"]),
    )
