"""Fault 19: clients that do not read cost bounded memory, lose no lifecycle event, and are seen."""

import asyncio
import gc
from contextlib import AsyncExitStack
from typing import Any

import psutil

from netra_backend.domain.ids import MessageId, ThreadId
from netra_backend.domain.ports import Sink
from netra_backend.domain.runs import Submission
from netra_backend.embedded.wiring import Addresses
from netra_backend.events.names import channel
from netra_backend.settings import Settings
from netra_backend.testing.client import LIFECYCLE, PATIENCE_S, connected
from netra_backend.testing.server import RunningServer, running
from netra_backend.tests.integration.gateway.people import Person, Sluggard, person

CLIENTS = 200
STREAM = 50_000_000
"""Characters of live text for each of them: 10 GB, were it kept."""
PIECE = "x" * 100_000
MESSAGE = MessageId("22222222-2222-7222-8222-222222222222")


def sinks(server: RunningServer, who: Person) -> tuple[Sink, ...]:
    """The user's connections, as the feed calls them."""
    return server.parts.feed._listeners(channel(who.owner))


async def a_thread(server: RunningServer, who: Person) -> ThreadId:
    """A thread of the user."""
    said = Submission(owner=who.owner, client_id="first", text="x", thread_id=None)
    return (await server.parts.store.accept(said)).thread_id


async def followers(
    server: RunningServer, who: Person, thread_id: ThreadId, stack: AsyncExitStack, count: int
) -> list[Sluggard]:
    """Clients that follow the thread and have read everything so far."""
    found = [Sluggard() for _ in range(count)]
    for each in found:
        stack.callback(each.close)
        await each.open(server.url, who.token)
        await each.send("follow", id="f", thread_id=thread_id)
        await each.read_until(b'"followed"')
    return found


async def until_nobody_listens(server: RunningServer, who: Person) -> None:
    """Wait until the user's connections have ended."""
    async with asyncio.timeout(PATIENCE_S):
        while sinks(server, who):
            await who.get(server.url, "/healthz")  # each answer is a turn of the server


async def test_fault_19_memory_stays_flat_under_200_clients_that_do_not_read(
    settings: Settings, addresses: Addresses
) -> None:
    """Each is closed past the cap, then cut: none keeps its socket until a ping fails."""
    patient = settings.model_copy(update={"connections_per_user": CLIENTS, "close_patience_s": 0.5})
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(patient, addresses, worker=False))
        ada = await person(server.parts)
        thread_id = await a_thread(server, ada)
        await followers(server, ada, thread_id, stack, CLIENTS)
        listening = sinks(server, ada)
        gc.collect()
        before = psutil.Process().memory_info().rss
        highest = before
        for offset in range(0, STREAM, len(PIECE)):
            for sink in listening:
                sink.on_delta(thread_id, MESSAGE, offset, PIECE)
            await asyncio.sleep(0)
            if offset % (10 * len(PIECE)) == 0:
                highest = max(highest, psutil.Process().memory_info().rss)
        del listening, sink
        await until_nobody_listens(server, ada)
        growth = (highest - before) / CLIENTS
        assert growth < patient.outbox_bytes, f"{growth / 1000:.0f} KB for each client"
        assert server.parts.metrics.slow_closes.value == CLIENTS


async def test_fault_19_a_slow_client_is_seen_closed_and_gets_everything_durable(
    settings: Settings, addresses: Addresses
) -> None:
    """Operators see it wait; after 4008 its `resume` brings the whole life of a run, in order."""
    patient = settings.model_copy(update={"close_patience_s": 0.5})
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(patient, addresses))
        ada = await person(server.parts, roles=["operator"])
        thread_id = await a_thread(server, ada)
        (slow,) = await followers(server, ada, thread_id, stack, 1)
        (sink,) = sinks(server, ada)
        quick = await stack.enter_async_context(connected(server.url, ada.token))
        offset = 0
        while b"netra_outbox_bytes 0.0" in server.parts.metrics.text() and offset < STREAM:
            sink.on_delta(thread_id, MESSAGE, offset, PIECE)
            offset += len(PIECE)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE_S):
            while not await seen_slow(server, ada):
                pass  # each look is a turn of the server
        accepted = await quick.say("while it sleeps", agent="echo")
        await quick.finished(accepted["run_id"])
        while not sink.closing:  # type: ignore[attr-defined]  # it is a connection
            sink.on_delta(thread_id, MESSAGE, offset, PIECE)
            offset += len(PIECE)
            await asyncio.sleep(0)
        assert (await slow.read_to_the_end())[-2:] in (b"\x0f\xa8", b"xx")  # 4008, or cut before it left
        again = await stack.enter_async_context(connected(server.url, ada.token))
        epoch = again.of_type("connected")[0]["payload"]["epoch"]
        await again.ask("resume", {"epoch": epoch, "after": 0})
        life = [frame["type"] for frame in again.of_run(accepted["run_id"])]
        assert life == ["agent_started", "agent_thinking", "tool_executing", "tool_completed", LIFECYCLE[-1]]
        numbers = [frame["seq"] for frame in again.durable()]
        assert numbers == list(range(1, len(numbers) + 1))


