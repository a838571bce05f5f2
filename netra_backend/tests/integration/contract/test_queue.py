import asyncio

from netra_backend.domain.runs import MAX_ATTEMPTS, Lane
from netra_backend.tests.integration.contract.worlds import (
    ADA,
    BOB,
    EVE,
    OTHER_WORKER,
    QUEUE_LIMIT,
    WORKER,
    World,
    answered,
    claimed,
    running,
    said,
)


async def test_a_claim_holds_all_that_a_worker_needs(world: World) -> None:
    """The run with its owner, its text and its first fencing token."""
    accepted = await world.one.store.accept(said(text="do it", agent="echo", input={"n": [1, None]}))
    (run,) = await world.one.queue.claim(WORKER, limit=5)
    record = await world.one.store.run(ADA, accepted.run_id)
    assert (run.id, run.owner, run.thread_id) == (accepted.run_id, ADA, accepted.thread_id)
    assert (run.message_id, run.answer_id) == (accepted.message_id, record.answer_id)
    assert (run.text, run.agent, run.input) == ("do it", "echo", {"n": [1, None]})
    assert (run.attempt, run.deaths, run.exhausted, run.stop_requested) == (1, 0, False, False)
    assert await world.two.queue.claim(OTHER_WORKER, limit=5) == []


async def test_a_thread_runs_one_at_a_time_in_order(world: World) -> None:
    """The next one is due when the one before has ended, not earlier."""
    first = await world.one.store.accept(said())
    second = await world.one.store.accept(said(thread_id=first.thread_id, lane=Lane.CRITICAL))
    elsewhere = await world.one.store.accept(said())
    runs = await world.one.queue.claim(WORKER, limit=5)
    assert {run.id for run in runs} == {first.run_id, elsewhere.run_id}
    assert await world.one.queue.claim(WORKER, limit=5) == []
    await answered(world, next(run for run in runs if run.id == first.run_id))
    assert [run.id for run in await world.one.queue.claim(WORKER, limit=5)] == [second.run_id]


async def test_rival_workers_never_share_a_run(world: World) -> None:
    """Every run is claimed once."""
    accepted = await asyncio.gather(*(world.one.store.accept(said()) for _ in range(20)))
    claims = await asyncio.gather(
        *((world.one, world.two)[n % 2].queue.claim((WORKER, OTHER_WORKER)[n % 2], limit=7) for n in range(6))
    )
    left = await world.one.queue.claim(WORKER, limit=QUEUE_LIMIT)
    ids = [run.id for claim in [*claims, left] for run in claim]
    assert sorted(ids) == sorted(answer.run_id for answer in accepted)


async def test_higher_lanes_come_first(world: World) -> None:
    """Whatever order they came in."""
    lanes = [Lane.LOW, Lane.NORMAL, Lane.HIGH, Lane.CRITICAL]
    accepted = {(await world.one.store.accept(said(lane=lane))).run_id: lane for lane in lanes}
    order = [accepted[(await world.one.queue.claim(WORKER, limit=1))[0].id] for _ in lanes]
    assert order == lanes[::-1]


async def test_the_low_lane_ages(world: World) -> None:
    """After 20 seconds it goes before a fresh critical run."""
    low = await world.one.store.accept(said(lane=Lane.LOW))
    await world.one.store.accept(said(lane=Lane.CRITICAL))
    await world.age(low.run_id, 21)
    (run,) = await world.one.queue.claim(WORKER, limit=1)
    assert run.id == low.run_id


async def test_one_tenants_flood_does_not_starve_another(world: World) -> None:
    """The other tenant's first message does not wait behind the whole flood."""
    await asyncio.gather(*(world.one.store.accept(said()) for _ in range(QUEUE_LIMIT)))
    other = await world.one.store.accept(said(EVE))
    assert other.queue_position == 0
    runs = await world.one.queue.claim(WORKER, limit=QUEUE_LIMIT - 5)
    assert other.run_id in {run.id for run in runs}


async def test_a_lapsed_lease_comes_first(world: World) -> None:
    """Even before the critical lane; its next attempt counts a death."""
    run = await running(world, said(lane=Lane.LOW))
    await world.one.store.accept(said(lane=Lane.CRITICAL))
    await world.lapse(run.id)
    (again,) = await world.two.queue.claim(OTHER_WORKER, limit=1)
    assert (again.id, again.attempt, again.deaths) == (run.id, 2, 1)


