"""A gateway and a worker as real processes on a Valkey Cluster."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from netra_backend.administration import add_user, issue_token
from netra_backend.stack.local import LocalStack
from netra_backend.testing.client import connected
from netra_backend.tests.valkey_servers import ValkeyCluster
from tests.stack.conftest import ENVIRON


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ValkeyCluster]:
    """A Cluster of this test alone."""
    servers = ValkeyCluster(tmp_path / "cluster")
    try:
        yield asyncio.run(servers.start())
    finally:
        servers.kill()


@pytest_asyncio.fixture
async def apart(
    cluster: ValkeyCluster, tmp_path: Path, copy_data: Callable[[Path], Path]
) -> AsyncIterator[LocalStack]:
    """Two gateways and a worker on it. They look into the database every 30 s only."""
    async with LocalStack(
        data_dir=copy_data(tmp_path),
        workers=1,
        environ={**ENVIRON, "NETRA_POLL_S": "30", "NETRA_HEARTBEAT_S": "30"},
        cwd=tmp_path,
        valkey_url=cluster.url,
    ) as running:
        yield running


async def test_processes_hear_each_other_through_a_cluster(apart: LocalStack) -> None:
    """The worker is woken, its live text and its events reach both gateways: all of that is the feed."""
    settings, email = apart.settings(), "ada@example.com"
    await add_user(settings, email, tenant="acme", password="correct horse battery", roles=[])
    token = await issue_token(settings, email)
    one, two = apart.gateways
    async with (
        asyncio.timeout(20),
        connected(one.url, token) as asking,
        connected(two.url, token) as watching,
    ):
        run = await asking.say("What is 6 * 7?")
        assert [frame["type"] for frame in await watching.finished(run["run_id"])] == [
            frame["type"] for frame in await asking.finished(run["run_id"])
        ]
        assert any(frame["type"] == "message_delta" for frame in asking.frames)
