"""Every test of the contract runs on the memory adapters and on the real ones."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from netra_backend.app import Core, core
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.tests.conftest import Servers
from netra_backend.tests.integration.contract.worlds import QUEUE_LIMIT, MemoryWorld, RealWorld, World
from netra_backend.tests.valkey_servers import ValkeyCluster


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Defaults, with a queue that a test can fill."""
    return Settings(data_dir=tmp_path, port=0, queue_limit_per_tenant=QUEUE_LIMIT)


@pytest.fixture(scope="session")
def contract_database(servers: Servers) -> str:
    """One database for the whole suite, emptied before each test: making one takes a second."""

    async def create() -> None:
        admin = await asyncpg.connect(f"{servers.owner_url}/postgres")
        try:
            await admin.execute("CREATE DATABASE contract TEMPLATE netra_template")
        finally:
            await admin.close()

    asyncio.run(create())
    return "contract"


@pytest.fixture
async def addresses(servers: Servers, contract_database: str) -> Addresses:
    """That database, without rows, and the shared Valkey."""
    found = Addresses(
        app_url=f"{servers.app_url}/{contract_database}",
        owner_url=f"{servers.owner_url}/{contract_database}",
        valkey_url=servers.valkey_url,
    )
    owner = await asyncpg.connect(found.owner_url)
    try:
        await owner.execute(
            "DELETE FROM threads; DELETE FROM messages; DELETE FROM runs; DELETE FROM streams; DELETE FROM events"
        )
    finally:
        await owner.close()
    return found


@pytest.fixture
async def memory() -> World:
    """Both processes on one memory."""
    return MemoryWorld()


@pytest.fixture
async def real(parts: Core, settings: Settings, addresses: Addresses) -> AsyncIterator[World]:
    """Both processes on the same PostgreSQL and Valkey."""
    async with core(settings, addresses) as other:
        yield RealWorld(parts, other, addresses, [addresses.valkey_url])


@pytest.fixture
async def cluster(
    settings: Settings, addresses: Addresses, valkey_cluster: ValkeyCluster
) -> AsyncIterator[World]:
    """Both processes on the same PostgreSQL and the same Valkey Cluster."""
    found = replace(addresses, valkey_url=valkey_cluster.url)
    async with core(settings, found) as one, core(settings, found) as two:
        yield RealWorld(one, two, found, [server.url for server in valkey_cluster.primaries])


@pytest.fixture(params=["memory", "real"])
def world(request: pytest.FixtureRequest) -> World:
    """The adapters under contract."""
    chosen: World = request.getfixturevalue(request.param)
    return chosen
