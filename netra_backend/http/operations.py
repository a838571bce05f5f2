"""For the role operator: which connection is slow, and where the events of a run spent their time.

An operator sees the own tenant only. Ids and numbers, never a text.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from netra_backend.domain.errors import Forbidden
from netra_backend.domain.events import Event
from netra_backend.domain.identity import OPERATOR, Principal
from netra_backend.domain.ids import RunId
from netra_backend.events.enquiry import ProcessName
from netra_backend.events.operations import Passed, RunTrace
from netra_backend.http.answers import documented, json_answer
from netra_backend.http.dependencies import Asker, Deps
from netra_backend.protocol.payloads import Outbound

router = APIRouter(tags=["operations"], prefix="/v1/operations")


class ProcessView(Outbound, frozen=True):
    """A process that answered."""

    id: str
    host: str
    pid: int


class ConnectionView(Outbound, frozen=True):
    """How one connection does. Sizes in bytes; `slow`: it waits for its client."""

    connection_id: str
    gateway: str
    tenant_id: str
    user_id: str
    connected_s: float
    frames_sent: int
    bytes_sent: int
    bytes_waiting: int
    oldest_wait_ms: float
    slow: bool


class ConnectionsView(Outbound, frozen=True):
    """The tenant's connections, those that wait longest first.

    `everywhere` is false while Valkey is away: then only this gateway's are shown. `total` counts also
    those beyond the first thousand of each gateway.
    """

    everywhere: bool
    gateways: list[ProcessView]
    total: int
    connections: list[ConnectionView]


class WrittenView(Outbound, frozen=True):
    """When an event was written to a connection; `after_ms` counts from its storing."""

    at: datetime
    connection_id: str
    gateway: str
    after_ms: float | UnsetType = UNSET


class EventTraceView(Outbound, frozen=True):
    """Where one event has been.

    `ts` is the database's. A time that no process remembers is left out, as is each wait that would
    need it: `to_store_ms` from produced to stored, `to_publish_ms` from stored to published,
    `to_write_ms` from stored to the first writing.
    """

    seq: int
    type: str
    ts: datetime
    written: list[WrittenView]
    produced_at: datetime | UnsetType = UNSET
    stored_at: datetime | UnsetType = UNSET
    published_at: datetime | UnsetType = UNSET
    to_store_ms: float | UnsetType = UNSET
    to_publish_ms: float | UnsetType = UNSET
    to_write_ms: float | UnsetType = UNSET


class RunTraceView(Outbound, frozen=True):
    """The events of a run and where they have been.

    `everywhere` is false while Valkey is away: then only what this process remembers is shown.
    """

    run_id: str
    tenant_id: str
    user_id: str
    everywhere: bool
    processes: list[ProcessView]
    events: list[EventTraceView]


VIEWS = (ProcessView, ConnectionView, ConnectionsView, WrittenView, EventTraceView, RunTraceView)


async def operator(asker: Asker) -> Principal:
    """Who asks, if the role is there."""
    if OPERATOR not in asker.roles:
        raise Forbidden("This is for the role operator.")
    return asker


Operator = Annotated[Principal, Depends(operator)]


@router.get("/connections", responses=documented(ConnectionsView))
async def connections(asker: Operator, deps: Deps) -> Response:
    """Every connection of the operator's tenant, over all gateways."""
    tenant_id = asker.owner.tenant_id
    answers = await deps.operations.connections(tenant_id)
    found = [
        ConnectionView(
            connection_id=each.connection_id,
            gateway=part.process.id,
            tenant_id=tenant_id,
            user_id=each.user_id,
            connected_s=round(each.connected_s, 3),
            frames_sent=each.frames_sent,
            bytes_sent=each.bytes_sent,
            bytes_waiting=each.bytes_waiting,
            oldest_wait_ms=_round(each.waiting_s),
            slow=each.slow,
        )
        for part in answers.parts
        for each in part.value.connections
    ]
    found.sort(key=lambda each: (-each.oldest_wait_ms, -each.bytes_waiting, each.connection_id))
    return json_answer(
        ConnectionsView(
            everywhere=answers.everywhere,
            gateways=process_views(part.process for part in answers.parts),
            total=sum(part.value.total for part in answers.parts),
            connections=found,
        )
    )


@router.get("/runs/{run_id}/trace", responses=documented(RunTraceView))
async def trace(run_id: UUID, asker: Operator, deps: Deps) -> Response:
    """When each event of a run was produced, stored, published and written to each connection."""
    found = await deps.operations.trace(asker.owner.tenant_id, RunId(str(run_id)))
    return json_answer(_trace_view(str(run_id), found))


def _trace_view(run_id: str, found: RunTrace) -> RunTraceView:
    return RunTraceView(
        run_id=run_id,
        tenant_id=found.owner.tenant_id,
        user_id=found.owner.user_id,
        everywhere=found.everywhere,
        processes=process_views(found.processes),
        events=[_event_view(event, found.steps) for event in found.events],
    )


def _event_view(event: Event, steps: Sequence[Passed]) -> EventTraceView:
    mine = [passed for passed in steps if passed.step.first <= event.seq <= passed.step.last]
    first: dict[str, float] = {}
    for passed in mine:
        first.setdefault(passed.step.stage, passed.step.at)
    produced, stored = first.get("produced"), first.get("stored")
    return EventTraceView(
        seq=event.seq,
        type=event.type,
        ts=event.ts,
        written=[
            WrittenView(
                at=_time(passed.step.at),
                connection_id=passed.step.where,
                gateway=passed.process.id,
                after_ms=_between(stored, passed.step.at),
            )
            for passed in mine
            if passed.step.stage == "written"
        ],
        produced_at=_time(produced) if produced is not None else UNSET,
        stored_at=_time(stored) if stored is not None else UNSET,
        published_at=_time(first["published"]) if "published" in first else UNSET,
        to_store_ms=_between(produced, stored),
        to_publish_ms=_between(stored, first.get("published")),
        to_write_ms=_between(stored, first.get("written")),
    )


def process_views(names: Iterable[ProcessName]) -> list[ProcessView]:
    """Processes that answered."""
    return [ProcessView(id=name.id, host=name.host, pid=name.pid) for name in names]


def _between(start: float | None, end: float | None) -> float | UnsetType:
    return _round(end - start) if start is not None and end is not None else UNSET


def _round(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
