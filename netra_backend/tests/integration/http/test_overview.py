"""What the dashboard asks for: right over processes, and of the operator's own tenant only."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from netra_backend.domain.ids import RunId
from netra_backend.domain.runs import Lane, Submission
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.testing.client import connected
from netra_backend.testing.server import RunningServer, running
from netra_backend.tests.integration.gateway.people import Person, person
from netra_backend.tests.integration.http.conftest import Site

BASE = "/v1/operations"
READ = ("runs", "queue", "figures", "errors", "connections")
SECRET = "canary-4711"
NONSENSE = "00000000-0000-7000-8000-00000000dead"


@pytest.fixture
async def server(settings: Settings, addresses: Addresses) -> AsyncIterator[RunningServer]:
    """A gateway with a worker."""
    async with running(settings, addresses) as opened:
        yield opened


async def ask(who: Person, server: RunningServer, path: str) -> Any:
    """An answer that is no refusal."""
    answer = await who.get(server.url, f"{BASE}/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def asked(client: httpx.AsyncClient, path: str) -> Any:
    """The same of an application without a socket."""
    answer = await client.get(f"{BASE}/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_role_is_needed_for_everything(site: Site) -> None:
    """401 without a login, 403 without the role, for each address, also for one that is not there."""
    user, operator = await site.user("u@x.org"), await site.user("o@x.org", roles=("operator",))
    accepted = await site.say(await site.owner("u@x.org"), "x")
    for path in (*READ, f"runs/{accepted.run_id}/trace"):
        assert (await site.client().get(f"{BASE}/{path}")).status_code == 401
        assert (await user.get(f"{BASE}/{path}")).status_code == 403
        assert (await operator.get(f"{BASE}/{path}")).status_code == 200
    for deed in ("stop", "retry"):
        address = f"{BASE}/runs/{accepted.run_id}/{deed}"
        assert (await site.client().post(address)).status_code == 401
        assert (await user.post(address)).status_code == 403
    record = await site.deps.store.run(await site.owner("u@x.org"), accepted.run_id)
    assert record.status == "queued"


async def test_runs_and_queue_are_the_own_tenants(site: Site) -> None:
    """Of every user of the tenant, by lane; nothing of another tenant, and no text."""
    operator = await site.user("o@x.org", roles=("operator",))
    stranger = await site.user("s@y.org", tenant="globex", roles=("operator",))
    for email in ("a@x.org", "b@x.org"):
        await site.user(email)
    ada, bob, eve = [await site.owner(email) for email in ("a@x.org", "b@x.org", "s@y.org")]
    first = await site.say(ada, SECRET)
    second = await site.deps.store.accept(
        Submission(owner=bob, client_id="b", text=SECRET, thread_id=None, agent="echo", lane=Lane.NORMAL)
    )
    others = await site.say(eve, SECRET)
    listed = await asked(operator, "runs")
    assert SECRET not in json.dumps(listed)
    assert [(run["id"], run["user_id"], run["lane"], run["status"]) for run in listed["runs"]] == [
        (second.run_id, bob.user_id, "normal", "queued"),
        (first.run_id, ada.user_id, "high", "queued"),
    ]
    assert listed["runs"][0]["agent"] == "echo"
    assert [run["id"] for run in (await asked(stranger, "runs"))["runs"]] == [others.run_id]
    queue = await asked(operator, "queue")
    assert (queue["tenant_id"], queue["queued"], queue["running"]) == (ada.tenant_id, 2, 0)
    lanes = {lane["lane"]: (lane["queued"], lane["running"], "oldest_s" in lane) for lane in queue["lanes"]}
    assert lanes == {
        "critical": (0, 0, False),
        "high": (1, 0, True),
        "normal": (1, 0, True),
        "low": (0, 0, False),
    }
    assert (await asked(stranger, "queue"))["queued"] == 1


async def test_an_operator_stops_any_run_of_the_own_tenant(site: Site) -> None:
    """A queued one ends at once; one of another tenant is not found, as nonsense is, and goes on."""
    operator = await site.user("o@x.org", roles=("operator",))
    stranger = await site.user("s@y.org", tenant="globex", roles=("operator",))
    await site.user("a@x.org")
    ada = await site.owner("a@x.org")
    run_id = (await site.say(ada, "x")).run_id
    refusals = [await stranger.post(f"{BASE}/runs/{each}/stop") for each in (run_id, NONSENSE, "nonsense")]
    assert {(each.status_code, each.text) for each in refusals} == {(404, refusals[1].text)}
    assert (await site.deps.store.run(ada, run_id)).status == "queued"
    answer = await operator.post(f"{BASE}/runs/{run_id}/stop")
    assert (answer.status_code, answer.json()["duplicate"]) == (202, False)
    assert (await site.deps.store.run(ada, run_id)).status == "stopped"
    again = await operator.post(f"{BASE}/runs/{run_id}/stop")
    assert (again.status_code, again.json()["duplicate"]) == (202, True)
    assert [run["status"] for run in (await asked(operator, "runs?state=ended"))["runs"]] == ["stopped"]
    assert (await asked(operator, "runs?state=open"))["runs"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "state=mine", "limit=-1"])
async def test_nonsense_in_the_question_is_refused(site: Site, query: str) -> None:
    """With the place of the mistake."""
    operator = await site.user("o@x.org", roles=("operator",))
    answer = await operator.get(f"{BASE}/runs?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_message")


async def test_figures_count_the_tenants_events_and_latencies(
    settings: Settings, addresses: Addresses
) -> None:
    """Accepted at a gateway, run elsewhere, added at either; another tenant's operator sees zeros."""
    async with (
        running(settings, addresses, worker=False) as here,
        running(settings, addresses) as there,
    ):
        ada, chief = await person(here.parts), await person(here.parts, roles=["operator"])
        stranger = await person(here.parts, tenant="globex", roles=["operator"])
        async with connected(here.url, ada.token) as client:
            for text in ("one", "two"):
                await client.finished((await client.say(text, agent="echo"))["run_id"])
        for server in (here, there):
            figures = await ask(chief, server, "figures")
            assert (figures["everywhere"], figures["slot_s"], len(figures["points"])) == (True, 5, 60)
            names = {each.parts.feed.origin.decode() for each in (here, there)}
            assert {each["id"] for each in figures["processes"]} == names
            assert sum(point["events"] for point in figures["points"]) == 12
            for name in ("accepted", "ran"):
                latency = figures[name]
                assert latency["count"] == 2
                assert 0 < latency["p50_ms"] <= latency["p95_ms"] <= latency["p99_ms"] < 20_000
                assert sum(point[name]["count"] for point in figures["points"]) == 2
        assert "error" not in (await ask(chief, here, "runs"))["runs"][0]
        nothing = await ask(stranger, here, "figures")
    assert sum(point["events"] for point in nothing["points"]) == 0
    assert nothing["accepted"] == nothing["ran"] == {"count": 0}


