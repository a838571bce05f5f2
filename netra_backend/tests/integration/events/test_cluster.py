"""The feed and live text on a real Valkey Cluster, while its slots move and its servers go."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.crc import key_slot

from netra_backend.domain.ids import MessageId, Owner, ThreadId
from netra_backend.events.feed import ValkeyFeed
from netra_backend.events.live import ValkeyLiveText
from netra_backend.events.names import EVERYBODY, channel, live_key
from netra_backend.tests.integration.contract.worlds import Listener, happens
from netra_backend.tests.integration.events.feeds import Doubts, feed_on, hears, owner_in
from netra_backend.tests.valkey_servers import SLOTS, ValkeyCluster, ValkeyServer, tell

THREAD = ThreadId("11111111-1111-7111-8111-111111111111")
MESSAGE = MessageId("22222222-2222-7222-8222-222222222222")
THIRDS = [(0, 5461), (5462, 10923), (10924, SLOTS - 1)]


@pytest.fixture
async def one(valkey_cluster: ValkeyCluster) -> AsyncIterator[ValkeyFeed]:
    """The feed of a process."""
    async with feed_on(valkey_cluster.url) as feed:
        yield feed


@pytest.fixture
async def two(valkey_cluster: ValkeyCluster) -> AsyncIterator[ValkeyFeed]:
    """The feed of another one."""
    async with feed_on(valkey_cluster.url) as feed:
        yield feed


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[ValkeyCluster]:
    """A Cluster of this test alone, whose servers it may kill."""
    servers = ValkeyCluster(tmp_path / "fragile")
    try:
        yield asyncio.run(servers.start())
    finally:
        servers.kill()


async def other_than(cluster: ValkeyCluster, server: ValkeyServer) -> ValkeyServer:
    """A primary that is not this one."""
    return next(each for each in cluster.primaries if each is not server)


async def move(cluster: ValkeyCluster, slot: int) -> None:
    """Give a slot without keys to another server."""
    old = await cluster.holder(slot)
    new = await other_than(cluster, old)
    for server in dict.fromkeys((new, old, *cluster.primaries)):
        await tell(server.url, "CLUSTER", "SETSLOT", slot, "NODE", cluster.id_of(new))


async def test_owners_of_every_server_hear_their_own(one: ValkeyFeed, two: ValkeyFeed) -> None:
    """Each server has a third of the slots."""
    owners = [owner_in(*third) for third in THIRDS]
    listeners = [Listener() for _ in owners]
    for owner, listener in zip(owners, listeners, strict=True):
        await two.attach(owner, listener)
    for owner in owners:
        one.typing(owner, THREAD, owner.tenant_id, active=True)
    for owner, listener in zip(owners, listeners, strict=True):
        assert await listener.until(1, "typing") == [(THREAD, owner.tenant_id, True)]


async def test_a_slot_that_moves_takes_its_channel_along(
    one: ValkeyFeed, two: ValkeyFeed, valkey_cluster: ValkeyCluster
) -> None:
    """The listener is told of a doubt, and then hears again; no command is lost on the way."""
    owner, listener, doubts = owner_in(*THIRDS[0]), Listener(), Doubts(two)
    await two.attach(owner, listener)
    await hears(one, owner, listener)
    await move(valkey_cluster, key_slot(channel(owner)))
    await doubts.healed()
    await hears(one, owner, listener)
    await hears(one, owner, listener)
    assert one.outlet.lost == 0


async def test_the_channel_for_everybody_moves_as_well(
    one: ValkeyFeed, two: ValkeyFeed, valkey_cluster: ValkeyCluster
) -> None:
    """Workers are woken before and after."""
    news, woken, doubts = asyncio.Event(), list[str](), Doubts(two)

    def work() -> None:
        woken.append("work")
        news.set()

    two.on_work(work)
    one.work()
    await happens(news, lambda: len(woken) == 1)
    await move(valkey_cluster, key_slot(EVERYBODY))
    await doubts.healed()
    one.work()
    await happens(news, lambda: len(woken) == 2)


async def test_an_attachment_to_a_slot_that_has_moved_finds_its_server(
    one: ValkeyFeed, two: ValkeyFeed, valkey_cluster: ValkeyCluster
) -> None:
    """Nothing told the process of the move: it hears of it by the refusal, and `attach` waits for that."""
    owner, listener = owner_in(*THIRDS[1]), Listener()
    await move(valkey_cluster, key_slot(channel(owner)))
    await two.attach(owner, listener)
    await hears(one, owner, listener)


async def test_a_slot_on_its_way_answers_where_its_keys_are(
    one: ValkeyFeed, valkey_cluster: ValkeyCluster
) -> None:
    """`ASK`: a key that is not in the old place is written to the new one, and read there."""
    owner = owner_in(*THIRDS[2])
    slot, key = key_slot(channel(owner)), live_key(owner, MESSAGE)
    old = await valkey_cluster.holder(slot)
    new = await other_than(valkey_cluster, old)
    await tell(new.url, "CLUSTER", "SETSLOT", slot, "IMPORTING", valkey_cluster.id_of(old))
    await tell(old.url, "CLUSTER", "SETSLOT", slot, "MIGRATING", valkey_cluster.id_of(new))
    try:
        assert await one.outlet.ask("SET", key, b"text") == b"OK"
        assert await one.outlet.ask("GET", key) == b"text"
        assert await tell(new.url, "CLUSTER", "GETKEYSINSLOT", slot, 2) == [key]
        assert await one.outlet.ask("UNLINK", key) == 1
        assert one.outlet.lost == 0
    finally:
        for server in (old, new):
            await tell(server.url, "CLUSTER", "SETSLOT", slot, "STABLE")


async def test_live_text_is_written_where_its_channel_is(one: ValkeyFeed, two: ValkeyFeed) -> None:
    """Key and channel are in one slot, so one script writes both."""
    writing, reading = ValkeyLiveText(one), ValkeyLiveText(two)
    for third in THIRDS:
        owner, listener = owner_in(*third), Listener()
        await two.attach(owner, listener)
        for text in ("a", "ab"):
            writing.write(owner, THREAD, MESSAGE, text=text, new=1)
        await listener.until(2, "delta")
        assert await reading.snapshot(owner, MESSAGE) == "ab"


async def attached(fragile: ValkeyCluster, feed: ValkeyFeed) -> list[tuple[Owner, Listener]]:
    """A listener for every third of the slots."""
    pairs = [(owner_in(*third), Listener()) for third in THIRDS]
    for owner, listener in pairs:
        await feed.attach(owner, listener)
    return pairs


async def test_a_server_that_is_killed_and_comes_back(fragile: ValkeyCluster) -> None:
    """It is said at once; afterwards everybody hears, and the losses are made known."""
    async with feed_on(fragile.url) as one, feed_on(fragile.url) as two:
        pairs, doubts = await attached(fragile, two), Doubts(two)
        fragile.servers[2].kill()
        await doubts.until(wanted=False)
        for owner, _ in pairs:
            one.revoke(owner)
        await one.outlet.settle()
        assert not one.healthy
        await fragile.servers[2].start()
        await doubts.healed()
        await fragile.agree(fragile.servers[1:])
        for owner, listener in pairs:
            await hears(one, owner, listener)


async def test_a_server_that_is_killed_is_replaced(fragile: ValkeyCluster) -> None:
    """The one that stands by takes over, and the feed finds it; nobody restarts anything."""
    async with feed_on(fragile.url) as one, feed_on(fragile.url) as two:
        pairs, doubts = await attached(fragile, two), Doubts(two)
        fragile.servers[0].kill()
        await doubts.until(wanted=False)
        await doubts.healed()
        for owner, listener in pairs:
            await hears(one, owner, listener)
        assert await one.outlet.answers()
