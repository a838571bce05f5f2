"""A run that acceptance hands to the worker of its own process: never queued, never anybody else's."""

import asyncio

import msgspec
import pytest

from netra_backend.domain.events import Fenced
from netra_backend.domain.ids import MessageId, ThreadId, WorkerId
from netra_backend.domain.runs import Run
from netra_backend.protocol.payloads import AgentStartedPayload
from netra_backend.tests.integration.contract.worlds import (
    ADA,
    NOBODY,
    OTHER_WORKER,
    WORKER,
    World,
    answered,
    appended,
    claimed,
    refused,
    said,
    thought,
)


class Taker:
    """A `Starter` that takes everything and keeps it."""

    lease_s = 15.0

    def __init__(self) -> None:
        self.worker_id: WorkerId = WORKER
        self.reserved: set[MessageId] = set()
        self.runs: list[Run] = []
        self.takes = True

    def reserve(self, agent: str | None, answer_id: MessageId) -> bytes | None:
        """See the port."""
        if not self.takes:
            return None
        self.reserved.add(answer_id)
        return msgspec.json.encode(AgentStartedPayload(agent=agent or "a", attempt=1, message_id=answer_id))

    def release(self, answer_id: MessageId) -> None:
        """See the port."""
        self.reserved.remove(answer_id)

    def start(self, run: Run) -> None:
        """See the port."""
        self.reserved.remove(run.answer_id)
        self.runs.append(run)


@pytest.fixture
def taker(world: World) -> Taker:
    """A worker beside the first process."""
    found = Taker()
    world.one.store.start_with(found)
    return found


async def test_a_run_is_its_workers_from_its_acceptance_on(world: World, taker: Taker) -> None:
    """Running, leased, first attempt, with `agent_started` right behind the message; nobody can claim it."""
    accepted = await world.one.store.accept(said(text="hi", agent="echo"))
    (run,) = taker.runs
    record = await world.one.store.run(ADA, accepted.run_id)
    events = await world.one.log.read(ADA, after=0, limit=10)

    assert (run.id, run.thread_id, run.message_id) == (
        accepted.run_id,
        accepted.thread_id,
        accepted.message_id,
    )
    assert (run.owner, run.text, run.agent, run.attempt, run.deaths) == (ADA, "hi", "echo", 1, 0)
    assert (run.started, run.stop_requested, run.history) == (True, False, ())
    assert (record.status, record.attempts, record.answer_id) == ("running", 1, run.answer_id)
    assert record.started_at is not None
    assert [(event.seq, event.type, event.run_id) for event in events] == [
        (1, "message_created", run.id),
        (2, "agent_started", run.id),
    ]
    assert msgspec.json.decode(events[1].payload)["message_id"] == run.answer_id
    assert await world.two.queue.claim(OTHER_WORKER, limit=9) == []
    assert await world.two.queue.heartbeat(WORKER, [run]) == ({run.id}, set())
    assert taker.reserved == set()


async def test_it_comes_with_what_was_said_before(world: World, taker: Taker) -> None:
    """As a claimed run does."""
    first = await world.one.store.accept(said(text="one"))
    await answered(world, taker.runs[0], "two")
    await world.one.store.accept(said(text="three", thread_id=first.thread_id))
    assert [(message.role, message.content) for message in taker.runs[1].history] == [
        ("user", "one"),
        ("assistant", "two"),
    ]


async def test_it_waits_behind_an_open_run_of_its_thread(world: World, taker: Taker) -> None:
    """In the queue, where any worker finds it once the thread is free; its slot is given back."""
    first = await world.one.store.accept(said())
    second = await world.one.store.accept(said(thread_id=first.thread_id))
    assert (len(taker.runs), taker.reserved) == (1, set())
    assert (await world.one.store.run(ADA, second.run_id)).status == "queued"
    await answered(world, taker.runs[0])
    assert (await claimed(world, second, worker=OTHER_WORKER)).attempt == 1


async def test_one_of_two_at_once_starts(world: World, taker: Taker) -> None:
    """Two messages for one thread in one batch; their numbers are gapless, and the first is first."""
    first = await world.one.store.accept(said())
    await answered(world, taker.runs[0])
    pair = [said(thread_id=first.thread_id), said(thread_id=first.thread_id), said()]
    accepted = await asyncio.gather(*(world.one.store.accept(one) for one in pair))
    started = [run.id for run in taker.runs[1:]]
    assert started == [accepted[0].run_id, accepted[2].run_id]
    events = await world.one.log.read(ADA, after=0, limit=20)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert (await world.one.log.heads([ADA]))[ADA] == len(events)
    assert [event.type for event in events if event.run_id == started[0]] == [
        "message_created",
        "agent_started",
    ]


async def test_what_is_not_taken_queues(world: World, taker: Taker) -> None:
    """A worker without a free slot says no."""
    taker.takes = False
    accepted = await world.one.store.accept(said())
    assert (await world.one.store.run(ADA, accepted.run_id)).status == "queued"
    assert (await claimed(world, accepted)).started is False


async def test_a_refusal_gives_the_slot_back(world: World, taker: Taker) -> None:
    """Not found, repeated, in conflict."""
    first = said(client_id="same")
    accepted = await world.one.store.accept(first)
    assert await refused(world.one.store.accept(said(thread_id=NOBODY))) == "not_found"
    assert (await world.one.store.accept(first)).duplicate
    conflicting = said(thread_id=accepted.thread_id, if_running="reject")
    assert await refused(world.one.store.accept(conflicting)) == "conflict"
    assert (len(taker.runs), taker.reserved) == (1, set())


async def test_its_lease_lapses_like_any_other(world: World, taker: Taker) -> None:
    """The successor's attempt is the second, and the first may write nothing more."""
    accepted = await world.one.store.accept(said())
    await world.lapse(accepted.run_id)
    (again,) = await world.two.queue.claim(OTHER_WORKER, limit=9)
    assert (again.id, again.attempt, again.deaths, again.started) == (accepted.run_id, 2, 1, False)
    with pytest.raises(Fenced):
        await world.one.log.append(appended(taker.runs[0], thought("late")))


async def test_a_failed_commit_gives_the_slots_back(world: World, taker: Taker) -> None:
    """A batch in which one cannot be written: its neighbours start, it leaves nothing behind."""
    bad = said(thread_id=ThreadId("no uuid"))
    outcomes = await asyncio.gather(
        world.one.store.accept(said()), refused(world.one.store.accept(bad)), world.one.store.accept(said())
    )
    assert outcomes[1] in ("not_found", "InvalidTextRepresentationError")
    assert (len(taker.runs), taker.reserved) == (2, set())
