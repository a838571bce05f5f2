"""What operators may ask about connections and runs of their tenant, over all processes.

Nothing here shows what anybody wrote: ids, times, numbers, and the codes of errors. Every question names the tenant of who asks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from netra_backend.domain.errors import NotFound
from netra_backend.domain.events import Event
from netra_backend.domain.ids import Owner, RunId, TenantId, ThreadId, UserId
from netra_backend.domain.ports import EventLog
from netra_backend.domain.runs import Lane, RunStatus
from netra_backend.domain.traffic import Traffic
from netra_backend.events.enquiry import Answers, Enquiry, Part, ProcessName
from netra_backend.observability.figures import Figures, Report, added
from netra_backend.observability.trace import Step, Trace
from netra_backend.store.database import Database, Row, load_queries

SQL = load_queries(Path(__file__).parent)

MAX_CONNECTIONS = 1000
"""Of one process in one answer: those that wait longest come first."""


FAILURES_S = 24 * 3600
"""Seconds back that failures are grouped: what broke in the night is seen in the morning."""

MAX_FAILURES = 2000
"""The newest ones; an agent that always fails makes millions."""


class GatewayReport(msgspec.Struct, frozen=True):
    """The tenant's connections at one gateway, those that wait longest first, and how many there are."""

    total: int
    connections: list[Traffic]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A step, and the process that saw it."""

    step: Step
    process: ProcessName


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTrace:
    """What happened to the events of a run. `everywhere` is false if only this process could be asked."""

    owner: Owner
    events: Sequence[Event]
    steps: Sequence[Passed]
    processes: Sequence[ProcessName]
    everywhere: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRun:
    """A run of the tenant. `code`: the error's, if it failed.

    `retry_of`: the failed run that an operator tried again as this one; `retried_as` the other way round.
    """

    id: RunId
    user_id: UserId
    thread_id: ThreadId
    agent: str | None
    status: RunStatus
    lane: Lane
    attempts: int
    stop_requested: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    code: str | None
    retry_of: RunId | None
    retried_as: RunId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Runs that failed for the same cause; `last_run` is the newest of them."""

    status: RunStatus
    agent: str | None
    code: str | None
    runs: int
    first_seen: datetime
    last_seen: datetime
    last_run: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many runs of a lane are in a status, and since how many seconds the oldest of them is there."""

    lane: Lane
    status: RunStatus
    runs: int
    oldest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFigures:
    """The tenant's figures, added over the processes that answered."""

    report: Report
    processes: Sequence[ProcessName]
    everywhere: bool


class Operations:
    """See the module."""

    def __init__(
        self, database: Database, log: EventLog, enquiry: Enquiry, trace: Trace, figures: Figures
    ) -> None:
        self._database = database
        self._log = log
        self._enquiry = enquiry
        self._trace = trace
        enquiry.answer("steps", self._steps)
        enquiry.answer("figures", lambda tenant_id: msgspec.to_builtins(figures.report(tenant_id)))

    def report(self, traffic: Callable[[str], Sequence[Traffic]]) -> None:
        """Answer questions about connections: this process is a gateway (at start-up only)."""

        def answer(tenant_id: str) -> Any:
            found = traffic(tenant_id)
            return msgspec.to_builtins(GatewayReport(len(found), list(found[:MAX_CONNECTIONS])))

        self._enquiry.answer("connections", answer)

    async def connections(self, tenant_id: TenantId) -> Answers:
        """The tenant's connections at every gateway; each part is a `GatewayReport`."""
        answers = await self._enquiry.ask("connections", tenant_id)
        parts = [Part(part.process, msgspec.convert(part.value, GatewayReport)) for part in answers.parts]
        return Answers(parts, everywhere=answers.everywhere)

    async def figures(self, tenant_id: TenantId) -> TenantFigures:
        """Events, latencies and refusals of the last minutes, over all processes."""
        answers = await self._enquiry.ask("figures", tenant_id)
        reports = [msgspec.convert(part.value, Report, strict=False) for part in answers.parts]
        return TenantFigures(
            report=added(reports),
            processes=[part.process for part in answers.parts],
            everywhere=answers.everywhere,
        )

    async def runs(self, tenant_id: TenantId, *, ended: bool, limit: int) -> Sequence[TenantRun]:
        """The tenant's newest runs: those that have not ended, or the last to end first."""
        query = SQL["ended_of_tenant" if ended else "open_of_tenant"]
        async with self._database.transaction([tenant_id]) as connection:
            return [_run(row) for row in await connection.fetch(query, tenant_id, limit)]

    async def queue(self, tenant_id: TenantId) -> Sequence[Waiting]:
        """The tenant's open runs by lane and status; what is empty is left out."""
        async with self._database.transaction([tenant_id]) as connection:
            rows = await connection.fetch(SQL["queue_of_tenant"], tenant_id)
        return [
            Waiting(lane=Lane(row["lane"]), status=row["status"], runs=row["runs"], oldest_s=row["oldest_s"])
            for row in rows
        ]

    async def failures(self, tenant_id: TenantId) -> Sequence[Failures]:
        """The tenant's failed runs of the last day, at most the newest 2,000, grouped by cause."""
        async with self._database.transaction([tenant_id]) as connection:
            rows = await connection.fetch(
                SQL["failures_of_tenant"], tenant_id, float(FAILURES_S), MAX_FAILURES
            )
        return [Failures(**dict(row)) for row in rows]

    async def owner_of(self, tenant_id: TenantId, run_id: RunId) -> Owner:
        """Whose run it is.

        Raises:
            NotFound: the tenant has no such run.
        """
        async with self._database.transaction([tenant_id]) as connection:
            user_id = await connection.fetchval(SQL["user_of_run"], tenant_id, run_id)
        if user_id is None:
            raise NotFound
        return Owner(tenant_id, UserId(user_id))

    async def trace(self, tenant_id: TenantId, run_id: RunId) -> RunTrace:
        """The steps of a run's events.

        Raises:
            NotFound: the tenant has no such run.
        """
        owner = await self.owner_of(tenant_id, run_id)
        events = await self._log.run_events(owner, run_id)
        first, last = (events[0].seq, events[-1].seq) if events else (1, 0)
        answers = await self._enquiry.ask("steps", *owner, str(first), str(last))
        steps = [
            Passed(step=Step(stage, owner, start, end, at, where), process=part.process)
            for part in answers.parts
            for stage, start, end, at, where in part.value
        ]
        return RunTrace(
            owner=owner,
            events=events,
            steps=sorted(steps, key=lambda passed: passed.step.at),
            processes=[part.process for part in answers.parts],
            everywhere=answers.everywhere,
        )

    def _steps(self, tenant_id: str, user_id: str, first: str, last: str) -> list[Any]:
        found = self._trace.steps((tenant_id, user_id), int(first), int(last))
        return [(step.stage, step.first, step.last, step.at, step.where) for step in found]


def _run(row: Row) -> TenantRun:
    return TenantRun(
        id=RunId(row["id"]),
        user_id=UserId(row["user_id"]),
        thread_id=ThreadId(row["thread_id"]),
        agent=row["agent"],
        status=row["status"],
        lane=Lane(row["lane"]),
        attempts=row["attempt"],
        stop_requested=row["stop_requested"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        code=row["code"],
        retry_of=row["retry_of"],
        retried_as=row["retried_as"],
    )
