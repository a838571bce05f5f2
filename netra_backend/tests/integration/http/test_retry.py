"""An operator tries a failed run again: a new run of the same message, once, and of the own tenant only."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from io import StringIO

import httpx
import pytest

from netra_backend.agents.context import AgentFailed, Context
from netra_backend.agents.runner import Agents
from netra_backend.domain.errors import Conflict
from netra_backend.domain.ids import Owner, RunId, WorkerId
from netra_backend.domain.runs import Acceptance, Submission
from netra_backend.embedded.wiring import Addresses
from netra_backend.serving import start_worker
from netra_backend.settings import Settings
from netra_backend.store.database import Database
from netra_backend.store.retries import Retried, Retries
from netra_backend.testing.client import connected
from netra_backend.testing.server import RunningServer, running
from netra_backend.tests.integration.gateway.people import person
from netra_backend.tests.integration.http.conftest import Site

BASE = "/v1/operations"
SECRET = "canary-4712"
NONSENSE = "00000000-0000-7000-8000-00000000dead"

_numbers = itertools.count(1000)


class Moody:
    """Fails until it is told not to; answers with what it was told."""

    def __init__(self) -> None:
        self.failing = True
        self.told: list[tuple[str, list[str]]] = []

    async def __call__(self, ctx: Context) -> str:
        """See `Agent`."""
        self.told.append((ctx.text, [message.content for message in ctx.history]))
        if self.failing and ctx.text == SECRET:
            raise AgentFailed("provider_failed", f"No answer to {SECRET}.")
        return f"about {ctx.text}"


@pytest.fixture
async def server(settings: Settings, addresses: Addresses) -> AsyncIterator[RunningServer]:
    """A gateway without a worker."""
    async with running(settings, addresses, worker=False) as opened:
        yield opened


async def test_what_failed_is_answered_by_another_run(server: RunningServer, logged: StringIO) -> None:
    """It is told the same, its answer stands in the thread, the message is there once; the log says who did it."""
    ada, chief = await person(server.parts), await person(server.parts, roles=["operator"])
    moody = Moody()
    async with AsyncExitStack() as stack, connected(server.url, ada.token) as client:
        stack.push_async_callback(
            start_worker(server.parts, Agents(default=moody, default_name="moody", named={}), stack)
        )
        first = await client.say("hello")
        await client.finished(first["run_id"])
        thread_id = first["thread_id"]
        failed = (await client.say(SECRET, thread_id=thread_id))["run_id"]
        before = await client.finished(failed)
        assert before[-1]["payload"]["error"]["code"] == "provider_failed"
        moody.failing = False
        answer = await chief.get(server.url, f"{BASE}/runs/{failed}/retry", method="POST")
        assert answer.status_code == 202, answer.text
        again = answer.json()["run_id"]
        started, ended = await client.finished(again)
        assert (started["type"], started["payload"]["attempt"]) == ("agent_started", 1)
        assert started["payload"]["message_id"] != before[0]["payload"]["message_id"]
        assert (ended["payload"]["status"], ended["thread_id"]) == ("completed", thread_id)
        assert ended["payload"]["message"]["content"] == f"about {SECRET}"
        history = (await client.ask("get_thread_history", thread_id=thread_id))["payload"]["messages"]
        assert [message["content"] for message in history] == [
            "hello",
            "about hello",
            SECRET,
            f"about {SECRET}",
        ]
        assert client.of_run(failed) == before
    assert moody.told[1] == moody.told[2] == (SECRET, ["hello", "about hello"])
    listed = (await chief.get(server.url, f"{BASE}/runs?state=ended")).json()["runs"]
    tries = {run["id"]: (run.get("retry_of"), run.get("retried_as")) for run in listed}
    assert tries == {again: (failed, None), failed: (None, again), first["run_id"]: (None, None)}
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert [
        (line["run_id"], line["retried_as"], line["operator"], line["tenant_id"])
        for line in lines
        if line["event"] == "operator_retried_run"
    ] == [(failed, again, *reversed(chief.owner))]
    assert SECRET not in logged.getvalue()


async def failed_run(site: Site, database: Database, owner: Owner, *, status: str = "failed") -> Acceptance:
    """A run that ended so; its client id is its own."""
    accepted = await site.say(owner, SECRET, number=next(_numbers))
    await ended(database, owner, accepted, status)
    return accepted


async def ended(database: Database, owner: Owner, accepted: Acceptance, status: str) -> None:
    """End a run as `status`, as far as the table of runs knows."""
    async with database.transaction([owner.tenant_id]) as connection:
        await connection.execute(
            "UPDATE runs SET status = $2, ended_at = now() WHERE id = $1", accepted.run_id, status
        )


async def count_of_runs(database: Database, owner: Owner) -> int:
    """Runs of the owner's tenant."""
    async with database.transaction([owner.tenant_id]) as connection:
        return int(await connection.fetchval("SELECT count(*) FROM runs"))


