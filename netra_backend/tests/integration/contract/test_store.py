import asyncio

import msgspec
import pytest

from netra_backend.domain.events import Draft
from netra_backend.domain.ids import MessageId, Owner, RunId
from netra_backend.domain.runs import Run
from netra_backend.protocol.lifecycle import RunLifecycle, State
from netra_backend.protocol.payloads import ToolExecutingPayload
from netra_backend.tests.integration.contract.worlds import (
    ADA,
    BOB,
    EVE,
    NOBODY,
    QUEUE_LIMIT,
    WORKER,
    World,
    answered,
    appended,
    claimed,
    refused,
    running,
    said,
    started,
)

STRANGERS = [BOB, EVE]


async def test_acceptance_stores_message_run_and_event(world: World) -> None:
    """All three are there when `accept` returns."""
    store, log = world.one.store, world.one.log
    accepted = await store.accept(said(text="hi\nthere", agent="echo", references=("a", {"b": [1]})))
    (event,) = await log.read(ADA, after=0, limit=10)
    page = await store.history(ADA, accepted.thread_id, limit=10)
    (message,) = page.items
    record = await store.run(ADA, accepted.run_id)

    assert (accepted.duplicate, accepted.queue_position) == (False, 0)
    assert (event.seq, event.type, event.run_id) == (1, "message_created", accepted.run_id)
    assert event.thread_id == accepted.thread_id
    shown = msgspec.json.decode(event.payload)["message"]
    assert (shown["id"], shown["content"]) == (message.id, "hi\nthere")
    assert (message.id, message.role, message.content) == (accepted.message_id, "user", "hi\nthere")
    assert (message.run_id, message.references) == (accepted.run_id, ("a", {"b": [1]}))
    assert shown["references"] == ["a", {"b": [1]}]
    assert (record.status, record.attempts, record.agent) == ("queued", 0, "echo")
    assert (record.started_at, record.ended_at) == (None, None)
    assert (record.thread_id, record.message_id) == (accepted.thread_id, message.id)
    assert record.answer_id not in (message.id, accepted.run_id)
    (thread,) = (await store.threads(ADA, limit=10)).items
    assert (thread.id, thread.title, thread.archived) == (accepted.thread_id, "hi there", False)


async def test_the_same_client_id_gets_the_first_answer(world: World) -> None:
    """From any process, whatever else the repetition says; per user."""
    first = await world.one.store.accept(said(client_id="same"))
    again = await world.two.store.accept(said(client_id="same", text="other"))
    bobs = await world.one.store.accept(said(BOB, client_id="same"))

    assert [again.thread_id, again.run_id, again.message_id] == [
        first.thread_id,
        first.run_id,
        first.message_id,
    ]
    assert (again.duplicate, bobs.duplicate) == (True, False)
    assert bobs.run_id != first.run_id
    assert len(await world.one.log.read(ADA, after=0, limit=10)) == 1


async def test_simultaneous_repetitions_are_one_message(world: World) -> None:
    """In one batch and in two processes."""
    stores = (world.one.store, world.two.store)
    answers = await asyncio.gather(*(stores[n % 2].accept(said(client_id="same")) for n in range(10)))
    assert len({answer.run_id for answer in answers}) == 1
    assert sorted(answer.duplicate for answer in answers) == [False] + [True] * 9
    assert (await world.one.log.heads([ADA]))[ADA] == 1


async def test_a_repetition_is_answered_even_when_the_queue_is_full(world: World) -> None:
    """Idempotency comes before every refusal."""
    submissions = [said() for _ in range(QUEUE_LIMIT)]
    accepted = await asyncio.gather(*(world.one.store.accept(one) for one in submissions))
    assert sorted(answer.queue_position for answer in accepted) == list(range(QUEUE_LIMIT))
    assert await refused(world.one.store.accept(said())) == "busy"
    assert await refused(world.one.store.accept(said(BOB))) == "busy"
    assert await refused(world.one.store.accept(said(EVE))) == ""
    assert (await world.one.store.accept(submissions[0])).duplicate


async def test_a_refusal_leaves_its_batch_alone(world: World) -> None:
    """What was refused has left nothing behind; its neighbours are stored."""
    store = world.one.store
    codes = await asyncio.gather(
        refused(store.accept(said())),
        refused(store.accept(said(thread_id=NOBODY))),
        refused(store.accept(said())),
    )
    assert list(codes) == ["", "not_found", ""]
    assert (await world.one.log.heads([ADA]))[ADA] == 2
    assert len((await store.threads(ADA, limit=10)).items) == 2


