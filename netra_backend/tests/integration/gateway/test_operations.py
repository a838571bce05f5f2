"""What operators see over several processes, and what they do not."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.testing.client import connected
from netra_backend.testing.server import RunningServer, running
from netra_backend.tests.integration.gateway.people import Person, person

NONSENSE = "00000000-0000-7000-8000-00000000dead"
CONNECTIONS = "/v1/operations/connections"
SECRET = "canary-4711"


@pytest.fixture
async def two(settings: Settings, addresses: Addresses) -> AsyncIterator[tuple[RunningServer, RunningServer]]:
    """A gateway, and a gateway with the worker."""
    async with (
        running(settings, addresses, worker=False) as one,
        running(settings, addresses) as other,
    ):
        yield one, other


async def ask(who: Person, server: RunningServer, path: str) -> Any:
    """An answer that is no refusal."""
    answer = await who.get(server.url, path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_trace_of_a_run_over_three_parts(two: tuple[RunningServer, RunningServer]) -> None:
    """Said at one gateway, worked on at another, shown at both: every event, with its times in order."""
    here, there = two
    ada, chief = await person(here.parts), await person(here.parts, roles=["operator"])
    async with connected(here.url, ada.token) as near, connected(there.url, ada.token) as far:
        await far.ask("ping")
        accepted = await near.say(SECRET, agent="echo")
        run_id = accepted["run_id"]
        await near.finished(run_id)
        await far.finished(run_id)
        for server in two:
            await server.parts.feed.outlet.settle()
    trace = await ask(chief, here, f"/v1/operations/runs/{run_id}/trace")
    assert SECRET not in json.dumps(trace)
    assert (trace["user_id"], trace["everywhere"]) == (ada.owner.user_id, True)
    assert {each["id"] for each in trace["processes"]} == {
        server.parts.feed.origin.decode() for server in two
    }
    message, *events = trace["events"]
    assert message["type"] == "message_created"
    assert "produced_at" not in message
    assert [event["type"] for event in events] == [frame["type"] for frame in near.of_run(run_id)]
    for event in trace["events"]:
        times = [event[name] for name in ("produced_at", "stored_at", "published_at") if name in event]
        assert all(first <= second for first, second in pairwise(times)), event
        written = {each["gateway"]: each for each in event["written"]}
        assert set(written) == {server.parts.feed.origin.decode() for server in two}
        assert all(each["after_ms"] >= 0 for each in event["written"])
        assert event["to_write_ms"] == min(each["after_ms"] for each in event["written"])
        assert 0 <= event["to_publish_ms"] < 10_000
    assert all(0 <= event["to_store_ms"] < 10_000 for event in events)


async def test_connections_of_all_gateways_are_listed(two: tuple[RunningServer, RunningServer]) -> None:
    """With what was sent; those of another tenant are not."""
    ada, eve = await person(two[0].parts), await person(two[0].parts, tenant="globex")
    chief = await person(two[0].parts, roles=["operator"])
    async with AsyncExitStack() as stack:
        for server in two:
            for who in (ada, eve):
                client = await stack.enter_async_context(connected(server.url, who.token))
                await client.ask("ping")
        listed = await ask(chief, two[1], CONNECTIONS)
    assert (listed["everywhere"], listed["total"]) == (True, 2)
    gateways = {server.parts.feed.origin.decode() for server in two}
    assert {each["gateway"] for each in listed["connections"]} == gateways
    for each in listed["connections"]:
        assert (each["user_id"], each["tenant_id"]) == (ada.owner.user_id, "acme")
        assert (each["slow"], each["bytes_waiting"], each["oldest_wait_ms"]) == (False, 0, 0)
        assert each["frames_sent"] == 2
        assert each["bytes_sent"] > 100


async def test_an_operator_sees_the_own_tenant_only(two: tuple[RunningServer, RunningServer]) -> None:
    """Another tenant's run is the same `not_found` as nonsense; without the role nothing is shown."""
    here, _ = two
    ada = await person(here.parts)
    stranger = await person(here.parts, tenant="globex", roles=["operator"])
    async with connected(here.url, ada.token) as client:
        run_id = (await client.say("x"))["run_id"]
        assert (await ask(stranger, here, CONNECTIONS))["connections"] == []
    refusals = []
    for path in (run_id, NONSENSE, "nonsense"):
        answer = await stranger.get(here.url, f"/v1/operations/runs/{path}/trace")
        refusals.append((answer.status_code, answer.json()))
    assert refusals[0][0] == 404
    assert refusals == [refusals[0]] * 3
    for path in (CONNECTIONS, f"/v1/operations/runs/{run_id}/trace"):
        assert (await ada.get(here.url, path)).status_code == 403
        assert (await replace(ada, token="x").get(here.url, path)).status_code == 401


async def test_without_valkey_this_process_answers_alone_and_says_so(
    settings: Settings, addresses: Addresses
) -> None:
    """Nothing was published; what happened here is shown."""
    lonely = replace(addresses, valkey_url="redis://127.0.0.1:1")
    async with running(settings, lonely) as server:
        chief = await person(server.parts, roles=["operator"])
        async with connected(server.url, chief.token) as client:
            accepted = await client.say("x", agent="echo")
            await client.finished(accepted["run_id"])
            listed = await ask(chief, server, CONNECTIONS)
        trace = await ask(chief, server, f"/v1/operations/runs/{accepted['run_id']}/trace")
    assert [(each["everywhere"]) for each in (listed, trace)] == [False, False]
    assert len(listed["connections"]) == 1
    assert [each["id"] for each in trace["processes"]] == [server.parts.feed.origin.decode()]
    for event in trace["events"]:
        assert "published_at" not in event
        assert event["stored_at"]
        assert event["written"]
