import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from netra_backend.domain.events import Append, Draft, Event, Fenced
from netra_backend.domain.ids import Owner, RunId, ThreadId
from netra_backend.domain.runs import EndStatus
from netra_backend.events.log import SHARED_EVENTS
from netra_backend.tests.integration.contract.worlds import (
    ADA,
    BOB,
    EVE,
    NOBODY,
    OTHER_WORKER,
    QUEUE_LIMIT,
    WORKER,
    World,
    an_end,
    answered,
    appended,
    completed,
    running,
    said,
    started,
    thought,
)


async def test_append_numbers_and_stores(world: World) -> None:
    """What it returns is what every later read returns."""
    run = await running(world, said())
    events = await world.one.log.append(appended(run, started(run), thought("hm")))
    assert [(event.seq, event.type) for event in events] == [(2, "agent_started"), (3, "agent_thinking")]
    assert {(event.thread_id, event.run_id) for event in events} == {(run.thread_id, run.id)}
    assert msgspec.json.decode(events[1].payload) == {"text": "hm"}
    assert list(await world.two.log.read(ADA, after=1, limit=10)) == list(events)
    assert list(await world.two.log.run_events(ADA, run.id))[1:] == list(events)


async def test_numbers_are_gapless_under_concurrency(world: World) -> None:
    """Many users, many runs, two processes, and acceptances in between."""
    owners = [ADA, BOB, EVE]
    logs, stores = (world.one.log, world.two.log), (world.one.store, world.two.store)
    await asyncio.gather(*(world.one.store.accept(said(owners[n % 3])) for n in range(9)))
    runs = await world.one.queue.claim(WORKER, limit=9)
    await asyncio.gather(*(world.one.log.append(appended(run, started(run))) for run in runs))

    async def write(n: int) -> Sequence[Event]:
        run = runs[n % 9]
        if n % 4 == 0:
            await stores[n % 2].accept(said(run.owner))
        return await logs[n % 2].append(appended(run, thought(f"{n}a"), thought(f"{n}b")))

    written = await asyncio.gather(*(write(n) for n in range(36)))
    for owner in owners:
        events = await world.one.log.read(owner, after=0, limit=500)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert (await world.two.log.heads([owner]))[owner] == len(events) == 3 + 3 + 24 + 3
    for n, (first, second) in enumerate(written):
        assert second.seq == first.seq + 1
        stored = await world.one.log.read(runs[n % 9].owner, after=first.seq - 1, limit=2)
        assert list(stored) == [first, second]


async def test_a_taken_over_writer_is_fenced(world: World) -> None:
    """As a whole; its neighbours in the batch are written."""
    old = await running(world, said())
    other = await running(world, said(BOB))
    await world.lapse(old.id)
    (new,) = await world.two.queue.claim(OTHER_WORKER, limit=1)
    outcomes = await asyncio.gather(
        world.one.log.append(appended(old, started(old), thought("late"))),
        world.one.log.append(appended(other, started(other))),
        world.one.log.append(appended(new, started(new))),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], Fenced)
    assert (await world.one.log.heads([ADA, BOB])) == {ADA: 2, BOB: 2}
    with pytest.raises(Fenced):
        await world.one.log.append(appended(old, completed(), ending=an_end()))
    assert (await world.one.store.run(ADA, old.id)).status == "running"


async def test_nothing_comes_after_the_end(world: World) -> None:
    """Not even a second end."""
    run = await running(world, said())
    await answered(world, run)
    for append in (appended(run, thought("more")), appended(run, completed(), ending=an_end())):
        with pytest.raises(Fenced):
            await world.two.log.append(append)
    assert (await world.one.log.heads([ADA]))[ADA] == 3


async def test_two_ends_at_once_are_one(world: World) -> None:
    """From two processes, and in one batch."""
    run = await running(world, said())
    logs = (world.one.log, world.one.log, world.two.log)
    ends = [log.append(appended(run, completed(), ending=an_end())) for log in logs]
    outcomes = await asyncio.gather(*ends, return_exceptions=True)
    assert [isinstance(outcome, Fenced) for outcome in outcomes].count(True) == 2
    assert (await world.one.log.heads([ADA]))[ADA] == 2


async def test_a_released_run_has_no_writer(world: World) -> None:
    """Between a drain and the next claim."""
    run = await running(world, said())
    await world.one.queue.release(WORKER, [run])
    with pytest.raises(Fenced):
        await world.one.log.append(appended(run, started(run)))


async def test_an_unknown_run_is_fenced(world: World) -> None:
    """Nothing is written for it."""
    append = Append(
        owner=ADA, thread_id=ThreadId(NOBODY), run_id=RunId(NOBODY), attempt=1, drafts=(thought("?"),)
    )
    with pytest.raises(Fenced):
        await world.one.log.append(append)
    assert (await world.one.log.heads([ADA]))[ADA] == 0


async def test_an_end_stores_the_answer(world: World) -> None:
    """With the end's time, under the answer's id, in the transaction of `agent_completed`."""
    run = await running(world, said())
    events = await world.one.log.append(appended(run, started(run), completed(), ending=an_end("**done**")))
    page = await world.one.store.history(ADA, run.thread_id, limit=10)
    answer = page.items[-1]
    assert (answer.id, answer.role, answer.content) == (run.answer_id, "assistant", "**done**")
    assert (answer.run_id, answer.client_id, answer.references) == (run.id, None, ())
    assert answer.created_at == events[-1].ts == datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize("status", ["stopped", "failed", "timed_out"])
