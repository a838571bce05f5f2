"""Faults 3 to 5: a gateway is killed, a gateway drains, a worker drains."""

import asyncio
import itertools
from uuid import UUID

import asyncpg
import pytest

from netra_backend.chaos.recording import Sent
from netra_backend.tests.integration.faults.scenes import Scene, Stage, attempts, end_of, frames, within

pytestmark = pytest.mark.asyncio(loop_scope="module")

CROWD = 8
BACK_S = 2.0


async def test_fault_03_clients_of_a_killed_gateway_resume_elsewhere(stage: Stage, scene: Scene) -> None:
    """In under two seconds, in the middle of an answer, and with what they sent meanwhile accepted once."""
    clients = [await scene.client(user) for user in await scene.users(CROWD)]
    names = [f"{scene.name}-{number}" for number in range(CROWD)]
    runs = await asyncio.gather(
        *(client.say(f"wait {name}") for client, name in zip(clients, names, strict=True))
    )
    await asyncio.gather(*(stage.waits(name) for name in names))
    stage.stack.gateways[0].kill()
    more = [client.post("echo meanwhile") for client in clients]
    for name in names:
        stage.let(name)
    for client, run, sent in zip(clients, runs, more, strict=True):
        await within(sent.done.wait())
        await scene.ended(client, run, sent)
    times = [time for client in clients for time in client.recording.times_back()]
    assert len(times) == CROWD
    assert max(times) < BACK_S
    verdict = await scene.kept()
    assert verdict.accepted == 2 * CROWD
    assert verdict.resyncs == 0


async def test_fault_04_a_gateway_drains_on_sigterm(stage: Stage, scene: Scene) -> None:
    """`reconnect`, then closes with 1012 one after another; runs go on, and nothing is lost."""
    clients = [await scene.client(user) for user in await scene.users(CROWD)]
    runs = await asyncio.gather(*(client.say(f"wait {scene.name}") for client in clients))
    gateway = stage.stack.gateways[0]
    gateway.terminate()
    assert await within(gateway.ended()) == 0
    stage.let(scene.name)
    for client, run in zip(clients, runs, strict=True):
        await scene.ended(client, run)
    assert [len(frames(client, "reconnect")) for client in clients] == [1] * CROWD
    assert [client.recording.close_codes() for client in clients] == [{1012: 1}] * CROWD
    ends = sorted(client.recording.spans[0].ended_at or 0.0 for client in clients)
    gaps = [later - earlier for earlier, later in itertools.pairwise(ends)]
    assert ends[-1] - ends[0] > 1.0  # of the two seconds over which a drain spreads them
    assert max(gaps) < 1.0
    for run in runs:
        assert attempts(await scene.events(run)) == [1]
    assert (await scene.kept()).resyncs == 0


async def test_fault_05_a_worker_that_drains_finishes_or_hands_over(stage: Stage, scene: Scene) -> None:
    """It claims nothing more; what ends in time ends there, the rest elsewhere, and is no death."""
    user = await scene.user()
    client = await scene.client(user)
    short, long = f"{scene.name}-short", f"{scene.name}-long"
    other = stage.stack.workers[1]
    other.pause()  # so that both runs are of the one that will drain
    finishing, going_on = await client.say(f"wait {short}"), await client.say(f"wait {long}")
    worker = stage.worker(await stage.waits(short))
    assert await stage.waits(long) == worker.pid
    draining = worker.output.expect(lambda event: event["event"] == "draining")
    worker.terminate()
    await within(draining)
    late = await client.say(f"wait {scene.name}-late")
    other.resume()
    assert await stage.waits(f"{scene.name}-late") == other.pid
    for name in (short, f"{scene.name}-late"):
        stage.let(name)
    await scene.ended(client, finishing, late)
    assert await stage.waits(long, attempt=2) == other.pid
    stage.let(long)
    await scene.ended(client, going_on)
    assert await within(worker.ended()) == 0
    assert attempts(await scene.events(finishing)) == [1]
    assert attempts(await scene.events(late)) == [1]
    events = await scene.events(going_on)
    assert attempts(events) == [1, 2]
    assert end_of(events)["message"]["content"] == "first last"
    assert await deaths(stage, going_on) == 0
    await scene.kept()


async def deaths(stage: Stage, sent: Sent) -> int:
    """How many workers are thought to have died of a run: those that let its lease lapse."""
    connection = await asyncpg.connect(stage.stack.owner_url)
    try:
        return int(await connection.fetchval("SELECT deaths FROM runs WHERE id = $1", UUID(sent.run_id)))
    finally:
        await connection.close()
