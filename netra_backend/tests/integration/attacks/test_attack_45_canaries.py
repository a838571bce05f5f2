"""Attack 45: an exception that holds everything secret shows none of it to anybody."""

import io
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from netra_backend.agents.context import Context
from netra_backend.agents.runner import Agents
from netra_backend.embedded.wiring import Addresses
from netra_backend.serving import start_worker
from netra_backend.settings import Settings
from netra_backend.store.postgres import PostgresStore
from netra_backend.testing.agents import ALL, echo
from netra_backend.tests.integration.attacks.conftest import CANARY, Unharmed
from netra_backend.tests.subject import Canonical, Subject, canonical

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "sk-canary-9f1c-key"
DSN = "postgresql://canary-9f1c:canary-9f1c-pw@db.canary-9f1c/netra"


class Leaky(Exception):
    """As libraries make them: the request, the key and the address in its text, its arguments and its notes."""

    def __init__(self, prompt: str) -> None:
        super().__init__(f"prompt={prompt!r} key={KEY} dsn={DSN}", {"prompt": prompt})
        self.add_note(f"{prompt} {KEY} {DSN}")


async def leaking(ctx: Context) -> None:
    """Fails in a tool, with a cause, and in a group."""
    async with ctx.tool("search", {"query": "nothing"}):
        cause = Leaky(ctx.text)
        raise ExceptionGroup(f"{KEY} {DSN}", [cause, RuntimeError(ctx.text)]) from cause


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def subject(settings: Settings, addresses: Addresses) -> AsyncIterator[Canonical]:
    """The application, with an agent that fails like this."""
    async with canonical(settings, addresses) as running:
        await running.stop_worker()
        agents = Agents(default=echo, default_name="echo", named={**ALL, "leaking": leaking})
        running._drain = start_worker(running.parts, agents, running._workers)
        yield running


async def test_attack_45_an_agents_exception_shows_a_code_only(
    subject: Canonical, unharmed: Unharmed, logged: io.StringIO
) -> None:
    """The terminal event has a code; log, metrics and the run's report hold no prompt, key or address."""
    alice = await subject.account()
    async with unharmed(KEY, DSN, failures=1), subject.connect(alice) as client:
        accepted = await client.say(f"My secret: {CANARY}", agent="leaking")
        events = await client.finished(accepted["run_id"])
        end = events[-1]["payload"]
        assert end["status"] == "failed"
        assert set(end["error"]) == {"code", "message"}
        report = await subject.request(alice, "GET", f"/api/runs/{accepted['run_id']}")
        metrics = await subject.request(None, "GET", "/metrics")
        for shown in (str(events), report.text.replace(f"My secret: {CANARY}", ""), metrics.text):
            assert CANARY not in shown
            assert "canary" not in shown
        assert "Leaky" in logged.getvalue() or "ExceptionGroup" in logged.getvalue()


async def test_attack_45_a_stores_exception_shows_an_id_only(
    subject: Subject, unharmed: Unharmed, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the socket and over HTTP: `internal` with an id that finds the line in the log."""
    alice = await subject.account()

    async def fail(*_: Any, **__: Any) -> Any:
        raise Leaky(CANARY)

    async with unharmed(KEY, DSN, failures=2), subject.connect(alice) as client:
        with monkeypatch.context() as broken:
            broken.setattr(PostgresStore, "threads", fail)
            refused = await client.ask("list_threads")
            answer = await subject.request(alice, "GET", "/api/threads")
        for error in (refused["payload"], answer.json()["error"]):
            assert error["code"] == "internal"
            found = re.fullmatch(r"Internal error ([0-9a-f-]{36})\.", error["message"])
            assert found
            assert found[1] in logged.getvalue()
        assert answer.status_code == 500
        assert "canary" not in (await subject.request(None, "GET", "/metrics")).text
