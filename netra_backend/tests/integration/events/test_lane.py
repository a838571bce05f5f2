"""What a feed does when its server is slow, silent, full, read-only or wrong."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from netra_backend.chaos.faults import Direction
from netra_backend.chaos.proxy import FaultProxy, upstream_of
from netra_backend.domain.ids import ThreadId
from netra_backend.events import lane, listening
from netra_backend.events.link import Link, linked, parse_address
from netra_backend.events.names import channel
from netra_backend.events.topology import Topology
from netra_backend.tests.integration.contract.worlds import Listener, happens
from netra_backend.tests.integration.events.feeds import Doubts, feed_on, hears, owner_in
from netra_backend.tests.valkey_servers import SLOTS, ValkeyServer, tell

THREAD = ThreadId("11111111-1111-7111-8111-111111111111")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ValkeyServer]:
    """A server of this test alone."""
    made = ValkeyServer(tmp_path / "v")
    try:
        yield await made.start()
    finally:
        made.kill()


async def test_a_server_that_hangs_costs_neither_memory_nor_time(
    server: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits is bounded, who asks is answered, and all is well after it."""
    monkeypatch.setattr(lane, "MAX_WAITING", 100)
    async with (
        FaultProxy(upstream_of(server.url)) as proxy,
        feed_on(proxy.through(server.url)) as one,
        feed_on(server.url) as two,
    ):
        doubts = Doubts(two)
        proxy.blackhole()
        asked = asyncio.create_task(one.outlet.ask("GET", "netra:x"))
        await asyncio.wait([asked], timeout=0.01)  # it is on its way: from here on, commands wait
        for number in range(300):
            one.outlet.send("GET", f"netra:{number}")
        assert (one.outlet.waiting, one.outlet.lost) == (100, 200)
        assert await asked is None
        await one.outlet.settle()
        assert not one.healthy
        await proxy.heal()
        await doubts.until(wanted=True)  # the other process is told that something was lost
        assert await one.outlet.ask("GET", "netra:x") is None
        assert one.outlet.lost == 0


