"""Recording clients at a real server behind the fault proxy: a right server passes, a wrong one does not."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from netra_backend.chaos.facts import read_database
from netra_backend.chaos.faults import Cut, Direction
from netra_backend.chaos.history import judge
from netra_backend.chaos.http_facts import fetch_history, read_http, user_http
from netra_backend.chaos.proxy import FaultProxy, upstream_of
from netra_backend.chaos.recording import RecordingClient
from netra_backend.chaos.tape import Snapshot, canary
from netra_backend.chaos.verdict import Verdict
from netra_backend.domain.errors import Forbidden
from netra_backend.domain.ids import MessageId, Owner, ThreadId
from netra_backend.domain.ports import Sink
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.testing.server import RunningServer, running

PATIENCE_S = 40.0
"""Seconds until something that does not come fails the test; never a pause."""

FILLER = b'{"type":"typing","payload":{"active":false}}'
"""A frame that a client may get at any time."""

_numbers = itertools.count(1)


@dataclass
class World:
    """A server behind a proxy."""

    server: RunningServer
    proxy: FaultProxy
    addresses: Addresses

    async def client(self, name: str, *, tenant: str = "acme") -> RecordingClient:
        """A client of a new user; it goes through the proxy."""
        number = next(_numbers)
        users = self.server.parts.auth.users
        user = await users.add(
            f"{name}{number}@example.com", tenant=tenant, password="correct horse", roles=[]
        )
        return self.again(name, user.owner, canary(f"{name}{number:08}"))

    def again(
        self, name: str, owner: Owner, token: str, *, first: FaultProxy | None = None
    ) -> RecordingClient:
        """One more client of a user, which tries the proxy `first` before the usual one."""
        proxies = [self.proxy] if first is None else [first, self.proxy]
        urls = [proxy.through(self.server.url) for proxy in proxies]
        return RecordingClient(
            owner,
            urls=urls,
            token=lambda: self.token(owner),
            canary=token,
            name=name,
            random=lambda: 0.02,  # back soon: this machine has no storm to spread
        )

    async def token(self, owner: Owner) -> str:
        """A token of the user.

        Raises:
            Forbidden: the user is disabled.
        """
        auth = self.server.parts.auth
        user = await auth.users.get(owner)
        assert user is not None
        return (await auth.issue(user)).access_token

    @asynccontextmanager
    async def http(self, client: RecordingClient) -> AsyncIterator[httpx.AsyncClient]:
        """HTTP as that client's user."""
        async with user_http(self.server.url, await self.token(client.recording.owner)) as http:
            yield http

    async def verdict(self, clients: Sequence[RecordingClient]) -> Verdict:
        """What the checker says of the clients and the database."""
        facts = await read_database(self.addresses.owner_url)
        return judge([client.recording for client in clients], facts)


@pytest.fixture
async def world(settings: Settings, addresses: Addresses) -> AsyncIterator[World]:
    """A server of this test behind a proxy of this test."""
    async with running(settings, addresses) as server, FaultProxy(upstream_of(server.url)) as proxy:
        yield World(server, proxy, addresses)


async def talk(client: RecordingClient, rounds: int) -> None:
    """One message after another in one thread, each to the end of its run."""
    thread_id: str | None = None
    for number in range(rounds):
        sent = await client.say(f"question {number}", thread_id=thread_id)
        thread_id = sent.thread_id
        await client.ended(sent.run_id)


async def cut_again_and_again(proxy: FaultProxy, clients: Sequence[RecordingClient], times: int) -> None:
    """Break all connections in all ways, each time while every stream is moving."""
    for number in range(times):
        marks = {client: client.position for client in clients}
        await asyncio.gather(*(_moved(client, marks[client] + 2) for client in clients))
        match number % 3:
            case 0:
                proxy.cut(Cut.RESET)
            case 1:
                proxy.cut(Cut.FIN)
            case _:
                proxy.cut_after(700, Direction.TO_CLIENT)
                # Not all: one that has nothing to get stays, and one that has could never get it all.
                await _first(_gone(client) for client in clients)
                await proxy.heal()