@pytest.mark.parametrize("stranger", STRANGERS)
async def test_what_is_somebody_elses_is_not_found(world: World, stranger: Owner) -> None:
    """The same for every call, for another user and for another tenant, as for nonsense."""
    store = world.one.store
    mine = await store.accept(said())
    thread, run = mine.thread_id, mine.run_id
    for owner, thread_id, run_id in ((stranger, thread, run), (ADA, NOBODY, RunId(NOBODY))):
        assert await refused(store.accept(said(owner, thread_id=thread_id))) == "not_found"
        assert await refused(store.stop(owner, run_id)) == "not_found"
        assert await refused(store.history(owner, thread_id, limit=1)) == "not_found"
        assert await refused(store.threads(owner, limit=1, before=thread_id)) == "not_found"
        assert await refused(store.run(owner, run_id)) == "not_found"
        assert await refused(store.open_runs(owner, thread_id)) == "not_found"
    assert await refused(store.history(ADA, thread, limit=1, before=MessageId(NOBODY))) == "not_found"
    await store.stop_all(stranger)
    assert (await store.threads(stranger, limit=10)).items == ()
    assert await store.search(stranger, "hello", 10) == []
    assert (await store.run(ADA, run)).status == "queued"
    assert await world.one.log.read(stranger, after=0, limit=10) == []
    assert await world.one.log.run_events(stranger, run) == []


async def test_reject_meets_an_open_run(world: World) -> None:
    """Queued or running; afterwards the thread is free again."""
    store = world.one.store
    first = await store.accept(said())
    retry = said(thread_id=first.thread_id, if_running="reject")
    assert await refused(store.accept(retry)) == "conflict"
    run = await claimed(world, first)
    assert await refused(store.accept(retry)) == "conflict"
    await answered(world, run)
    assert await refused(store.accept(retry)) == ""


async def test_enqueue_waits_behind_the_open_run(world: World) -> None:
    """The default."""
    store = world.one.store
    first = await store.accept(said())
    second = await store.accept(said(thread_id=first.thread_id))
    assert (second.thread_id, second.queue_position) == (first.thread_id, 1)
    open_runs = await store.open_runs(ADA, first.thread_id)
    assert [run.id for run in open_runs] == [first.run_id, second.run_id]


async def test_interrupt_stops_what_is_open(world: World) -> None:
    """The running run is asked to stop, the queued one ends at once, the new one is queued."""
    store = world.one.store
    run = await running(world, said())
    queued = await store.accept(said(thread_id=run.thread_id))
    new = await store.accept(said(thread_id=run.thread_id, if_running="interrupt"))
    _, stopping = await world.one.queue.heartbeat(WORKER, [run])
    assert set(stopping) == {run.id}
    assert (await store.run(ADA, queued.run_id)).status == "stopped"
    assert [one.id for one in await store.open_runs(ADA, run.thread_id)] == [run.id, new.run_id]


async def test_stop_of_a_queued_run_is_a_whole_life(world: World) -> None:
    """Clients need no special case; a second stop says that it had ended."""
    store = world.one.store
    accepted = await store.accept(said(agent="echo"))
    first, second = [await store.stop(ADA, accepted.run_id) for _ in range(2)]
    events = await world.one.log.run_events(ADA, accepted.run_id)
    record = await store.run(ADA, accepted.run_id)

    assert (first.ended, second.ended) == (False, True)
    assert (first.thread_id, first.message_id) == (accepted.thread_id, accepted.message_id)
    assert [event.type for event in events] == ["message_created", "agent_started", "agent_completed"]
    assert [event.seq for event in events] == [1, 2, 3]
    assert msgspec.json.decode(events[-1].payload)["status"] == "stopped"
    assert msgspec.json.decode(events[1].payload)["agent"] == "echo"
    assert record.status == "stopped"
    assert record.ended_at is not None
    assert await world.one.queue.claim(WORKER, limit=10) == []


async def test_stop_of_a_running_run_is_an_intent(world: World) -> None:
    """The worker reads it with its next heartbeat, and a successor with its claim."""
    run = await running(world, said())
    stopping = await world.one.store.stop(ADA, run.id)
    assert not stopping.ended
    assert (await world.one.store.run(ADA, run.id)).status == "running"
    assert [set(ids) for ids in await world.one.queue.heartbeat(WORKER, [run])] == [{run.id}, {run.id}]
    await world.lapse(run.id)
    (again,) = await world.two.queue.claim(WORKER, limit=1)
    assert again.stop_requested


async def test_stop_of_a_run_that_was_handed_back_ends_legally(world: World) -> None:
    """A drain left an open tool call behind: it is closed, and no attempt starts twice (I3, I4)."""
    run = await running(world, said())
    call = ToolExecutingPayload(tool_call_id="t", tool="wait", arguments={})
    await world.one.log.append(
        appended(run, started(run), Draft("tool_executing", msgspec.json.encode(call)))
    )
    await world.one.queue.release(WORKER, [run])
    await world.one.store.stop(ADA, run.id)
    events = await world.one.log.run_events(ADA, run.id)
    life = RunLifecycle.replay((event.type, event.payload) for event in events)
    assert life.state is State.ENDED