async def test_errors_are_grouped_by_cause(server: RunningServer) -> None:
    """Failed runs by agent and code, refused frames by code, with how often, when and the last run."""
    ada, chief = await person(server.parts), await person(server.parts, roles=["operator"])
    stranger = await person(server.parts, tenant="globex", roles=["operator"])
    async with connected(server.url, ada.token) as client:
        runs = []
        for agent in ("failing", "failing", "crashing"):
            runs.append((await client.say(SECRET, agent=agent))["run_id"])
            await client.finished(runs[-1])
        await client.ask("stop_agent", {"run_id": NONSENSE})
        await client.send_raw(json.dumps({"type": "no_such_thing", "id": "x"}))
        await client.until(lambda frame: frame.get("reply_to") == "x")
        errors = await ask(chief, server, "errors")
    assert SECRET not in json.dumps(errors)
    groups = {(each["kind"], each.get("agent"), each["cause"]): each for each in errors["errors"]}
    assert {key: each["count"] for key, each in groups.items()} == {
        ("run", "failing", "test_failure"): 2,
        ("run", "crashing", "internal"): 1,
        ("frame", None, "not_found"): 1,
        ("frame", None, "unknown_type"): 1,
    }
    twice = groups["run", "failing", "test_failure"]
    assert twice["first_seen"] < twice["last_seen"]
    assert twice["last_run_id"] == runs[1]
    seen = [each["last_seen"] for each in errors["errors"]]
    assert seen == sorted(seen, reverse=True)
    assert (await ask(stranger, server, "errors"))["errors"] == []
    failed = (await ask(chief, server, "runs?state=ended&limit=1"))["runs"]
    assert [(run["id"], run["status"], run["error"]) for run in failed] == [(runs[2], "failed", "internal")]
    text = server.parts.metrics.text().decode()
    assert 'netra_run_failures_total{code="test_failure"} 2.0' in text


async def test_a_running_run_is_stopped(server: RunningServer) -> None:
    """The operator's stop reaches the agent; until then the run shows that it is stopping."""
    ada, chief = await person(server.parts), await person(server.parts, roles=["operator"])
    async with connected(server.url, ada.token) as client:
        run_id = (await client.say("x", agent="waiting"))["run_id"]
        await client.until(lambda frame: frame["type"] == "tool_executing")
        shown = (await ask(chief, server, "runs?state=open"))["runs"]
        assert [(run["id"], run["status"], run["stopping"]) for run in shown] == [(run_id, "running", False)]
        assert (await ask(chief, server, "queue"))["running"] == 1
        answer = await chief.get(server.url, f"{BASE}/runs/{run_id}/stop", method="POST")
        assert answer.status_code == 202
        *_, end = await client.finished(run_id)
    assert end["payload"]["status"] == "stopped"
    assert (await server.parts.store.run(ada.owner, RunId(run_id))).status == "stopped"


async def test_prometheus_counts_what_waits_by_lane(site: Site) -> None:
    """Every lane, over all tenants, without their names."""
    await site.user("a@x.org")
    await site.say(await site.owner("a@x.org"), "x")
    text = (await site.client().get("/metrics")).text
    assert 'netra_queue_lanes{lane="high"} 1.0' in text
    assert 'netra_queue_lanes{lane="low"} 0.0' in text