async def _first(waits: Iterable[Coroutine[None, None, None]]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _gone(client: RecordingClient) -> None:
    await client.until(lambda: not client.whole)


async def _moved(client: RecordingClient, mark: int) -> None:
    await client.until(lambda: client.position >= mark)


async def test_connections_cut_in_mid_stream_lose_nothing(world: World) -> None:
    """Three clients, two of them of one user, cut nine times while runs go on: the checker finds nothing."""
    ada, eve = await world.client("ada"), await world.client("eve", tenant="globex")
    too = world.again("ada's other", ada.recording.owner, ada.recording.canary)
    clients = [ada, too, eve]
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_S):
        for client in clients:
            await stack.enter_async_context(client)
        cutting = asyncio.create_task(cut_again_and_again(world.proxy, clients, 9))
        while not cutting.done():
            await asyncio.gather(*(talk(client, 3) for client in clients))
        await cutting
        for client in clients:
            await client.settle()
    verdict = await world.verdict(clients)
    assert verdict.violations == [], str(verdict)
    assert verdict.ok
    assert verdict.sent == verdict.accepted >= 9
    for client in clients:
        assert len(client.recording.times_back()) >= 6
        assert set(client.recording.close_codes()) == {1006}


async def test_a_message_without_an_answer_is_sent_again_until_accepted(world: World) -> None:
    """The answer is swallowed, the connection breaks; sent again it is a duplicate, and stored once."""
    async with await world.client("ada") as ada, asyncio.timeout(PATIENCE_S):
        await ada.connected()
        world.proxy.blackhole(Direction.TO_CLIENT)
        sent = ada.post("once")
        while ada.recording.owner not in await read_database(world.addresses.owner_url):
            assert sent.accepted_at is None
        await world.proxy.heal()
        await sent.done.wait()
        assert sent.times == 2
        assert sent.acceptance_s is not None
        await ada.ended(sent.run_id)
        await ada.settle()
    assert (await world.verdict([ada])).ok
    assert any('"duplicate":true' in entry.raw for entry in ada.recording.entries)


async def test_it_fails_over_to_the_next_gateway(world: World) -> None:
    """One address that refuses and one that works: the client is there at its second attempt."""
    async with await world.client("ada") as known, FaultProxy(upstream_of(world.server.url)) as away:
        away.refuse()
        token = known.recording.canary
        ada = world.again("over", known.recording.owner, token, first=away)
        async with ada, asyncio.timeout(PATIENCE_S):
            await ada.connected()
        spans = ada.recording.spans
        assert [span.url for span in spans] == [
            away.through("ws://x/ws"),
            world.proxy.through("ws://x/ws"),
        ]
        assert (spans[0].code, spans[0].connected_at) == (1006, None)
        assert spans[0].tried_at < spans[1].tried_at


async def test_a_run_is_stopped_over_a_connection_that_came_back(world: World) -> None:
    """The client breaks off by itself, is back by itself, follows its thread again and stops its run."""
    async with await world.client("ada") as ada, asyncio.timeout(PATIENCE_S):
        sent = await ada.say("wait", agent="waiting")
        await ada.until(lambda: ada.position >= 3)
        ada.drop()
        await _gone(ada)
        stopped = await ada.stop(sent.run_id)
        assert (stopped.run_id, stopped.refused) == (sent.run_id, None)
        await ada.ended(sent.run_id)
        await ada.settle()
        nonsense = await ada.stop(sent.thread_id)
    assert nonsense.refused == "not_found"
    (back_s,) = ada.recording.times_back()
    assert back_s < PATIENCE_S
    assert any(entry.sent and '"follow"' in entry.raw for entry in ada.recording.entries)
    assert (await world.verdict([ada])).ok