async def retry(client: httpx.AsyncClient, run_id: str) -> httpx.Response:
    """The operator's press."""
    return await client.post(f"{BASE}/runs/{run_id}/retry")


async def test_a_run_that_cannot_be_tried_again_is_refused_with_the_reason(
    site: Site, database: Database
) -> None:
    """One that is open, ended well, was stopped or was tried again, or whose user is disabled; nothing is stored."""
    operator = await site.user("o@x.org", roles=("operator",))
    await site.user("a@x.org")
    ada = await site.owner("a@x.org")
    opened = await site.say(ada, "x", number=1)
    sentences = [(await retry(operator, opened.run_id)).json()["error"]["message"]]
    for status in ("completed", "stopped"):
        run_id = (await failed_run(site, database, ada, status=status)).run_id
        sentences.append((await retry(operator, run_id)).json()["error"]["message"])
    failed = await failed_run(site, database, ada, status="timed_out")
    again = (await retry(operator, failed.run_id)).json()["run_id"]
    refused = await retry(operator, failed.run_id)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    sentences.append(refused.json()["error"]["message"])
    last = await failed_run(site, database, ada)
    stored = await count_of_runs(database, ada)
    await site.deps.auth.disable("a@x.org")
    sentences.append((await retry(operator, last.run_id)).json()["error"]["message"])
    assert sentences == [
        "The run has not ended: wait for its end, or cancel it.",
        *["Only a run that failed or took too long can be tried again; this one did neither."] * 2,
        f"The run was tried again already, as {again}: if that failed too, try that one again.",
        "The run's user is disabled: enable the account before trying the run again.",
    ]
    assert await count_of_runs(database, ada) == stored


async def test_a_full_queue_takes_no_retry(site: Site, database: Database) -> None:
    """It is `busy`, as for messages, and works again once there is room."""
    operator = await site.user("o@x.org", roles=("operator",))
    await site.user("a@x.org")
    ada = await site.owner("a@x.org")
    failed = await failed_run(site, database, ada)
    waiting = [await site.say(ada, "x", number=number) for number in range(100)]
    refused = await retry(operator, failed.run_id)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
    await ended(database, ada, waiting[0], "stopped")
    assert (await retry(operator, failed.run_id)).status_code == 202


async def test_another_tenants_run_is_not_found_and_not_touched(site: Site, database: Database) -> None:
    """As nonsense is, word for word."""
    stranger = await site.user("s@y.org", tenant="globex", roles=("operator",))
    await site.user("a@x.org")
    ada = await site.owner("a@x.org")
    failed = await failed_run(site, database, ada)
    refusals = [await retry(stranger, each) for each in (failed.run_id, NONSENSE, "nonsense")]
    assert {(each.status_code, each.text) for each in refusals} == {(404, refusals[1].text)}
    assert await count_of_runs(database, ada) == 1


async def test_of_many_presses_at_once_one_counts(
    site: Site, database: Database, addresses: Addresses
) -> None:
    """At as many gateways, each with connections of its own; the others are told as which run it was tried again."""
    await site.user("a@x.org")
    ada = await site.owner("a@x.org")
    failed = await failed_run(site, database, ada)
    async with AsyncExitStack() as stack:
        gateways = []
        for _ in range(6):
            own = Database(addresses.app_url, size=2)
            stack.push_async_callback(own.close)
            await own.open()
            gateways.append(
                Retries(own, site.deps.clock, site.deps.new_id, queue_limit=100, queued=lambda: None)
            )
        presses = (each.retry(ada.tenant_id, failed.run_id, operator=ada.user_id) for each in gateways)
        answers = await asyncio.gather(*presses, return_exceptions=True)
    (again,) = [each.run_id for each in answers if isinstance(each, Retried)]
    refusals = [each for each in answers if isinstance(each, Conflict)]
    assert (len(refusals), {again in str(each) for each in refusals}) == (5, {True})
    assert await count_of_runs(database, ada) == 2


async def test_it_comes_before_what_its_thread_has_waiting(site: Site, database: Database) -> None:
    """A later message of the thread waits for it, with the agent and the input of the first try."""
    operator = await site.user("o@x.org", roles=("operator",))
    await site.user("a@x.org")
    ada = await site.owner("a@x.org")
    first = await site.deps.store.accept(
        Submission(owner=ada, client_id="1", text=SECRET, thread_id=None, agent="echo", input={"depth": 3})
    )
    await ended(database, ada, first, "failed")
    later = await site.deps.store.accept(
        Submission(owner=ada, client_id="2", text="later", thread_id=first.thread_id)
    )
    again = (await retry(operator, first.run_id)).json()
    assert (again["retry_of"], again["message_id"]) == (first.run_id, first.message_id)
    claimed = await site.deps.queue.claim(WorkerId("w"), limit=10)
    assert [(run.id, run.text, run.agent, run.input) for run in claimed] == [
        (again["run_id"], SECRET, "echo", {"depth": 3})
    ]
    assert (await site.deps.store.run(ada, RunId(later.run_id))).status == "queued"
