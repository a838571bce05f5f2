"""What the dashboard is answered with. Ids, times, numbers and the codes of errors, never a text."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

from msgspec import UNSET, UnsetType

from netra_backend.domain.runs import Lane, RunStatus
from netra_backend.events.operations import Failures, TenantFigures, TenantRun, Waiting
from netra_backend.http.operations import ProcessView, process_views
from netra_backend.observability.figures import SLOT_S, SLOTS, Cause, Slot, merged, percentile
from netra_backend.protocol.payloads import Outbound
from netra_backend.store.retries import Retried

LaneName = Literal["critical", "high", "normal", "low"]


class TenantRunView(Outbound, frozen=True):
    """A run of the tenant. `stopping`: a stop is stored, the run has not ended yet.

    `error` is the code of what it failed of. `retry_of`: the failed run that an operator tried again as
    this one; `retried_as`: the run that this one was tried again as.
    """

    id: str
    user_id: str
    thread_id: str
    status: RunStatus
    lane: LaneName
    attempts: int
    stopping: bool
    created_at: datetime
    agent: str | UnsetType = UNSET
    started_at: datetime | UnsetType = UNSET
    ended_at: datetime | UnsetType = UNSET
    error: str | UnsetType = UNSET
    retry_of: str | UnsetType = UNSET
    retried_as: str | UnsetType = UNSET


class TenantRunsView(Outbound, frozen=True):
    """The tenant's runs: those that have not ended, the newest first, then the last to end first."""

    runs: list[TenantRunView]


class RetryView(Outbound, frozen=True):
    """The new run is stored: of the same thread and message, behind so many queued ones of the tenant."""

    run_id: str
    retry_of: str
    thread_id: str
    message_id: str
    queue_position: int


class LaneView(Outbound, frozen=True):
    """A lane of the tenant's queue. `oldest_s`: seconds that the oldest queued run has waited."""

    lane: LaneName
    queued: int
    running: int
    oldest_s: float | UnsetType = UNSET


class QueueView(Outbound, frozen=True):
    """The tenant's open runs by lane, the most urgent lane first."""

    tenant_id: str
    queued: int
    running: int
    lanes: list[LaneView]


class LatencyView(Outbound, frozen=True):
    """How many there were, and milliseconds that 50, 95 and 99 % of them did not pass.

    Off by a quarter at most. Without any the percentiles are left out.
    """

    count: int
    p50_ms: float | UnsetType = UNSET
    p95_ms: float | UnsetType = UNSET
    p99_ms: float | UnsetType = UNSET


class PointView(Outbound, frozen=True):
    """One slot: durable events stored, messages accepted, runs ended."""

    at: datetime
    events: int
    accepted: LatencyView
    ran: LatencyView


class FiguresView(Outbound, frozen=True):
    """The tenant's last five minutes, in slots of `slot_s` seconds, the oldest first; the last is not over.

    `accepted`: from a message's arrival to its commit. `ran`: from a run's start to its end. Both over
    all slots. `everywhere` is false while Valkey is away: then only this process's share is counted.
    """

    everywhere: bool
    processes: list[ProcessView]
    slot_s: int
    points: list[PointView]
    accepted: LatencyView
    ran: LatencyView


class ErrorView(Outbound, frozen=True):
    """What went wrong for one cause.

    `run`: runs that failed, by agent and code, from the database. `frame`: frames refused, by code, as
    the gateways that run now remember them. `last_run_id` is the newest run of the cause.
    """

    kind: Literal["run", "frame"]
    cause: str
    count: int
    first_seen: datetime
    last_seen: datetime
    agent: str | UnsetType = UNSET
    last_run_id: str | UnsetType = UNSET


class ErrorsView(Outbound, frozen=True):
    """The tenant's errors grouped by cause, the one seen last first. Runs: of the last 24 hours."""

    everywhere: bool
    errors: list[ErrorView]


VIEWS = (TenantRunsView, RetryView, QueueView, FiguresView, ErrorsView)