async def test_a_silent_subscription_is_noticed(
    server: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection on which nothing comes any more, and that looks alive, is given up."""
    monkeypatch.setattr(listening, "SILENCE_S", 0.1)
    monkeypatch.setattr(listening, "PATIENCE_S", 0.2)
    async with FaultProxy(upstream_of(server.url)) as proxy, feed_on(proxy.through(server.url)) as feed:
        doubts = Doubts(feed)
        proxy.blackhole(Direction.TO_CLIENT)
        await doubts.until(wanted=False)
        await proxy.heal()
        await doubts.healed()


async def test_a_quiet_subscription_is_left_alone(
    server: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers when it is asked, with channels and without."""
    monkeypatch.setattr(listening, "SILENCE_S", 0.02)
    monkeypatch.setattr(listening, "PATIENCE_S", 0.2)
    async with FaultProxy(upstream_of(server.url)) as proxy, feed_on(proxy.through(server.url)) as feed:
        doubts, before = Doubts(feed), proxy.accepted
        pings = _pings(await tell(server.url, "INFO", "commandstats"))
        await server.until("INFO commandstats", lambda answer: _pings(answer) >= pings + 5)
        assert (proxy.accepted, doubts.told, feed.healthy) == (before, [], True)


async def test_losses_of_a_full_server_are_told_once(server: ValkeyServer) -> None:
    """While it refuses some commands and takes others it counts as away; a doubt each time is too many."""
    async with feed_on(server.url) as one, feed_on(server.url) as two:
        doubts = Doubts(two)
        await tell(server.url, "CONFIG", "SET", "maxmemory", "1")
        for _ in range(20):
            one.outlet.send("SET", "netra:x", "y")
            await one.outlet.settle()
            one.outlet.send("GET", "netra:x")
            await one.outlet.settle()
        assert not one.healthy
        await tell(server.url, "CONFIG", "SET", "maxmemory", "0")
        await doubts.until(wanted=True)
        assert len(doubts.told) == 1
        assert one.healthy


async def test_a_server_that_became_read_only_is_looked_up_again(server: ValkeyServer) -> None:
    """Behind its name may be another one by now."""
    async with feed_on(server.url) as one:
        before = await one.outlet.ask("CLIENT", "ID")
        await tell(server.url, "REPLICAOF", "127.0.0.1", 1)
        one.outlet.send("SET", "netra:x", "y")
        await one.outlet.settle()
        assert not one.healthy
        await tell(server.url, "REPLICAOF", "NO", "ONE")
        async with asyncio.timeout(5):
            while await one.outlet.ask("SET", "netra:x", "y") != b"OK":
                pass
        assert await one.outlet.ask("CLIENT", "ID") != before


def failing(_: object) -> None:
    """A receiver of an answer."""
    raise LookupError


async def test_what_anybody_sends_ends_nothing(server: ValkeyServer) -> None:
    """Neither a message that is none, nor a receiver of an answer that fails, nor what cannot be sent."""
    async with feed_on(server.url) as one, feed_on(server.url) as two:
        owner, listener, doubts = owner_in(0, SLOTS - 1), Listener(), Doubts(two)
        await two.attach(owner, listener)
        for nonsense in (b"", b"E", b"Ex\ny", b"T{", b"P[]", b"Z", b"\xff" * 40):
            await tell(server.url, "SPUBLISH", channel(owner), one.origin + nonsense)
            await tell(server.url, "SPUBLISH", "netra:all", one.origin + nonsense)
        await hears(one, owner, listener)
        assert doubts.told == []
        answers = list[object]()
        one.outlet.send("GET", "netra:x", reply=failing)
        one.outlet.send("GET", "netra:x", reply=answers.append)
        await one.outlet.settle()
        assert (answers, one.outlet.lost) == ([None], 0)
        one.outlet.send("GET", "netra:\ud800")
        await one.outlet.settle()
        await hears(one, owner, listener)
        assert two.healthy


async def test_an_idle_connection_that_was_cut_is_made_anew(server: ValkeyServer) -> None:
    """Before the next command, which is not lost."""
    async with feed_on(server.url) as one:
        await tell(server.url, "CLIENT", "KILL", "TYPE", "normal")
        await server.until("CLIENT LIST TYPE normal", lambda answer: answer.count(b"\n") == 2)
        assert await one.outlet.ask("SET", "netra:x", "y") == b"OK"
        assert one.outlet.lost == 0


async def test_the_same_wake_up_is_sent_once(server: ValkeyServer) -> None:
    """As long as it waits; the next one is sent again."""
    async with feed_on(server.url) as one, feed_on(server.url) as two:
        news, woken = asyncio.Event(), list[str]()

        def work() -> None:
            woken.append("work")
            news.set()

        two.on_work(work)
        for _ in range(2):
            for _ in range(10):
                one.work()
            await one.outlet.settle()
        await happens(news, lambda: len(woken) == 2)


class Ear:
    """Whoever listens at one server: counts the doubts."""

    def __init__(self) -> None:
        self.doubts = 0

    def deliver(self, name: bytes, message: bytes) -> None:
        """Nothing is told here."""

    def subscribed(self, name: bytes) -> None:
        """Nobody waits."""

    def suspect(self) -> None:
        """There is one server only."""

    def doubt(self) -> None:
        """Count."""
        self.doubts += 1


async def test_a_channel_that_was_given_up_is_not_waited_for(server: ValkeyServer) -> None:
    """A stale map sent it here, and it moved on before this server had answered."""
    ear = Ear()
    ears = listening.Listening(parse_address(server.url), ear)
    task = asyncio.create_task(ears.run())
    await ears.tried.wait()
    ears.add(b"netra:x", renewed=True)
    assert not ears.complete
    ears.discard(b"netra:x")
    assert (ears.complete, ear.doubts) == (True, 2)
    task.cancel()
    await asyncio.wait([task])


async def test_channels_wanted_at_once_are_asked_for_at_once(server: ValkeyServer) -> None:
    """A system call for each client of a storm would be too much; what was given up at once is not heard."""
    names = [b"netra:{%d}" % number for number in range(500)]
    async with linked(parse_address(server.url)) as link:
        topology = Topology(parse_address(server.url), deliver=_nobody, doubt=_nobody, recovered=_nobody)
        await topology.open()
        before = _reads(await _statistics(link))
        waiting = [asyncio.create_task(topology.subscribe(name)) for name in names]
        given_up = asyncio.create_task(topology.subscribe(names[0]))
        await asyncio.sleep(0)
        given_up.cancel()
        topology.unsubscribe(names[1])
        await asyncio.gather(*waiting)
        asked = _reads(await _statistics(link)) - before
        heard = await link.exchange([("PUBSUB", "SHARDNUMSUB", *names)])
        await topology.close()
    assert heard[0][1::2] == [1, 0] + [1] * 498
    assert asked < 20


def _nobody(*_: object) -> None:
    """Nothing is told."""


async def _statistics(link: Link) -> bytes:
    [text] = await link.exchange([("INFO", "stats")])
    return bytes(text)


def _reads(statistics: bytes) -> int:
    return int(statistics.partition(b"total_reads_processed:")[2].split(b"\r")[0])


def _pings(statistics: bytes) -> int:
    """How many PINGs the server got."""
    return int(statistics.partition(b"cmdstat_ping:calls=")[2].partition(b",")[0])
