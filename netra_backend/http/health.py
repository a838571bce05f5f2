"""What machines ask every few seconds: is the process there, are its stores there, its numbers."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from netra_backend.auth.origins import is_loopback
from netra_backend.domain.errors import Busy, Degraded, Forbidden
from netra_backend.domain.identity import OPERATOR
from netra_backend.domain.ports import Queue
from netra_backend.http.answers import documented, json_answer
from netra_backend.http.dependencies import Deps, authenticated
from netra_backend.http.views import HealthView, ReadyView
from netra_backend.observability.metrics import CONTENT_TYPE, Metrics

router = APIRouter(tags=["health"])

READY_TIMEOUT_S = 5.0
"""Seconds for all stores: more than each of them has."""
DISPOSABLE = frozenset(["valkey"])
"""Stores without which everything still works, only slower: no reason to take a gateway out."""

FORWARDED_BY = frozenset(["forwarded", "x-forwarded-for", "x-real-ip", "via"])
"""Headers of proxies: with one of them the sender is not the loopback address that it comes from."""


@router.get("/healthz", responses=documented(HealthView))
async def healthz() -> Response:
    """Whether the process answers; asks no store."""
    return json_answer(HealthView(status="ok"))


@router.get("/readyz", responses=documented(ReadyView))
async def readyz(deps: Deps) -> Response:
    """Whether requests can be served; 503 names the store that is away."""
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            stores = dict(await deps.readiness())
    except TimeoutError:
        return json_answer(ReadyView(status="unavailable", stores={}), status=503)
    away = {name for name, answers in stores.items() if not answers}
    if away - DISPOSABLE:
        return json_answer(ReadyView(status="unavailable", stores=stores), status=503)
    return json_answer(ReadyView(status="degraded" if away else "ready", stores=stores))


@router.get("/metrics")
async def metrics(request: Request, deps: Deps) -> Response:
    """Prometheus metrics: for this machine itself without login, else for role `operator`."""
    if not _from_this_machine(request) and OPERATOR not in (await authenticated(request)).roles:
        raise Forbidden("Metrics are for the role operator, or for a scraper on this machine.")
    await measure_queue(deps.queue, deps.metrics)
    return Response(deps.metrics.text(), headers={"Content-Type": CONTENT_TYPE})


def _from_this_machine(request: Request) -> bool:
    """A direct request over loopback, by a loopback name: not through a proxy, not by DNS rebinding."""
    client = request.client.host if request.client is not None else ""
    forwarded = FORWARDED_BY & set(request.headers.keys())
    return client in ("127.0.0.1", "::1") and not forwarded and is_loopback(request.headers.get("host"))


async def measure_queue(queue: Queue, metrics: Metrics) -> None:
    """Count what waits, for who reads `metrics` next; without the database no number is better than an old one."""
    try:
        depth, lanes = await queue.depth(), await queue.lanes()
    except (Busy, Degraded):
        metrics.queue_depth.clear()
        metrics.queue_lanes.clear()
        return
    for status, runs in depth.items():
        metrics.queue_depth.labels(status).set(runs)
    for lane, runs in lanes.items():
        metrics.queue_lanes.labels(lane.name.lower()).set(runs)
