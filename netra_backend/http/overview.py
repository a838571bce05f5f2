"""For the role operator, what the dashboard shows and does: runs, queue, figures, errors, cancel and retry.

An operator sees, stops and retries runs of the own tenant only; another tenant's run is not found. What
an operator does to a run is in the log.
"""

from typing import Annotated, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, Query
from starlette.responses import Response

from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import RunId
from netra_backend.http.answers import documented, json_answer
from netra_backend.http.dependencies import Deps
from netra_backend.http.operations import Operator
from netra_backend.http.overview_views import (
    ErrorsView,
    FiguresView,
    QueueView,
    RetryView,
    TenantRunsView,
    errors_view,
    figures_view,
    queue_view,
    retry_view,
    run_view,
)
from netra_backend.http.views import StopView, stop_view

log = structlog.get_logger(__name__)
router = APIRouter(tags=["operations"], prefix="/v1/operations")

MAX_RUNS = 200
"""Of each kind in one answer: more than anybody reads, little enough to ask for every two seconds."""

State = Annotated[
    Literal["all", "open", "ended"],
    Query(description="`open`: runs that wait or run; `ended`: the others; `all`: both, open ones first."),
]
Limit = Annotated[int, Query(ge=1, le=MAX_RUNS, description="Runs of each kind at most.")]


@router.get("/runs", responses=documented(TenantRunsView))
async def runs(asker: Operator, deps: Deps, state: State = "all", limit: Limit = 50) -> Response:
    """The newest runs of the operator's tenant, of all its users."""
    tenant_id, wanted = asker.owner.tenant_id, deps.operations.runs
    opened = await wanted(tenant_id, ended=False, limit=limit) if state != "ended" else []
    ended = await wanted(tenant_id, ended=True, limit=limit) if state != "open" else []
    gone = {run.id for run in ended}  # between the two questions
    found = [*(run for run in opened if run.id not in gone), *ended]
    return json_answer(TenantRunsView(runs=[run_view(run) for run in found]))


@router.post("/runs/{run_id}/stop", status_code=202, responses=documented(StopView, status=202))
async def stop(run_id: UUID, asker: Operator, deps: Deps) -> Response:
    """Store the intent to stop a run of any user of the operator's tenant; its end tells when it has stopped."""
    run = RunId(str(run_id))
    owner = await deps.operations.owner_of(asker.owner.tenant_id, run)
    stopping = await deps.store.stop(owner, run)
    log.info("operator_stopped_run", run_id=run, **_by(asker), ended_before=stopping.ended)
    return json_answer(stop_view(stopping), status=202)


@router.post("/runs/{run_id}/retry", status_code=202, responses=documented(RetryView, status=202))
async def retry(run_id: UUID, asker: Operator, deps: Deps) -> Response:
    """Store a new run for the message of a run that failed or took too long, of any user of the operator's tenant.

    409 says in a sentence why a run cannot be tried again: it is open, did not fail, was tried again
    already, or its user is disabled.
    """
    run, (tenant_id, operator) = RunId(str(run_id)), asker.owner
    retried = await deps.retries.retry(tenant_id, run, operator=operator)
    log.info("operator_retried_run", run_id=run, **_by(asker), retried_as=retried.run_id)
    return json_answer(retry_view(run, retried), status=202)


@router.get("/queue", responses=documented(QueueView))
async def queue(asker: Operator, deps: Deps) -> Response:
    """How many runs of the operator's tenant wait and run, by lane."""
    tenant_id = asker.owner.tenant_id
    return json_answer(queue_view(tenant_id, await deps.operations.queue(tenant_id)))


@router.get("/figures", responses=documented(FiguresView))
async def figures(asker: Operator, deps: Deps) -> Response:
    """Events and latencies of the operator's tenant in the last five minutes, over all processes."""
    found = await deps.operations.figures(asker.owner.tenant_id)
    return json_answer(figures_view(found, deps.clock.now()))


@router.get("/errors", responses=documented(ErrorsView))
async def errors(asker: Operator, deps: Deps) -> Response:
    """Errors of the operator's tenant, grouped by cause."""
    tenant_id = asker.owner.tenant_id
    failures = await deps.operations.failures(tenant_id)
    return json_answer(errors_view(failures, await deps.operations.figures(tenant_id)))


def _by(asker: Principal) -> dict[str, str]:
    """Who did it, for the log."""
    return {"operator": asker.owner.user_id, "tenant_id": asker.owner.tenant_id}
