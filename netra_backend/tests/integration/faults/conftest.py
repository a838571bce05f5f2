"""A stack behind fault proxies for each module of faults, whole again after each test."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from netra_backend.chaos.proxy import FaultProxy, upstream_of
from netra_backend.chaos.threaded import ThreadedFaultProxy
from netra_backend.stack.local import LocalStack
from netra_backend.tests.integration.faults.scenes import LEASE_S, Scene, Stage

AGENT = "netra_backend.tests.integration.faults.steered_agents:steered"


@pytest.fixture(scope="session")
def made_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after its first start."""
    folder = tmp_path_factory.mktemp("faults") / "data"

    async def make() -> None:
        stack = LocalStack(data_dir=folder, gateways=0, workers=0)
        await stack.start_stores()
        await stack.stop()

    asyncio.run(make())
    return folder


@pytest.fixture(scope="module")
def data(made_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of it for the module; removed afterwards, for databases are large."""
    copied = tmp_path_factory.mktemp("stage") / "data"
    subprocess.run(["cp", "-a", str(made_data), str(copied)], check=True)  # noqa: S603, S607 - keeps owners, as shutil does not
    yield copied
    subprocess.run(["rm", "-rf", str(copied)], check=True)  # noqa: S603, S607 - as above


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    """Settings of all processes; a module may have its own."""
    return {}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    data: Path, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """Two gateways and two workers behind proxies, with the steered agent."""
    folder = tmp_path_factory.mktemp("steering")
    settings = {
        "NETRA_LEASE_S": str(LEASE_S),
        "NETRA_POLL_S": "0.2",
        "NETRA_DRAIN_S": "1",
        "NETRA_HEARTBEAT_S": "1",
        "FAULTS_FOLDER": str(folder),
        "FAULTS_AGENT": AGENT,
    }
    stack = LocalStack(data_dir=data, agent=AGENT, environ=settings | environ, cwd=folder)
    try:
        await stack.start_stores()
        with (
            ThreadedFaultProxy(FaultProxy(upstream_of(stack.database_url))) as database,
            ThreadedFaultProxy(FaultProxy(upstream_of(stack.valkey_url))) as cache,
        ):
            for process in stack.processes:
                process.environ |= {
                    "NETRA_DATABASE_URL": database.through(stack.database_url),
                    "NETRA_VALKEY_URL": cache.through(stack.valkey_url),
                }
            await stack.start_processes()
            yield Stage(stack, database, cache, folder)
            await stack.stop()
    finally:
        await stack.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def scene(stage: Stage) -> AsyncIterator[Scene]:
    """Users and clients of one test; afterwards the stack is whole again, also when the test failed."""
    played = Scene(stage)
    yield played
    await played.close()
    await stage.mend()