def run_view(run: TenantRun) -> TenantRunView:
    """A run for its tenant's operators."""
    return TenantRunView(
        id=run.id,
        user_id=run.user_id,
        thread_id=run.thread_id,
        status=run.status,
        lane=lane_name(run.lane),
        attempts=run.attempts,
        stopping=run.stop_requested and run.ended_at is None,
        created_at=run.created_at,
        agent=run.agent if run.agent is not None else UNSET,
        started_at=run.started_at if run.started_at is not None else UNSET,
        ended_at=run.ended_at if run.ended_at is not None else UNSET,
        error=run.code if run.code is not None else UNSET,
        retry_of=run.retry_of if run.retry_of is not None else UNSET,
        retried_as=run.retried_as if run.retried_as is not None else UNSET,
    )


def retry_view(retry_of: str, retried: Retried) -> RetryView:
    """The outcome of a retry."""
    return RetryView(
        run_id=retried.run_id,
        retry_of=retry_of,
        thread_id=retried.thread_id,
        message_id=retried.message_id,
        queue_position=retried.queue_position,
    )


def queue_view(tenant_id: str, waiting: Sequence[Waiting]) -> QueueView:
    """Every lane, also those where nothing waits."""
    lanes = [_lane(lane, [each for each in waiting if each.lane == lane]) for lane in Lane]
    return QueueView(
        tenant_id=tenant_id,
        queued=sum(lane.queued for lane in lanes),
        running=sum(lane.running for lane in lanes),
        lanes=lanes,
    )


def _lane(lane: Lane, waiting: Iterable[Waiting]) -> LaneView:
    queued, running = 0, 0
    oldest: float | UnsetType = UNSET
    for each in waiting:
        if each.status == "queued":
            queued, oldest = each.runs, round(each.oldest_s, 3)
        else:
            running = each.runs
    return LaneView(lane=lane_name(lane), queued=queued, running=running, oldest_s=oldest)


def figures_view(figures: TenantFigures, now: datetime) -> FiguresView:
    """Every slot of the window, also those in which nothing happened."""
    known = {slot.at: slot for slot in figures.report.slots}
    last = int(now.timestamp()) // SLOT_S * SLOT_S
    slots = [known.get(at, Slot(at)) for at in range(last - SLOT_S * (SLOTS - 1), last + 1, SLOT_S)]
    return FiguresView(
        everywhere=figures.everywhere,
        processes=process_views(figures.processes),
        slot_s=SLOT_S,
        points=[
            PointView(
                at=time_of(slot.at),
                events=slot.events,
                accepted=_latency(slot.accepted),
                ran=_latency(slot.ran),
            )
            for slot in slots
        ],
        accepted=_latency(merged(slot.accepted for slot in slots)),
        ran=_latency(merged(slot.ran for slot in slots)),
    )


def _latency(buckets: dict[int, int]) -> LatencyView:
    p50, p95, p99 = (percentile(buckets, share) for share in (0.5, 0.95, 0.99))
    return LatencyView(
        count=sum(buckets.values()),
        p50_ms=p50 if p50 is not None else UNSET,
        p95_ms=p95 if p95 is not None else UNSET,
        p99_ms=p99 if p99 is not None else UNSET,
    )


def errors_view(failures: Sequence[Failures], figures: TenantFigures) -> ErrorsView:
    """Failed runs and refused frames in one list."""
    errors = [
        *(_failure_view(each) for each in failures),
        *(_refusal_view(each) for each in figures.report.refused),
    ]
    errors.sort(key=lambda each: each.last_seen, reverse=True)
    return ErrorsView(everywhere=figures.everywhere, errors=errors)


def _failure_view(failures: Failures) -> ErrorView:
    return ErrorView(
        kind="run",
        cause=failures.code or failures.status,
        count=failures.runs,
        first_seen=failures.first_seen,
        last_seen=failures.last_seen,
        agent=failures.agent if failures.agent is not None else UNSET,
        last_run_id=failures.last_run,
    )


def _refusal_view(cause: Cause) -> ErrorView:
    return ErrorView(
        kind="frame",
        cause=cause.code,
        count=cause.count,
        first_seen=time_of(cause.first),
        last_seen=time_of(cause.last),
    )


def lane_name(lane: Lane) -> LaneName:
    """A lane as the API names it."""
    names: dict[Lane, LaneName] = {
        Lane.CRITICAL: "critical",
        Lane.HIGH: "high",
        Lane.NORMAL: "normal",
        Lane.LOW: "low",
    }
    return names[lane]


def time_of(seconds: float) -> datetime:
    """Seconds since 1970 as UTC."""
    return datetime.fromtimestamp(seconds, UTC)
