"""What operators may ask about connections and runs of their tenant, over all processes.

Nothing here shows what anybody wrote. Every question names the tenant of who asks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from netra_backend.domain.errors import NotFound
from netra_backend.domain.events import Event
from netra_backend.domain.ids import Owner, RunId, TenantId, UserId
from netra_backend.domain.ports import EventLog
from netra_backend.domain.traffic import Traffic
from netra_backend.events.enquiry import Answers, Enquiry, Part, ProcessName
from netra_backend.observability.trace import Step, Trace
from netra_backend.store.database import Database, load_queries

SQL = load_queries(Path(__file__).parent)

MAX_CONNECTIONS = 1000
"""Of one process in one answer: those that wait longest come first."""


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


class Operations:
    """See the module."""

    def __init__(self, database: Database, log: EventLog, enquiry: Enquiry, trace: Trace) -> None:
        self._database = database
        self._log = log
        self._enquiry = enquiry
        self._trace = trace
        enquiry.answer("steps", self._steps)

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

    async def trace(self, tenant_id: TenantId, run_id: RunId) -> RunTrace:
        """The steps of a run's events.

        Raises:
            NotFound: the tenant has no such run.
        """
        async with self._database.transaction([tenant_id]) as connection:
            user_id = await connection.fetchval(SQL["user_of_run"], tenant_id, run_id)
        if user_id is None:
            raise NotFound
        owner = Owner(tenant_id, UserId(user_id))
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
