import asyncio

import pytest

from netra_backend.domain.ids import RunId, ThreadId
from netra_backend.tests.integration.contract.worlds import (
    ADA,
    BOB,
    EVE,
    Listener,
    World,
    answered,
    happens,
    running,
    said,
)

pytestmark = pytest.mark.parametrize("world", ["memory", "real", "cluster"], indirect=True)

THREAD = ThreadId("11111111-1111-7111-8111-111111111111")


async def test_what_is_committed_is_published(world: World) -> None:
    """By every writer, in order, to every process that listens; as the log has it."""
    near, far = Listener(), Listener()
    await world.one.feed.attach(ADA, near)
    await world.two.feed.attach(ADA, far)
    run = await running(world, said())
    await answered(world, run)
    await world.two.store.stop(ADA, (await world.one.store.accept(said())).run_id)
    log = await world.one.log.read(ADA, after=0, limit=10)
    for listener in (near, far):
        events = await listener.until(6, "event")
        assert [seq for seq, _ in events] == [1, 2, 3, 4, 5, 6]
        assert [(frame["seq"], frame["type"]) for _, frame in events] == [
            (event.seq, event.type) for event in log
        ]


async def test_owners_hear_only_their_own(world: World) -> None:
    """Neither another user nor the same name in another tenant."""
    listeners = {owner: Listener() for owner in (ADA, BOB, EVE)}
    for owner, listener in listeners.items():
        await world.two.feed.attach(owner, listener)
    for owner in listeners:
        await world.one.store.accept(said(owner, text=owner.tenant_id + owner.user_id))
        world.one.feed.typing(owner, THREAD, owner.tenant_id + owner.user_id, active=True)
    for owner, listener in listeners.items():
        await listener.until(1, "typing")
        name = owner.tenant_id + owner.user_id
        assert listener.of("typing") == [(THREAD, name, True)]
        assert [frame["payload"]["message"]["content"] for _, frame in listener.of("event")] == [name]


async def test_publishing_keeps_its_order(world: World) -> None:
    """Everything of one process arrives as it was sent."""
    listener = Listener()
    await world.two.feed.attach(ADA, listener)
    for number in range(50):
        world.one.feed.typing(ADA, THREAD, str(number), active=number % 2 == 0)
    assert await listener.until(50, "typing") == [(THREAD, str(n), n % 2 == 0) for n in range(50)]


async def test_a_second_listener_hears_as_well(world: World) -> None:
    """Until it is detached; the first one goes on."""
    first, second = Listener(), Listener()
    for listener in (first, second):
        await world.one.feed.attach(ADA, listener)
    assert list(world.one.feed.owners()) == [ADA]
    world.one.feed.revoke(ADA)
    await first.until(1, "revoked")
    await second.until(1, "revoked")
    await world.one.feed.detach(ADA, second)
    world.one.feed.revoke(ADA)
    await first.until(2, "revoked")
    assert len(second.of("revoked")) == 1


async def test_after_the_last_detach_nobody_listens(world: World) -> None:
    """Detaching twice does no harm, and attaching again works."""
    listener, witness = Listener(), Listener()
    await world.one.feed.attach(ADA, listener)
    for _ in range(2):
        await world.one.feed.detach(ADA, listener)
    assert list(world.one.feed.owners()) == []
    await world.two.feed.attach(ADA, witness)
    world.one.feed.revoke(ADA)
    await witness.until(1, "revoked")
    assert listener.calls == []
    await world.one.feed.attach(ADA, listener)
    world.two.feed.revoke(ADA)
    await listener.until(1, "revoked")


async def test_simultaneous_attachments_all_listen_when_they_return(world: World) -> None:
    """Whoever waits for `attach` misses nothing that is published afterwards."""
    listeners = [Listener() for _ in range(10)]
    await asyncio.gather(*(world.one.feed.attach(ADA, listener) for listener in listeners))
    world.two.feed.revoke(ADA)
    for listener in listeners:
        assert await listener.until(1, "revoked") == [()]


async def test_work_and_stop_reach_every_process(world: World) -> None:
    """Also the one that tells."""
    news, heard = asyncio.Event(), list[str]()
    for name, process in (("one", world.one), ("two", world.two)):

        def work(name: str = name) -> None:
            heard.append(f"{name} work")
            news.set()

        def stop(run_id: RunId, name: str = name) -> None:
            heard.append(f"{name} stop {run_id}")
            news.set()

        process.feed.on_work(work)
        process.feed.on_stop(stop)
    world.one.feed.work()
    world.one.feed.stop(RunId("r"))
    await happens(news, lambda: len(heard) == 4)
    assert sorted(heard) == ["one stop r", "one work", "two stop r", "two work"]


async def test_acceptance_wakes_workers_and_a_stop_names_its_run(world: World) -> None:
    """The store tells the feed after its commit."""
    news, heard = asyncio.Event(), list[str]()

    def hear(what: str) -> None:
        heard.append(what)
        news.set()

    world.two.feed.on_work(lambda: hear("work"))
    world.two.feed.on_stop(hear)
    run = await running(world, said())
    await world.one.store.stop(ADA, run.id)
    await happens(news, lambda: run.id in heard)
    assert heard[0] == "work"


async def test_a_beat_reaches_the_listeners_of_its_owners(world: World) -> None:
    """Here, not in other processes; also when the head is not known."""
    ada, bob, far = Listener(), Listener(), Listener()
    await world.one.feed.attach(ADA, ada)
    await world.one.feed.attach(BOB, bob)
    await world.two.feed.attach(ADA, far)
    world.one.feed.beat({ADA: 7, EVE: 1})
    world.one.feed.beat({BOB: None})
    assert (ada.calls, bob.calls, far.calls) == ([("head", 7)], [("head", None)], [])


async def test_an_outage_raises_a_doubt_and_heals(world: World) -> None:
    """What is published afterwards arrives; the attachments of before go on."""
    news, doubts = asyncio.Event(), list[bool]()
    listener = Listener()
    await world.two.feed.attach(ADA, listener)

    def doubt() -> None:
        doubts.append(world.two.feed.healthy)
        news.set()

    world.two.feed.on_doubt(doubt)
    await world.cut_feeds()
    await happens(news, lambda: doubts[-1:] == [True])
    assert world.two.feed.healthy
    world.one.feed.revoke(ADA)
    await listener.until(1, "revoked")


async def test_an_attachment_during_an_outage_listens_after_it(world: World) -> None:
    """It does not fail and is not forgotten."""
    news, listener, doubts = asyncio.Event(), Listener(), list[bool]()

    def doubt() -> None:
        doubts.append(world.one.feed.healthy)
        news.set()

    world.one.feed.on_doubt(doubt)
    await world.cut_feeds()
    await world.one.feed.attach(ADA, listener)
    await happens(news, lambda: doubts[-1:] == [True])
    world.two.feed.revoke(ADA)
    await listener.until(1, "revoked")