async def test_stop_all_is_for_one_owner(world: World) -> None:
    """Running and queued alike, in every thread; nobody else's."""
    store = world.one.store
    run = await running(world, said())
    queued = await store.accept(said())
    others = [await store.accept(said(owner)) for owner in STRANGERS]
    await store.stop_all(ADA)
    assert (await store.run(ADA, queued.run_id)).status == "stopped"
    assert set((await world.one.queue.heartbeat(WORKER, [run]))[1]) == {run.id}
    for accepted, owner in zip(others, STRANGERS, strict=True):
        assert (await store.run(owner, accepted.run_id)).status == "queued"


async def test_history_pages_from_the_newest(world: World) -> None:
    """Each page oldest first; `has_more` is exact at the edges."""
    store = world.one.store
    first = await store.accept(said(text="0"))
    for number in range(1, 5):
        await store.accept(said(text=str(number), thread_id=first.thread_id))
    newest = await store.history(ADA, first.thread_id, limit=2)
    middle = await store.history(ADA, first.thread_id, limit=2, before=newest.items[0].id)
    last = await store.history(ADA, first.thread_id, limit=2, before=middle.items[0].id)
    empty = await store.history(ADA, first.thread_id, limit=2, before=last.items[0].id)
    pages = [([item.content for item in page.items], page.has_more) for page in (newest, middle, last, empty)]
    assert pages == [(["3", "4"], True), (["1", "2"], True), (["0"], False), ([], False)]
    assert not (await store.history(ADA, first.thread_id, limit=5)).has_more


async def test_threads_page_by_last_use(world: World) -> None:
    """A new message brings its thread to the top."""
    store = world.one.store
    threads = [(await store.accept(said(text=f"t{number}"))).thread_id for number in range(3)]
    await store.accept(said(thread_id=threads[0]))
    page = await store.threads(ADA, limit=2)
    rest = await store.threads(ADA, limit=2, before=page.items[-1].id)
    assert ([item.title for item in page.items], page.has_more) == (["t0", "t2"], True)
    assert ([item.title for item in rest.items], rest.has_more) == (["t1"], False)


async def prompt_of(world: World, run: Run) -> list[tuple[str, str]]:
    """What an agent is given, as roles and texts."""
    return [(message.role, message.content) for message in run.history]


async def test_a_prompt_puts_answers_after_their_questions(world: World) -> None:
    """Although the second question was written before the first answer; later questions are left out."""
    store = world.one.store
    first = await store.accept(said(text="q1"))
    later = [await store.accept(said(text=f"q{n}", thread_id=first.thread_id)) for n in (2, 3)]
    run = await claimed(world, first)
    assert await prompt_of(world, run) == []
    await answered(world, run, "a1")
    second = await claimed(world, later[0])
    assert await prompt_of(world, second) == [("user", "q1"), ("assistant", "a1")]
    history = await store.history(ADA, first.thread_id, limit=10)
    assert [message.content for message in history.items] == ["q1", "q2", "q3", "a1"]


async def test_a_prompt_holds_other_threads_nothing(world: World) -> None:
    """Of the same user neither."""
    await world.one.store.accept(said(text="other"))
    accepted = await world.one.store.accept(said(text="mine"))
    assert await prompt_of(world, await claimed(world, accepted)) == []


async def test_search_wants_every_word(world: World) -> None:
    """In any case and order, newest first, with their threads; wildcards are ordinary characters."""
    store = world.one.store
    first = await store.accept(said(text="Red fox"))
    second = await store.accept(said(text="FOX in red 100%"))
    await store.accept(said(text="a red dog"))
    await store.accept(said(BOB, text="red fox"))
    hits = await store.search(ADA, " red  FOX", 10)
    assert [(thread.id, message.id) for thread, message in hits] == [
        (second.thread_id, second.message_id),
        (first.thread_id, first.message_id),
    ]
    assert len(await store.search(ADA, "red", 2)) == 2
    assert [message.id for _, message in await store.search(ADA, "0%", 10)] == [second.message_id]
    assert await store.search(ADA, " ", 10) == []
    assert await store.search(ADA, "red fox cat", 10) == []


async def test_a_run_is_recorded_through_its_life(world: World) -> None:
    """Queued, running, completed."""
    store = world.one.store
    accepted = await store.accept(said())
    run = await claimed(world, accepted)
    record = await store.run(ADA, run.id)
    assert (record.status, record.attempts, record.ended_at) == ("running", 1, None)
    assert record.started_at is not None
    await answered(world, run)
    record = await store.run(ADA, run.id)
    assert (record.status, record.attempts) == ("completed", 1)
    assert record.ended_at is not None
    assert await store.open_runs(ADA, accepted.thread_id) == []