async def test_it_can_stop_reading_and_read_on(world: World) -> None:
    """What came meanwhile is there afterwards, in order."""
    async with await world.client("ada") as ada, asyncio.timeout(PATIENCE_S):
        await ada.connected()
        other = world.again("quick", ada.recording.owner, ada.recording.canary)
        async with other:
            ada.stop_reading()
            seen = len(ada.recording.entries)
            await talk(other, 4)
            assert len(ada.recording.entries) <= seen + 1  # one frame was being waited for
            ada.read_on()
            await ada.settle()
            await other.settle()
    assert (await world.verdict([ada, other])).ok


async def test_a_client_that_is_shut_out_says_so(world: World) -> None:
    """4401 asks for another token; where that is refused the client ends, and whoever waits learns why."""
    async with await world.client("ada") as ada, asyncio.timeout(PATIENCE_S):
        await ada.connected()
        owner = ada.recording.owner
        user = await world.server.parts.auth.users.get(owner)
        assert user is not None
        await world.server.parts.auth.disable(user.email)
        with pytest.raises(Forbidden):
            await ada.until(lambda: False)
    assert 4401 in ada.recording.close_codes()


async def test_snapshots_and_facts_by_http_agree(world: World) -> None:
    """History read early, plus later events, is history read late; HTTP tells the same as the database."""
    async with await world.client("ada") as ada, asyncio.timeout(PATIENCE_S):
        first = await ada.say("one")
        await ada.ended(first.run_id)
        async with world.http(ada) as http:
            after = ada.position
            messages = await fetch_history(http, first.thread_id)
            ada.recording.snapshots.append(
                Snapshot(thread_id=first.thread_id, after=after, messages=messages)
            )
            later = await ada.say("two", thread_id=first.thread_id)
            await ada.ended(later.run_id)
            await ada.settle()
            by_http = await read_http(http)
    by_sql = (await read_database(world.addresses.owner_url))[ada.recording.owner]
    assert by_http == by_sql
    assert len(by_http.events) == ada.position
    assert (await world.verdict([ada])).ok
    ada.recording.snapshots[0].messages.pop()
    assert (await world.verdict([ada])).by_invariant() == {"I8": 1}


class Lossy:
    """A defect: stands between feed and connection, and has another frame sent in the place of one event."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def on_events(self, first_seq: int, frames: Sequence[bytes]) -> None:
        """Lose the third event; the connection counts it as sent."""
        kept = [FILLER if seq == 3 else frame for seq, frame in enumerate(frames, first_seq)]
        self._sink.on_events(first_seq, kept)

    def on_delta(self, thread_id: ThreadId, message_id: MessageId, offset: int, text: str) -> None:
        """Pass it on."""
        self._sink.on_delta(thread_id, message_id, offset, text)

    def on_typing(self, thread_id: ThreadId, source: str, active: bool) -> None:
        """Pass it on."""
        self._sink.on_typing(thread_id, source, active)

    def on_revoked(self) -> None:
        """Pass it on."""
        self._sink.on_revoked()

    def on_head(self, head: int | None) -> None:
        """Pass it on."""
        self._sink.on_head(head)


async def test_a_server_that_loses_an_event_is_found_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that one gateway drops from the feed is named, although the client recovers."""
    feed = world.server.parts.feed
    attach, lossy = feed.attach, dict[Sink, Sink]()
    monkeypatch.setattr(
        feed, "attach", lambda owner, sink: attach(owner, lossy.setdefault(sink, Lossy(sink)))
    )
    detach = feed.detach
    monkeypatch.setattr(feed, "detach", lambda owner, sink: detach(owner, lossy[sink]))
    async with await world.client("ada") as ada, asyncio.timeout(PATIENCE_S):
        await ada.connected()
        sent = await ada.say("hello")
        await ada.ended(sent.run_id)
        await ada.settle()
    verdict = await world.verdict([ada])
    assert verdict.by_invariant() == {"I7": 1}
    assert "jumped over 3 without a word" in str(verdict)
    assert verdict.lost == 0  # the client noticed and asked again
