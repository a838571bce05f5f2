"""Fault 11: every answer of PostgreSQL comes two seconds late."""

import asyncio
import itertools
from collections.abc import Sequence

import httpx
import pytest

from netra_backend.chaos.faults import Direction
from netra_backend.chaos.recording import RecordingClient
from netra_backend.domain.errors import Busy
from netra_backend.store.group import MAX_BATCH, GroupCommit
from netra_backend.tests.integration.faults.scenes import (
    PATIENCE_S,
    Scene,
    Stage,
    attempts,
    end_of,
    timed,
    until,
    within,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOW_S = 2.0
BOUND_S = 30.0
"""Seconds for any answer: the session is looked up, a transaction has fifteen seconds, and what is cancelled
then is rolled back over the same slow line."""
HEARTBEAT_S = 1.0
LEASE_S = 8.0
"""Above three answers of two seconds; half of the default."""
READERS = 24
"""More than the connections of one process."""


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    """A lease that a slow server can keep."""
    return {"NETRA_LEASE_S": str(LEASE_S)}


async def test_fault_11_a_slow_server_makes_nobody_wait_for_ever(stage: Stage, scene: Scene) -> None:
    """Every answer comes within its bound, heartbeats on time, and a stop gets through the crowd."""
    user, url = await scene.user(), stage.urls[0]
    client = await scene.client(user, urls=[url])
    sent = await client.say(f"wait {scene.name}")
    await stage.waits(scene.name)
    headers = {"Authorization": f"Bearer {user.token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE_S) as http:
        stage.database.do(lambda proxy: proxy.slow(Direction.TO_CLIENT, latency_s=SLOW_S))
        reading = [asyncio.create_task(read_history(http, sent.thread_id)) for _ in range(READERS)]
        async with timed() as since:
            answer = await http.get("/readyz")
            assert (answer.status_code, answer.json()["status"]) == (200, "ready")
            assert since() < 2 * SLOW_S
        stopping = await within(client.stop(sent.run_id))
        assert stopping.times == 1
        assert (stopping.acceptance_s or PATIENCE_S) < 3 * SLOW_S
        said = await within(client.say("echo slowly"))
        answers = await asyncio.gather(*reading)
    assert {kind for kind, _, _ in answers} <= {"200", "busy", "degraded"}
    assert "busy" in {kind for kind, _, _ in answers}
    assert all(says_when for kind, _, says_when in answers if kind == "busy")
    assert max(seconds for _, seconds, _ in answers) < BOUND_S
    beats = heartbeats(client)
    assert len(beats) >= 5
    assert max(late - early for early, late in itertools.pairwise(beats)) < 1.8 * HEARTBEAT_S
    stage.database.heal()
    await scene.ended(client, sent, said)
    assert end_of(await scene.events(sent))["status"] == "stopped"
    await scene.kept()


async def test_fault_11_a_slow_server_costs_no_run_its_lease(stage: Stage, scene: Scene) -> None:
    """What runs longer than the lease is not taken over, nor given up as if its worker had died."""
    client = await scene.client(await scene.user())
    sent = await client.say(f"wait {scene.name}")
    await stage.waits(scene.name)
    stage.database.do(lambda proxy: proxy.slow(Direction.TO_CLIENT, latency_s=SLOW_S))
    loop = asyncio.get_running_loop()
    late = loop.time() + LEASE_S * 1.8
    await until(lambda: loop.time() > late)
    stage.let(scene.name)
    stage.database.heal()
    await scene.ended(client, sent)
    assert attempts(await scene.events(sent)) == [1]
    await scene.kept()


async def read_history(http: httpx.AsyncClient, thread_id: str) -> tuple[str, float, bool]:
    """Status or code, the seconds it took, and whether it says when to come again."""
    async with timed() as since:
        answer = await http.get(f"/api/threads/{thread_id}/messages")
        kind = "200" if answer.status_code == 200 else answer.json()["error"]["code"]
        return kind, since(), "retry-after" in answer.headers


def heartbeats(client: RecordingClient) -> list[float]:
    """When they came."""
    return [entry.at for entry in client.recording.entries if entry.raw.startswith('{"type":"heartbeat"')]


async def test_fault_11_more_than_can_be_committed_in_time_is_busy() -> None:
    """While a commit hangs, one more batch may wait; whoever would come after it is told when to return."""
    hanging = asyncio.Event()

    async def commit(items: Sequence[int]) -> Sequence[int]:
        await hanging.wait()
        return items

    group: GroupCommit[int, int] = GroupCommit(commit, longest_wait_s=0)
    waiting = [asyncio.create_task(group.submit(0))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting += [asyncio.create_task(group.submit(number)) for number in range(1, MAX_BATCH + 1)]
    await asyncio.sleep(0)
    with pytest.raises(Busy) as refused:
        await group.submit(-1)
    assert refused.value.retry_after_ms is not None
    hanging.set()
    assert await asyncio.gather(*waiting) == list(range(MAX_BATCH + 1))