async def test_an_end_without_answer_stores_none(world: World, status: EndStatus) -> None:
    """The run has the status all the same; an empty answer is an answer."""
    run, empty = [await running(world, said(owner)) for owner in (ADA, BOB)]
    await world.one.log.append(appended(run, completed(status), ending=an_end(None, status)))
    await world.one.log.append(appended(empty, completed(), ending=an_end("")))
    assert len((await world.one.store.history(ADA, run.thread_id, limit=10)).items) == 1
    assert (await world.one.store.history(BOB, empty.thread_id, limit=10)).items[-1].content == ""
    assert (await world.one.store.run(ADA, run.id)).status == status


async def test_restart_gives_the_run_so_far(world: World) -> None:
    """And stores what it is given back, numbered after everything else."""
    run = await running(world, said())
    await world.one.log.append(appended(run, started(run)))
    await world.one.store.accept(said())
    await world.lapse(run.id)
    again = next(one for one in await world.two.queue.claim(OTHER_WORKER, limit=2) if one.id == run.id)
    seen: list[Sequence[Event]] = []

    def reopen(events: Sequence[Event]) -> list[Draft]:
        seen.append(list(events))
        return [thought("closed"), started(again)]

    added = await world.two.log.restart(again, reopen)
    assert [(event.seq, event.type) for event in seen[0]] == [(1, "message_created"), (2, "agent_started")]
    assert [(event.seq, event.type) for event in added] == [(4, "agent_thinking"), (5, "agent_started")]
    assert list(await world.one.log.read(ADA, after=3, limit=9)) == list(added)


async def test_a_late_restart_is_fenced(world: World) -> None:
    """Its `reopen` has no effect."""
    run = await running(world, said())
    await world.lapse(run.id)
    await world.two.queue.claim(OTHER_WORKER, limit=1)
    with pytest.raises(Fenced):
        await world.one.log.restart(run, lambda _: [started(run)])
    assert (await world.one.log.heads([ADA]))[ADA] == 1


async def test_read_starts_after_a_number(world: World) -> None:
    """In order, at most `limit`, nothing past the head, and one owner's only."""
    await asyncio.gather(*(world.one.store.accept(said()) for _ in range(7)))
    await world.one.store.accept(said(BOB))
    read = world.one.log.read
    assert [event.seq for event in await read(ADA, after=5, limit=10)] == [6, 7]
    assert [event.seq for event in await read(ADA, after=0, limit=3)] == [1, 2, 3]
    assert await read(ADA, after=7, limit=10) == []
    assert await read(ADA, after=2**63 - 1, limit=10) == []
    assert await read(EVE, after=0, limit=10) == []


async def test_many_read_at_once_and_each_its_own(world: World) -> None:
    """From wherever they stand, of whichever tenant, and whether a shared read holds all of it or not."""
    for owner in (ADA, BOB, EVE):
        run = await running(world, said(owner))
        thoughts = [thought("/".join(owner)) for _ in range(SHARED_EVENTS + 9)]
        await world.one.log.append(appended(run, *thoughts))
    head = SHARED_EVENTS + 10
    places = [0, *range(8, 13), head - 1, head, 2**63 - 1]
    stranger = Owner(EVE.tenant_id, BOB.user_id)
    asked = [(owner, after) for after in places for owner in (ADA, stranger, EVE, BOB)]
    read = world.one.log.read
    answers = await asyncio.gather(*(read(owner, after=after, limit=500) for owner, after in asked))
    for (owner, after), events in zip(asked, answers, strict=True):
        expected = [] if owner == stranger else list(range(after + 1, head + 1))
        assert [event.seq for event in events] == expected
        assert all("/".join(owner) in event.payload.decode() for event in events if event.seq > 1)


async def test_heads_of_many_owners(world: World) -> None:
    """Zero for one without events; nothing of anybody else."""
    await world.one.store.accept(said())
    await world.one.store.accept(said(EVE))
    await world.one.store.accept(said(EVE))
    assert dict(await world.one.log.heads([ADA, BOB, EVE])) == {ADA: 1, BOB: 0, EVE: 2}
    assert dict(await world.one.log.heads([])) == {}


async def test_the_epoch_is_one_for_all(world: World) -> None:
    """It stays as it is, whatever is written."""
    before = world.one.log.epoch
    assert before == world.two.log.epoch
    await answered(world, await running(world, said()))
    assert world.one.log.epoch == before != ""


async def test_history_and_later_events_equal_fresh_history(world: World) -> None:
    """I8: a client that loaded history and then applies what comes after its head misses nothing."""
    first = await world.one.store.accept(said(text="q0"))
    thread = first.thread_id
    snapshots = []
    for number in range(1, 4):
        head = (await world.one.log.heads([ADA]))[ADA]
        page = await world.one.store.history(ADA, thread, limit=100)
        snapshots.append((head, [message.id for message in page.items]))
        await world.one.store.accept(said(text=f"q{number}", thread_id=thread))
        (run,) = await world.one.queue.claim(WORKER, limit=QUEUE_LIMIT)
        await answered(world, run)
    fresh = [message.id for message in (await world.one.store.history(ADA, thread, limit=100)).items]
    answers = {run.answer_id: run for run in [await world.one.store.run(ADA, first.run_id)]}
    assert next(iter(answers)) in fresh
    for head, ids in snapshots:
        later = await world.one.log.read(ADA, after=head, limit=100)
        for event in later:
            if event.type == "message_created":
                ids.append(msgspec.json.decode(event.payload)["message"]["id"])
            elif event.type == "agent_completed" and event.run_id is not None:
                ids.append((await world.one.store.run(ADA, event.run_id)).answer_id)
        assert ids == fresh
