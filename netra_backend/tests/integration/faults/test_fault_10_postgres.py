"""Fault 10: PostgreSQL is restarted, killed or cut off in the middle of transactions."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from netra_backend.chaos.faults import Direction
from netra_backend.chaos.proxy import FaultProxy
from netra_backend.chaos.recording import RecordingClient, Sent
from netra_backend.tests.integration.faults.scenes import (
    LEASE_S,
    PATIENCE_S,
    Scene,
    Stage,
    frames,
    timed,
    within,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

CROWD = 8
BEFORE, AFTER = 20, 40
"""Acceptances of the crowd before the fault and in all."""
BACK_S = LEASE_S + 8
"""Seconds until everybody is served again: recovery of a killed server, and the leases that it forgot."""

Fault = Callable[[Stage], Awaitable[None]]


async def restarted(stage: Stage) -> None:
    """In order, as for an update."""
    await stage.postgres.stop()
    await stage.postgres.start()


async def killed(stage: Stage) -> None:
    """All processes of it at once, as by a power cut."""
    await stage.postgres.kill()
    await stage.postgres.start()


async def cut_off(stage: Stage) -> None:
    """Commits go through and their answers do not: whoever asked cannot know."""
    stage.database.do(lambda proxy: proxy.cut_after(0, Direction.TO_CLIENT))
    await asyncio.to_thread(stage.database.wait_for, _three_cuts)
    stage.database.heal()


async def _three_cuts(proxy: FaultProxy) -> None:
    """Wait until connections were made anew and cut again."""
    before = proxy.accepted
    async with asyncio.timeout(PATIENCE_S):
        while proxy.accepted < before + 3:  # noqa: ASYNC110 - the proxy tells nobody
            await asyncio.sleep(0.01)


@asynccontextmanager
async def load(clients: Sequence[RecordingClient]) -> AsyncIterator[tuple[list[Sent], asyncio.Condition]]:
    """Every client says something again as soon as it was accepted; what was accepted, and its news."""
    accepted: list[Sent] = []
    news = asyncio.Condition()

    async def talk(client: RecordingClient) -> None:
        for number in itertools.count():
            sent = await client.say(f"echo {number}")
            assert sent.refused is None
            accepted.append(sent)
            async with news:
                news.notify_all()

    talking = [asyncio.create_task(talk(client)) for client in clients]
    try:
        yield accepted, news
    finally:
        for task in talking:
            task.cancel()
        ended = await asyncio.gather(*talking, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended)


async def survive(stage: Stage, scene: Scene, fault: Fault, urls: Sequence[str]) -> None:
    """Under load the fault happens; the load goes on, and nothing accepted is lost or doubled."""
    clients = [await scene.client(user, urls=urls) for user in await scene.users(CROWD)]
    async with load(clients) as (accepted, news):

        async def so_many(count: int) -> None:
            async with news:
                await news.wait_for(lambda: len(accepted) >= count)

        await within(so_many(BEFORE))
        await fault(stage)
        mark = len(accepted)
        async with timed() as since:
            await within(so_many(mark + AFTER))
            assert since() < BACK_S
    for client in clients:
        everything = await within(settled(client))
        await within(all_ended(client, everything))
    await scene.kept()


async def settled(client: RecordingClient) -> list[str]:
    """Wait until nothing of the client's is under way; the runs that it was promised."""
    await client.until(lambda: not client._unanswered)
    return [frame["run_id"] for frame in frames(client, "accepted")]


async def all_ended(client: RecordingClient, runs: Sequence[str]) -> None:
    """Wait for the ends of all these."""
    for run_id in runs:
        await client.ended(run_id)


@pytest.mark.parametrize("fault", [restarted, killed, cut_off])
async def test_fault_10_nothing_is_accepted_that_is_not_committed(
    stage: Stage, scene: Scene, fault: Fault
) -> None:
    """With separate gateways and workers, under load."""
    await survive(stage, scene, fault, stage.urls)


@pytest.mark.parametrize("fault", [restarted, killed, cut_off])
async def test_fault_10_serve_accepts_nothing_that_is_not_committed(
    stage: Stage, scene: Scene, fault: Fault
) -> None:
    """Nor where one process accepts and executes, with the run started by the same commit."""
    serve = stage.beside(f"serve-{fault.__name__}")
    await serve.start()
    try:
        await survive(stage, scene, fault, [serve.url])
    finally:
        await serve.stop(PATIENCE_S)
