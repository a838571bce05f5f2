"""Attack 33 where Valkey carries no word of it: the sweep and the leases alone, on real stores."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from netra_backend.app import core
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.testing.client import connected
from netra_backend.testing.server import RunningServer, running
from netra_backend.tests.integration.gateway.people import Person, Sluggard, person

SECRET = b'{"type":"secret"}'
WITHIN_S = 5.0
"""docs/protocol.md, Authentication."""


@pytest.fixture
async def server(settings: Settings, addresses: Addresses) -> AsyncIterator[RunningServer]:
    """Gateway and worker without Valkey; leases are renewed once a second."""
    lonely = replace(addresses, valkey_url="redis://127.0.0.1:1")
    quick = settings.model_copy(update={"lease_s": 3.0, "poll_s": 0.1, "close_patience_s": 0.5})
    async with running(quick, lonely) as found:
        yield found


async def status(server: RunningServer, who: Person, run_id: str) -> str:
    """The run's status, once it has ended."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            for (found,) in await fetch(server, who, run_id):
                if found not in ("queued", "running"):
                    return str(found)


async def fetch(server: RunningServer, who: Person, run_id: str) -> list[tuple[str]]:
    """The row of a run; each look is a turn of the server."""
    async with server.parts.database.transaction([who.owner.tenant_id]) as connection:
        return [tuple(row) for row in await connection.fetch("SELECT status FROM runs WHERE id = $1", run_id)]


async def test_attack_33_a_disabled_user_is_out_in_five_seconds_without_valkey(
    server: RunningServer, settings: Settings, addresses: Addresses
) -> None:
    """Disabled by another process: every socket closes, running and queued runs end as stopped."""
    ada, bob = await person(server.parts), await person(server.parts)
    async with (
        connected(server.url, ada.token) as first,
        connected(server.url, ada.token) as second,
        connected(server.url, bob.token) as other,
    ):
        running_run = await first.say("x", agent="waiting")
        await first.until(lambda frame: frame["type"] == "tool_executing")
        queued = await first.say("y", agent="waiting", thread_id=running_run["thread_id"])
        began = asyncio.get_running_loop().time()
        async with core(settings, replace(addresses, valkey_url="redis://127.0.0.1:1")) as elsewhere:
            await elsewhere.auth.disable(ada.email)
        codes = [await first.closed(), await second.closed()]
        took = asyncio.get_running_loop().time() - began
        assert (codes, took < WITHIN_S) == ([4401, 4401], True), took
        assert (await other.ask("ping"))["type"] == "pong"
        for accepted in (running_run, queued):
            assert await status(server, ada, accepted["run_id"]) == "stopped"


async def test_attack_33_what_is_accepted_after_the_disabling_is_stopped_too(server: RunningServer) -> None:
    """On a socket that the sweep has not reached yet."""
    ada = await person(server.parts)
    async with connected(server.url, ada.token) as client:
        await server.parts.auth.users.disable(ada.email)
        late = await client.say("x", agent="waiting")
        assert await client.closed() == 4401
        assert await status(server, ada, late["run_id"]) == "stopped"


async def stuffed(server: RunningServer, who: Person, client: Sluggard) -> None:
    """Send a client that does not read so much that more of it waits here."""
    await client.open(server.url, who.token)
    await client.send("ping", id="p")
    await client.read_until(b'"pong"')
    number = 0
    while b"netra_outbox_bytes 0.0" in server.parts.metrics.text():
        number += 1
        server.parts.feed.tell_here(who.owner, b"E%d\n%s" % (number, b" " * 500_000))
        await who.get(server.url, "/healthz")  # a turn of the server, in which it writes what it can
    server.parts.feed.tell_here(who.owner, b"E%d\n%s" % (number + 1, SECRET))


async def test_attack_33_a_client_that_reads_nothing_is_out_as_well(server: RunningServer) -> None:
    """It cannot be told, so its socket is cut."""
    ada = await person(server.parts)
    client = Sluggard()
    await stuffed(server, ada, client)
    server.parts.feed.revoke(ada.owner)
    async with asyncio.timeout(WITHIN_S):
        while server.parts.feed.owners():
            await ada.get(server.url, "/healthz")
    client.close()


async def test_attack_33_what_waits_for_a_session_that_ended_is_not_sent(server: RunningServer) -> None:
    """Also when its client begins to read at that moment."""
    ada = await person(server.parts)
    client = Sluggard()
    await stuffed(server, ada, client)
    server.parts.feed.revoke(ada.owner)
    assert SECRET not in await client.read_to_the_end()
    client.close()


async def test_one_session_is_ended_by_http_and_its_sockets_only(server: RunningServer) -> None:
    """The other login goes on; so do the user's runs."""
    ada = await person(server.parts)
    user = await server.parts.auth.users.find(ada.email)
    assert user is not None
    phone = replace(ada, token=(await server.parts.auth.issue(user)).access_token)
    async with connected(server.url, ada.token) as laptop, connected(server.url, phone.token) as kept:
        accepted = await laptop.say("x", agent="waiting")
        sessions = (await phone.get(server.url, "/auth/sessions")).json()["sessions"]
        (other,) = [each["id"] for each in sessions if not each["current"]]
        answer = await phone.get(server.url, f"/auth/sessions/{other}", method="DELETE")
        began = asyncio.get_running_loop().time()
        assert (answer.status_code, await laptop.closed()) == (204, 4401)
        assert asyncio.get_running_loop().time() - began < WITHIN_S
        assert (await kept.ask("ping"))["type"] == "pong"
        ((found,),) = await fetch(server, ada, accepted["run_id"])
        assert found == "running"
        await kept.ask("stop_agent", {"run_id": accepted["run_id"]})
