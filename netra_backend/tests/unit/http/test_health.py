import asyncio
import dataclasses
from collections.abc import Mapping

import httpx
import pytest

from netra_backend.http import health
from netra_backend.http.app import create_http
from netra_backend.http.dependencies import HttpDependencies


async def test_a_process_is_healthy_without_stores(client: httpx.AsyncClient) -> None:
    """Restarting it would not bring a store back."""
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("stores", "status", "word"),
    [
        ({"postgresql": True, "valkey": True}, 200, "ready"),
        ({"postgresql": True, "valkey": False}, 200, "degraded"),
        ({"postgresql": False, "valkey": True}, 503, "unavailable"),
        ({"postgresql": False, "valkey": False}, 503, "unavailable"),
    ],
)
async def test_readiness_names_the_store_that_is_away(
    client: httpx.AsyncClient, readiness: dict[str, bool], stores: dict[str, bool], status: int, word: str
) -> None:
    """Valkey is disposable: without it requests are still served."""
    readiness.update(stores)
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (status, {"status": word, "stores": stores})


async def test_readiness_answers_though_a_store_does_not(
    deps: HttpDependencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load balancer gets its answer in time."""

    async def hangs() -> Mapping[str, bool]:
        return await asyncio.Future()

    monkeypatch.setattr(health, "READY_TIMEOUT_S", 0.01)
    transport = httpx.ASGITransport(create_http(dataclasses.replace(deps, readiness=hangs)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.get("/readyz")).status_code == 503


async def test_metrics_are_open_to_this_machine(client: httpx.AsyncClient) -> None:
    """In Prometheus' format; without the queue's numbers while the database is away."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "netra_connections 0.0" in answer.text
    assert "netra_queue_depth{" not in answer.text


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("192.0.2.7", {}),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.7"}),
        ("127.0.0.1", {"Via": "1.1 proxy"}),
        ("127.0.0.1", {"Host": "evil.example"}),
    ],
)
async def test_metrics_are_closed_to_everybody_else(
    deps: HttpDependencies, address: str, headers: dict[str, str]
) -> None:
    """Also behind a proxy on this machine, and for a page by DNS rebinding."""
    transport = httpx.ASGITransport(create_http(deps), client=(address, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.get("/metrics", headers=headers)).status_code == 401
