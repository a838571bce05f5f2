"""One run of the asking user: what happened, and stopping it."""

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from netra_backend.domain.ids import RunId
from netra_backend.http.answers import documented, json_answer
from netra_backend.http.dependencies import Asker, Deps
from netra_backend.http.views import RunView, StopView, run_view, stop_view

router = APIRouter(tags=["runs"])


@router.get("/api/runs/{run_id}", responses=documented(RunView))
async def run(run_id: UUID, asker: Asker, deps: Deps) -> Response:
    """Status, attempts and events of a run."""
    record = await deps.store.run(asker.owner, RunId(str(run_id)))
    return json_answer(run_view(record, await deps.log.run_events(asker.owner, record.id)))


@router.post("/api/runs/{run_id}/stop", status_code=202, responses=documented(StopView, status=202))
async def stop(run_id: UUID, asker: Asker, deps: Deps) -> Response:
    """Store the intent to stop a run; its `agent_completed` tells when it has stopped."""
    return json_answer(stop_view(await deps.store.stop(asker.owner, RunId(str(run_id)))), status=202)
