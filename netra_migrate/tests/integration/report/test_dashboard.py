"""The dashboard over a real socket."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator

import httpx
import msgspec
import pytest
import uvicorn

from netra_migrate.domain.outcomes import TreeError
from netra_migrate.report.dashboard import create_app, listen
from netra_migrate.report.live import Watched
from netra_migrate.report.material import Material
from netra_migrate.tests.unit.report.example import HOSTILE, material

PATIENCE_S = 20.0


class Migration:
    """A migration that goes on when told to."""

    def __init__(self) -> None:
        self.now: Material | Exception = material()
        self.version = 0

    def become(self, now: Material | Exception) -> None:
        """Go on."""
        self.now, self.version = now, self.version + 1

    def read(self) -> Material:
        """What is known, or what stands against knowing it."""
        if isinstance(self.now, Exception):
            raise self.now
        return self.now


@pytest.fixture
def migration() -> Migration:
    """Half done."""
    return Migration()


@pytest.fixture
async def client(migration: Migration) -> AsyncIterator[httpx.AsyncClient]:
    """A reader of the dashboard of `migration`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        watched = Watched(read=migration.read, signature=lambda: migration.version)
        config = uvicorn.Config(
            create_app(watched, port=port), log_level="critical", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        # Not `serve`: that one takes the signals of the process, which are pytest's.
        task = asyncio.create_task(server._serve(sockets=[listener]))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as reader:
            yield reader
        server.should_exit = True
        await asyncio.wait_for(task, PATIENCE_S)


async def events(lines: AsyncIterator[str]) -> AsyncGenerator[tuple[str, object], None]:
    """Server-Sent Events as name and data."""
    name = ""
    async for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


async def test_the_page_is_whole_without_script(client: httpx.AsyncClient) -> None:
    """Everything is in the HTML, escaped; readers without JavaScript get it afresh."""
    text = (await client.get("/")).text
    assert "2 of 6 steps are migrated" in text
    assert HOSTILE not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[2J\\u202egpj.py" in text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text


@pytest.mark.parametrize("path", ["/", "/page.css", "/dashboard.js", "/nothing"])
async def test_every_answer_forbids_what_it_does_not_need(client: httpx.AsyncClient, path: str) -> None:
    """No inline script, nothing from elsewhere, no frame, nothing kept."""
    headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1", "", "127.0.0.1.evil.example"]
)
@pytest.mark.parametrize("path", ["/", "/events", "/dashboard.js"])
async def test_a_page_under_another_name_gets_nothing(
    client: httpx.AsyncClient, host: str, path: str
) -> None:
    """DNS rebinding: the name points here, but it is not ours."""
    answer = await client.get(path, headers={"host": host})
    assert (answer.status_code, "migrated" in answer.text) == (421, False)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_can_be_changed(client: httpx.AsyncClient, method: str) -> None:
    """Read only."""
    assert (await client.request(method, "/")).status_code == 405


async def test_only_sections_that_changed_are_sent(client: httpx.AsyncClient, migration: Migration) -> None:
    """First all, then what is new, as it comes."""
    async with (
        client.stream("GET", "/events") as stream,
        contextlib.aclosing(events(stream.aiter_lines())) as found,
    ):
        first = [await anext(found) for _ in range(6)]
        assert [data["name"] for _, data in first if isinstance(data, dict)] == [
            "summary", "tests", "causes", "steps", "gate", "phases",
        ]  # fmt: skip
        migration.become(msgspec.structs.replace(material(), failures=()))
        name, data = await asyncio.wait_for(anext(found), PATIENCE_S)
        assert (name, data) == (
            "section",
            {"name": "causes", "html": data["html"]} if isinstance(data, dict) else 0,
        )
        assert "No errors so far" in str(data)


async def test_a_damaged_journal_is_told_and_forgotten_when_mended(
    client: httpx.AsyncClient, migration: Migration
) -> None:
    """The page stays; the sentence comes, and goes."""
    async with (
        client.stream("GET", "/events") as stream,
        contextlib.aclosing(events(stream.aiter_lines())) as found,
    ):
        for _ in range(6):
            await anext(found)
        migration.become(TreeError("journal.jsonl:3: the journal is damaged here."))
        assert await asyncio.wait_for(anext(found), PATIENCE_S) == (
            "trouble",
            "journal.jsonl:3: the journal is damaged here.",
        )
        migration.become(material())
        assert await asyncio.wait_for(anext(found), PATIENCE_S) == ("trouble", "live")


def test_a_port_that_is_taken_is_said_so() -> None:
    """With what to do."""
    with listen(0) as taken, pytest.raises(TreeError, match="--port"):
        listen(taken.getsockname()[1])