async def test_a_run_that_kills_its_workers_comes_back_exhausted(world: World) -> None:
    """After three deaths and not before."""
    run = await running(world, said())
    seen = []
    for _ in range(MAX_ATTEMPTS):
        await world.lapse(run.id)
        (run,) = await world.one.queue.claim(WORKER, limit=1)
        seen.append((run.attempt, run.deaths, run.exhausted))
    assert seen == [(2, 1, False), (3, 2, False), (4, 3, True)]


async def test_a_last_try_has_no_other_last_try_beside_it(world: World) -> None:
    """One message that kills its workers must not use up the tries of all that ran there with it."""
    runs = [await running(world, said()) for _ in range(3)]
    for expected in (3, 1):
        for run in runs:
            await world.lapse(run.id)
        claims = await world.one.queue.claim(WORKER, limit=5)
        assert len(claims) == expected
    fresh = await world.one.store.accept(said())
    assert [run.id for run in await world.one.queue.claim(WORKER, limit=5)] == [fresh.run_id]
    (elsewhere,) = await world.two.queue.claim(OTHER_WORKER, limit=5)
    await answered(world, claims[0])
    await world.lapse(elsewhere.id)
    seen = {run.id: run.exhausted for run in await world.one.queue.claim(WORKER, limit=5)}
    (left,) = {run.id for run in runs} - {claims[0].id, elsewhere.id}
    assert seen == {left: False, elsewhere.id: True}


async def test_a_heartbeat_extends_what_is_held(world: World) -> None:
    """A lapsed lease that nobody took is still held; afterwards nobody can take it."""
    run = await running(world, said())
    await world.lapse(run.id)
    held, stopping = await world.one.queue.heartbeat(WORKER, [run])
    assert (set(held), set(stopping)) == ({run.id}, set())
    assert await world.two.queue.claim(OTHER_WORKER, limit=1) == []


async def test_a_heartbeat_tells_what_was_lost(world: World) -> None:
    """Taken over by the same worker or another, or ended."""
    taken, ended, kept = [await running(world, said(owner)) for owner in (ADA, EVE, BOB)]
    await answered(world, ended)
    await world.lapse(taken.id)
    (again,) = await world.one.queue.claim(WORKER, limit=1)
    held, _ = await world.one.queue.heartbeat(WORKER, [taken, ended, kept])
    assert set(held) == {kept.id}
    assert (await world.one.queue.heartbeat(OTHER_WORKER, [again]))[0] in (set(), [])
    assert set((await world.one.queue.heartbeat(WORKER, [again]))[0]) == {taken.id}


async def test_a_release_is_no_death(world: World) -> None:
    """The next claim gets a new fencing token at once."""
    run = await running(world, said())
    await world.one.queue.release(OTHER_WORKER, [run])
    assert await world.two.queue.claim(OTHER_WORKER, limit=1) == []
    await world.one.queue.release(WORKER, [run])
    (again,) = await world.two.queue.claim(OTHER_WORKER, limit=1)
    assert (again.attempt, again.deaths) == (2, 0)
    await world.one.queue.release(WORKER, [run])
    assert set((await world.two.queue.heartbeat(OTHER_WORKER, [again]))[0]) == {run.id}


async def test_a_released_run_stays_before_what_followed_it_in_its_thread(world: World) -> None:
    """Its thread's later message goes on waiting."""
    run = await running(world, said())
    await world.one.store.accept(said(thread_id=run.thread_id, lane=Lane.CRITICAL))
    await world.one.queue.release(WORKER, [run])
    assert [again.id for again in await world.one.queue.claim(WORKER, limit=5)] == [run.id]


async def test_depth_counts_over_all_tenants(world: World) -> None:
    """Open runs only, and zeros too."""
    assert dict(await world.one.queue.depth()) == {"queued": 0, "running": 0}
    first = await world.one.store.accept(said())
    run = await claimed(world, first)
    ended = await running(world, said())
    await answered(world, ended)
    await world.one.store.accept(said(EVE))
    await world.one.store.accept(said(thread_id=run.thread_id))
    assert dict(await world.two.queue.depth()) == {"queued": 2, "running": 1}


async def test_lanes_count_what_is_queued_over_all_tenants(world: World) -> None:
    """Every lane is there; what runs waits no more."""
    await running(world, said())
    await world.one.store.accept(said(EVE))
    counted = dict(await world.two.queue.lanes())
    assert counted == dict.fromkeys(Lane, 0) | {said().lane: 1}
