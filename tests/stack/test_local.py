"""Two gateways and two workers as real processes: one stream, and nothing lost when one goes."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from netra_backend.stack.local import LocalStack
from netra_backend.stack.process import NetraProcess, StackError
from netra_backend.testing.client import LIFECYCLE, PATIENCE_S, Client, connected
from tests.stack.conftest import NewToken

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHORT = "count slowly to 3"
"""Ends within the drain of a worker (2 s)."""
LONG = "count slowly to 12"
"""Does not."""


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def whole(stack: LocalStack) -> AsyncIterator[None]:
    """The stack is whole again after each test, also after one that failed."""
    yield
    for process in stack.processes:
        states = [
            event["event"] for event in process.output.events if event["event"] in ("ready", "draining")
        ]
        if not process.alive or states[-1] == "draining":
            await process.restart()


async def running_runs(worker: NetraProcess) -> int:
    """What the worker's metrics say that it executes."""
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"{worker.url}/metrics")).raise_for_status().text
    found = re.search(r"^netra_running_runs (\d+)", text, flags=re.M)
    assert found, text
    return int(found[1])


async def executing(stack: LocalStack) -> NetraProcess:
    """The worker that executes the one run there is."""
    counts = {worker.name: await running_runs(worker) for worker in stack.workers}
    assert sorted(counts.values()) == [0, 1]
    return next(worker for worker in stack.workers if counts[worker.name])


async def started(client: Client, run: dict[str, Any]) -> None:
    """Wait until the run has written something."""
    await client.until(lambda frame: frame["type"] == "message_delta")
    assert client.of_run(run["run_id"])


def numbers(client: Client) -> list[int]:
    """The numbers of the durable events it has, in the order of arrival."""
    return [frame["seq"] for frame in client.durable()]


async def test_two_tabs_on_two_gateways_see_the_same_numbers(stack: LocalStack, new_token: NewToken) -> None:
    """What is said at one gateway is seen at the other, with the same `seq`, to the last byte."""
    token = await new_token()
    one, two = stack.gateways
    async with connected(one.url, token) as asking, connected(two.url, token) as watching:
        assert asking.frames[0]["payload"]["epoch"] == watching.frames[0]["payload"]["epoch"]
        run = await asking.say("What is 6 * 7?")
        await asyncio.gather(asking.finished(run["run_id"]), watching.finished(run["run_id"]))
        assert asking.durable() == watching.durable()
        assert numbers(asking) == list(range(1, len(numbers(asking)) + 1))
        assert [frame["type"] for frame in watching.of_run(run["run_id"])] == list(LIFECYCLE)


async def test_fault_04_sigterm_gateway(stack: LocalStack, new_token: NewToken) -> None:
    """Clients get `reconnect`, closes with 1012 one after another, and go on elsewhere with nothing lost."""
    one, two = stack.gateways
    token = await new_token()
    loop = asyncio.get_running_loop()

    async def end_of(client: Client) -> float:
        await client.until(lambda frame: frame["type"] == "reconnect")
        assert await client.closed() == 1012
        return loop.time()

    async with (
        connected(one.url, await new_token()) as first,
        connected(one.url, await new_token()) as second,
        connected(one.url, await new_token()) as third,
        connected(one.url, token) as client,  # the last to be closed
    ):
        run = await client.say(LONG)
        await started(client, run)
        one.terminate()
        await client.until(lambda frame: frame["type"] == "reconnect")
        late = await client.send("user_message", {"text": "What is 1 + 1?"}, thread_id=run["thread_id"])
        times = sorted(await asyncio.gather(*(end_of(each) for each in (first, second, third, client))))
        assert times[-1] - times[0] > 1.0  # of the two seconds over which four are closed
    assert await one.ended() == 0
    async with connected(two.url, token) as again:
        head = numbers(client)[-1]
        await again.ask("resume", {"epoch": client.frames[0]["payload"]["epoch"], "after": head})
        repeated = await again.ask(
            "user_message", {"text": "What is 1 + 1?"}, id=late, thread_id=run["thread_id"]
        )
        events = [*client.of_run(run["run_id"]), *(await again.finished(run["run_id"]))]
        await again.finished(repeated["run_id"])
        everything = [*numbers(client), *numbers(again)]
        assert everything == list(range(1, len(everything) + 1))
        assert [frame["type"] for frame in events].count("agent_completed") == 1
        said = [frame for frame in again.durable() if frame["type"] == "message_created"]
        said += [frame for frame in client.durable() if frame["type"] == "message_created"]
        assert [frame["payload"]["message"]["client_id"] for frame in said].count(late) == 1
    await one.start()
    async with connected(one.url, token) as back:
        assert back.frames[0]["payload"]["head"] == everything[-1]


