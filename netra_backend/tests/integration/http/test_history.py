import json
import re
import uuid

import httpx
import pytest

from netra_backend.domain.events import Append, Draft
from netra_backend.domain.ids import WorkerId
from netra_backend.domain.runs import Ending
from netra_backend.tests.integration.http.conftest import Site

NONSENSE = str(uuid.UUID(int=7))


async def test_a_conversation_is_read_page_by_page(site: Site) -> None:
    """Newest first page, older ones by `before`; the same views as on the socket."""
    client = await site.user("ada@example.org")
    owner = await site.owner("ada@example.org")
    accepted = [await site.say(owner, f"Question {number}", number) for number in range(3)]
    page = (await client.get("/api/threads?limit=2")).json()
    assert ([each["title"] for each in page["threads"]], page["has_more"]) == (
        ["Question 2", "Question 1"],
        True,
    )
    rest = (await client.get(f"/api/threads?limit=2&before={page['threads'][-1]['id']}")).json()
    assert ([each["title"] for each in rest["threads"]], rest["has_more"]) == (["Question 0"], False)
    messages = (await client.get(f"/api/threads/{accepted[0].thread_id}/messages")).json()
    assert messages == {
        "messages": [
            {
                "id": accepted[0].message_id,
                "role": "user",
                "content": "Question 0",
                "created_at": "2026-01-01T12:00:00Z",
                "run_id": accepted[0].run_id,
                "client_id": "c0",
            }
        ],
        "has_more": False,
    }


async def test_a_run_shows_status_attempts_and_events(site: Site) -> None:
    """Events as they are on the socket, in order."""
    client = await site.user("ada@example.org")
    accepted = await site.say(await site.owner("ada@example.org"), "Hello")
    (run,) = await site.deps.queue.claim(WorkerId("w"), limit=1)
    completed = {"status": "completed", "duration_ms": 5, "attempts": 1}
    started = {"agent": "demo", "attempt": 1, "message_id": run.answer_id}
    await site.deps.log.append(
        Append(
            owner=run.owner,
            thread_id=run.thread_id,
            run_id=run.id,
            attempt=run.attempt,
            drafts=(
                Draft("agent_started", json.dumps(started).encode()),
                Draft("agent_completed", json.dumps(completed).encode()),
            ),
            ending=Ending(status="completed", content="Hi", at=site.deps.clock.now()),
        )
    )
    shown = (await client.get(f"/api/runs/{accepted.run_id}")).json()
    assert (shown["id"], shown["status"], shown["attempts"]) == (accepted.run_id, "completed", 1)
    assert [(each["seq"], each["type"]) for each in shown["events"]] == [
        (1, "message_created"),
        (2, "agent_started"),
        (3, "agent_completed"),
    ]
    assert shown["events"][2]["payload"] == completed
    assert shown["events"][2]["run_id"] == accepted.run_id


async def test_stopping_is_stored_before_the_answer(site: Site) -> None:
    """A queued run ends at once; a second stop finds it ended."""
    client = await site.user("ada@example.org")
    accepted = await site.say(await site.owner("ada@example.org"), "Hello")
    answers = [await client.post(f"/api/runs/{accepted.run_id}/stop") for _ in range(2)]
    assert [(each.status_code, each.json()) for each in answers] == [
        (202, {"thread_id": accepted.thread_id, "run_id": accepted.run_id, "duplicate": again})
        for again in (False, True)
    ]
    assert (await client.get(f"/api/runs/{accepted.run_id}")).json()["status"] == "stopped"


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=-1", "before=nonsense"])
async def test_a_wrong_page_is_refused_with_its_path(site: Site, query: str) -> None:
    """The name of the parameter, not its value."""
    client = await site.user("ada@example.org")
    for path in ("/api/threads", f"/api/threads/{NONSENSE}/messages"):
        error = (await client.get(f"{path}?{query}")).json()["error"]
        assert (error["code"], error["path"]) == ("bad_message", f"$.{query.partition('=')[0]}")


@pytest.mark.parametrize("tenant", ["acme", "other"])
async def test_attack_35_what_is_somebody_elses_is_as_if_it_were_not(site: Site, tenant: str) -> None:
    """Every route with ids of another user, same tenant or not: byte for byte the answer to nonsense."""
    await site.user("ada@example.org")
    eve = await site.user("eve@example.org", tenant=tenant)
    hers = await site.say(await site.owner("ada@example.org"), "Secret")
    own = await site.say(await site.owner("eve@example.org"), "Mine")

    async def answers(thread: str, run: str, message: str) -> list[tuple[int, bytes]]:
        requests: list[tuple[str, str]] = [
            ("GET", f"/api/threads/{thread}/messages"),
            ("GET", f"/api/threads?before={thread}"),
            ("GET", f"/api/threads/{own.thread_id}/messages?before={message}"),
            ("GET", f"/api/runs/{run}"),
            ("POST", f"/api/runs/{run}/stop"),
        ]
        got: list[httpx.Response] = [await eve.request(method, path) for method, path in requests]
        return [(each.status_code, each.content) for each in got]

    for_nonsense = await answers(NONSENSE, NONSENSE, NONSENSE)
    assert await answers(hers.thread_id, hers.run_id, hers.message_id) == for_nonsense
    assert for_nonsense[0][0] == for_nonsense[3][0] == for_nonsense[4][0] == 404
    shown = (await eve.get("/api/threads")).json()["threads"]
    assert [each["title"] for each in shown] == ["Mine"]
    assert (await site.deps.store.run(await site.owner("ada@example.org"), hers.run_id)).status == "queued"


async def test_what_is_no_id_names_nothing(site: Site) -> None:
    """The same 404."""
    client = await site.user("ada@example.org")
    for path in ("/api/threads/x/messages", "/api/runs/..", "/api/runs/1 OR 1=1", "/api/runs/%00"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_every_route_of_the_interface_needs_a_login(site: Site) -> None:
    """A new route under /api or a changing one under /auth is private unless it is listed here."""
    public = {
        "/auth/login",
        "/auth/login/link",
        "/api/openapi.json",
        "/api/asyncapi.json",
        "/healthz",
        "/readyz",
        "/metrics",
        "/.well-known/jwks.json",
    }
    document = (await site.client().get("/api/openapi.json")).json()
    checked = 0
    for path, methods in document["paths"].items():
        for method in methods if path not in public else ():
            url = re.sub(r"\{\w+\}", NONSENSE, path)
            assert (await site.client().request(method, url)).status_code == 401
            checked += 1
    assert checked == 18


async def test_metrics_are_for_operators_from_elsewhere(site: Site) -> None:
    """With the queue's numbers; 403 for everybody else."""
    user = await site.user("ada@example.org")
    operator = await site.user("op@example.org", roles=("operator",))
    await site.say(await site.owner("ada@example.org"), "Hello")
    away = {"X-Forwarded-For": "192.0.2.7"}
    assert (await user.get("/metrics", headers=away)).status_code == 403
    answer = await operator.get("/metrics", headers=away)
    assert 'netra_queue_depth{status="queued"} 1.0' in answer.text
    assert not any(name in answer.text for name in ("acme", "ada", "Hello"))