async def seen_slow(server: RunningServer, who: Person) -> bool:
    """Whether the operators' list shows a slow connection; and then what it says of it."""
    answer = (await who.get(server.url, "/v1/operations/connections")).json()
    slow = [each for each in answer["connections"] if each["slow"]]
    if not slow:
        return False
    (one,) = slow
    assert one == answer["connections"][0]
    assert (one["user_id"], one["tenant_id"]) == (who.owner.user_id, "acme")
    assert one["bytes_waiting"] > 0
    assert one["oldest_wait_ms"] > 0
    assert one["frames_sent"] >= 2
    metrics = (await who.get(server.url, "/metrics")).text
    assert "netra_slow_connections 1.0" in metrics
    assert who.owner.user_id not in metrics
    return True


async def test_events_larger_than_the_cap_still_arrive(settings: Settings, addresses: Addresses) -> None:
    """A client that reads is not closed for one large event, after each `resume` again."""
    small = settings.model_copy(update={"outbox_bytes": 65536})
    async with running(small, addresses) as server:
        ada = await person(server.parts)
        said = Submission(owner=ada.owner, client_id="c", text="a" * 200_000, thread_id=None, agent="echo")
        accepted = await server.parts.store.accept(said)
        async with asyncio.timeout(PATIENCE_S):
            while "ended_at" not in (await ada.get(server.url, f"/api/runs/{accepted.run_id}")).json():
                pass  # each answer is a turn of the server
        async with connected(server.url, ada.token) as client:
            epoch = client.of_type("connected")[0]["payload"]["epoch"]
            answer = await client.ask("resume", {"epoch": epoch, "after": 0})
            assert (answer["type"], len(client.durable())) == ("resumed", 6)
            page = (await client.ask("get_thread_history", thread_id=accepted.thread_id))["payload"]
            assert [len(each["content"]) for each in page["messages"]] == [200_000, 200_010]


async def test_a_page_of_history_is_bounded_in_messages_and_bytes(
    settings: Settings, addresses: Addresses
) -> None:
    """On the socket and over HTTP; `has_more` and `before` give the rest."""
    small = settings.model_copy(update={"page_limit": 5, "page_bytes": 65536})
    async with running(small, addresses, worker=False) as server:
        ada = await person(server.parts)
        async with connected(server.url, ada.token) as client:
            thread_id = (await client.say("0"))["thread_id"]
            for text in ("1", "2" * 30_000, "3" * 30_000, "4" * 30_000, "5", "6", "7", "8", "9"):
                await client.say(text, thread_id=thread_id)
            await client.say("in another thread")
            seen: list[list[str]] = []
            before: dict[str, str] = {}
            page: dict[str, Any] = {"has_more": True}
            while page["has_more"]:
                fields = {"limit": 200, **before}
                page = (await client.ask("get_thread_history", fields, thread_id=thread_id))["payload"]
                seen.append([message["content"][0] for message in page["messages"]])
                before = {"before": page["messages"][0]["id"]}
            assert seen == [["5", "6", "7", "8", "9"], ["3", "4"], ["0", "1", "2"]]
            over_http = (await ada.get(server.url, f"/api/threads/{thread_id}/messages?limit=200")).json()
            assert ([m["content"] for m in over_http["messages"]], over_http["has_more"]) == (seen[0], True)
        tiny = small.model_copy(update={"page_limit": 1})
    async with running(tiny, addresses, worker=False) as server, connected(server.url, ada.token) as client:
        threads = (await client.ask("list_threads", {"limit": 200}))["payload"]
        over_http = (await ada.get(server.url, "/api/threads?limit=200")).json()
        for page in (threads, over_http):
            assert (len(page["threads"]), page["has_more"]) == (1, True)