async def test_fault_05_sigterm_worker_lets_a_short_run_end(stack: LocalStack, new_token: NewToken) -> None:
    """A run that ends within the drain ends where it began; the worker is alive, but not ready, meanwhile."""
    async with connected(stack.gateways[0].url, await new_token()) as client, httpx.AsyncClient() as http:
        run = await client.say(SHORT)
        await started(client, run)
        worker = await executing(stack)
        draining = worker.output.expect(lambda event: event["event"] == "draining")
        worker.terminate()
        async with asyncio.timeout(PATIENCE_S):
            await draining
        alive, ready = await asyncio.gather(
            http.get(f"{worker.url}/health/live"), http.get(f"{worker.url}/health/ready")
        )
        assert (alive.status_code, ready.status_code) == (200, 503)
        assert ready.json()["stores"] == {"worker": False, "postgresql": True, "valkey": True}
        events = await client.finished(run["run_id"])
        assert [frame["payload"]["attempt"] for frame in events if frame["type"] == "agent_started"] == [1]
        assert events[-1]["payload"]["status"] == "completed"
        assert await worker.ended() == 0


async def test_fault_05_sigterm_worker_hands_a_long_run_over(stack: LocalStack, new_token: NewToken) -> None:
    """A run that does not end within the drain goes on at the other worker, and ends once."""
    async with connected(stack.gateways[1].url, await new_token()) as client:
        run = await client.say(LONG)
        await started(client, run)
        worker = await executing(stack)
        worker.terminate()
        assert await worker.ended() == 0
        events = await client.finished(run["run_id"])
        assert [frame["payload"]["attempt"] for frame in events if frame["type"] == "agent_started"] == [1, 2]
        assert [frame["type"] for frame in events].count("agent_completed") == 1
        assert events[-1]["payload"]["status"] == "completed"


async def test_a_worker_answers_to_machines_and_to_nobody_else(stack: LocalStack) -> None:
    """Health, readiness and metrics; no page, no login, no socket."""
    async with httpx.AsyncClient(base_url=stack.workers[0].url) as http:
        assert (await http.get("/health/live")).json() == {"status": "ok"}
        ready = await http.get("/health/ready")
        assert ready.json() == {
            "status": "ready",
            "stores": {"worker": True, "postgresql": True, "valkey": True},
        }
        foreign = await http.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
        assert foreign.status_code == 401
        for path in ("/", "/api/threads", "/ws", "/auth/login"):
            assert (await http.get(path)).status_code == 404


async def test_a_killed_process_comes_back_on_its_port(stack: LocalStack, new_token: NewToken) -> None:
    """So that its clients find it where it was."""
    gateway = stack.gateways[1]
    url, pid = gateway.url, gateway.pid
    gateway.kill()
    assert await gateway.ended() == -9
    assert not gateway.alive
    await gateway.restart()
    assert gateway.url == url
    assert gateway.pid != pid
    async with connected(url, await new_token()) as client:
        assert (await client.ask("ping"))["type"] == "pong"


async def test_a_paused_process_answers_when_it_goes_on(stack: LocalStack, new_token: NewToken) -> None:
    """Paused, it keeps its sockets and says nothing."""
    gateway = stack.gateways[0]
    async with connected(gateway.url, await new_token()) as client:
        gateway.pause()
        asking = asyncio.create_task(client.ask("ping"))
        try:
            async with httpx.AsyncClient() as http:
                with pytest.raises(httpx.ReadTimeout):
                    await http.get(f"{gateway.url}/healthz", timeout=0.3)
            assert not asking.done()
        finally:
            gateway.resume()
        assert (await asking)["type"] == "pong"


async def test_stores_can_be_paused_and_killed_and_started_again(
    stack: LocalStack, new_token: NewToken
) -> None:
    """What was accepted is there, at the same addresses, for processes that lived on."""
    assert stack.postgres is not None
    assert stack.valkey is not None
    async with connected(stack.gateways[0].url, await new_token()) as client:
        run = await client.say("What is 2 + 3?")
        await client.finished(run["run_id"])
        stack.valkey.pause()
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{stack.gateways[0].url}/readyz")).json()["status"] == "degraded"
        ports = (stack.postgres.port, stack.valkey.port)
        for store in (stack.postgres, stack.valkey):
            await store.kill()
            assert not store.alive
            await store.start()
            assert store.alive
        assert (stack.postgres.port, stack.valkey.port) == ports
        async with httpx.AsyncClient() as http, asyncio.timeout(PATIENCE_S):
            while (await http.get(f"{stack.gateways[0].url}/readyz")).json()["status"] != "ready":
                pass  # each request waits for the stores itself
        answer = await client.ask("get_thread_history", thread_id=run["thread_id"])
        assert [message["role"] for message in answer["payload"]["messages"]] == ["user", "assistant"]


async def test_log_files_hold_what_was_said(stack: LocalStack) -> None:
    """One per process, JSON lines, for nobody else's eyes."""
    for process in stack.processes:
        path = stack.logs / f"{process.name}.log"
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_text(encoding="utf-8").splitlines()[-1] == process.output.lines[-1]
        assert any(event["event"] == "ready" for event in process.output.events)


async def test_a_second_stack_on_the_folder_is_refused(stack: LocalStack) -> None:
    """Before it starts anything."""
    second = LocalStack(data_dir=stack.data_dir, gateways=1, workers=0)
    with pytest.raises(StackError, match=r"A stack runs on .* already: stop it first"):
        await second.start_stores()
    await second.stop()
    assert stack.gateways[0].alive
