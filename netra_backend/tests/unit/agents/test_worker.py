import asyncio
from collections.abc import Collection, Sequence

import msgspec

from netra_backend.agents.context import AgentFunction, Context
from netra_backend.agents.emitter import first_start
from netra_backend.agents.worker import Worker
from netra_backend.domain.errors import Degraded
from netra_backend.domain.ids import MessageId, RunId, WorkerId
from netra_backend.domain.runs import Run
from netra_backend.protocol.lifecycle import State
from netra_backend.testing.agents import echo
from netra_backend.testing.memory import Memory, MemoryQueue
from netra_backend.tests.unit.agents.memory_runs import ADA, SUCCESSOR, WORKER, Scene, until


class WatchedQueue(MemoryQueue):
    """A queue that says what is done with it, and is away when told so."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory)
        self.away = 0
        self.claims = 0
        self.beats = asyncio.Event()
        self.limits: list[int] = []

    async def claim(self, worker: WorkerId, *, limit: int) -> Sequence[Run]:
        """See the port."""
        self.claims += 1
        self.limits.append(limit)
        self._require()
        return await super().claim(worker, limit=limit)

    async def heartbeat(
        self, worker: WorkerId, runs: Collection[Run]
    ) -> tuple[Collection[RunId], Collection[RunId]]:
        """See the port."""
        self.beats.set()
        self._require()
        return await super().heartbeat(worker, runs)

    def _require(self) -> None:
        if self.away:
            self.away -= 1
            raise Degraded


class Stage:
    """A worker on a scene. `entered` is set by the agents that wait."""

    def __init__(
        self, agent: AgentFunction | None = None, *, slots: int = 4, lease_s: float = 60, poll_s: float = 60
    ) -> None:
        self.scene = Scene()
        self.queue = WatchedQueue(self.scene.memory)
        self.entered = asyncio.Event()
        self.worker = Worker(
            WORKER,
            queue=self.queue,
            feed=self.scene.feed,
            task=lambda run: self.scene.task(run, agent or self._wait),
            slots=slots,
            lease_s=lease_s,
            poll_s=poll_s,
            first_start=lambda name, answer_id: (
                None if name == "elsewhere" else first_start("tested", answer_id)
            ),
        )

    async def beside(self) -> None:
        """Let the gateway of this process bring runs, once the worker has seen an empty queue."""
        self.scene.store.start_with(self.worker)
        await until(lambda: self.worker._caught_up)

    async def _wait(self, ctx: Context) -> str:
        async with ctx.tool("wait", {}):
            self.entered.set()
            await asyncio.Event().wait()
        return "never"

    async def __aenter__(self) -> "Stage":
        self.running = asyncio.ensure_future(self.worker.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self.running.done():
            await asyncio.wait_for(self.worker.drain(0), 10)
        self.running.cancel()
        await asyncio.wait([self.running])

    async def until(self, status: str, run_id: RunId) -> None:
        """Wait until a run has a status."""
        await until(lambda: self.scene.memory.runs[run_id].status == status)


async def test_a_wake_up_starts_a_run_at_once() -> None:
    """Long before the poll."""
    async with Stage(echo) as stage:
        run_id = await stage.scene.accept()
        await stage.until("completed", run_id)


async def test_a_poll_finds_what_nobody_announced() -> None:
    """The feed is away."""
    async with Stage(echo, poll_s=0.01) as stage:
        stage.scene.feed.go_away()
        run_id = await stage.scene.accept()
        await stage.until("completed", run_id)


async def test_no_more_than_its_slots() -> None:
    """The next one starts when one has ended, without a poll."""
    async with Stage(slots=2) as stage:
        first, second, third = [await stage.scene.accept() for _ in range(3)]
        await stage.until("running", second)
        for _ in range(20):
            await asyncio.sleep(0)
        assert stage.worker.running == 2
        assert stage.scene.memory.runs[third].status == "queued"
        await stage.scene.store.stop(ADA, first)
        await stage.until("running", third)
        assert max(stage.queue.limits) <= 2


async def test_a_stop_signal_stops_its_run_only() -> None:
    """And a signal for a run of another worker does nothing."""
    async with Stage() as stage:
        first, second = [await stage.scene.accept() for _ in range(2)]
        await stage.until("running", second)
        stage.scene.feed.stop(RunId("elsewhere"))
        await stage.scene.store.stop(ADA, first)
        await stage.until("stopped", first)
        assert stage.scene.memory.runs[second].status == "running"


async def test_a_stop_whose_signal_was_lost_comes_with_the_heartbeat() -> None:
    """The intent is durable."""
    async with Stage(lease_s=0.03) as stage:
        run_id = await stage.scene.accept()
        await stage.until("running", run_id)
        stage.scene.feed.go_away()
        await stage.scene.store.stop(ADA, run_id)
        await stage.until("stopped", run_id)
        assert stage.scene.legal(run_id) is State.ENDED


async def test_a_lost_lease_cancels_its_run() -> None:
    """The successor's attempt is the only one that goes on."""
    async with Stage(lease_s=0.03) as stage:
        run_id = await stage.scene.accept()
        await asyncio.wait_for(stage.entered.wait(), 10)
        stage.scene.clock.forward(1000)
        (again,) = await MemoryQueue(stage.scene.memory).claim(SUCCESSOR, limit=1)
        await until(lambda: not stage.worker.running)
        assert stage.scene.memory.runs[run_id].worker == SUCCESSOR
        assert await stage.scene.task(again, echo).execute()
        assert stage.scene.legal(run_id) is State.ENDED


async def test_heartbeats_keep_the_lease_and_outlive_an_outage() -> None:
    """A queue that is away once does not end anything."""
    async with Stage(lease_s=0.03) as stage:
        run_id = await stage.scene.accept()
        await asyncio.wait_for(stage.entered.wait(), 10)
        stage.queue.away = 1
        for _ in range(3):
            stage.queue.beats.clear()
            await asyncio.wait_for(stage.queue.beats.wait(), 10)
        stage.scene.clock.forward(14)
        stage.queue.beats.clear()
        await asyncio.wait_for(stage.queue.beats.wait(), 10)
        stage.scene.clock.forward(14)
        assert await MemoryQueue(stage.scene.memory).claim(SUCCESSOR, limit=1) == []
        assert stage.scene.memory.runs[run_id].attempt == 1


async def test_a_queue_that_is_away_is_asked_again() -> None:
    """The worker goes on claiming."""
    stage = Stage(echo, poll_s=0.01)
    stage.queue.away = 2
    async with stage:
        run_id = await stage.scene.accept()
        await stage.until("completed", run_id)
        assert stage.queue.claims >= 3


async def test_a_drain_waits_for_what_ends_in_time() -> None:
    """And claims nothing more."""
    gate = asyncio.Event()
    entered = asyncio.Event()

    async def agent(ctx: Context) -> str:
        entered.set()
        await gate.wait()
        return "done"

    async with Stage(agent) as stage:
        run_id = await stage.scene.accept()
        await asyncio.wait_for(entered.wait(), 10)
        draining = asyncio.ensure_future(stage.worker.drain(60))
        await until(lambda: stage.worker._draining)
        late = await stage.scene.accept()
        gate.set()
        await asyncio.wait_for(draining, 10)
        assert stage.scene.memory.runs[run_id].status == "completed"
        assert stage.scene.memory.runs[late].status == "queued"


async def test_a_drain_hands_back_the_rest() -> None:
    """At once, as no death; the next worker ends it legally."""
    async with Stage() as stage:
        run_id = await stage.scene.accept()
        await asyncio.wait_for(stage.entered.wait(), 10)
        await stage.worker.drain(0)
        assert stage.worker.running == 0
        (again,) = await stage.queue.claim(SUCCESSOR, limit=1)
        assert (again.id, again.attempt, again.deaths) == (run_id, 2, 0)
        assert await stage.scene.task(again, echo).execute()
        assert stage.scene.legal(run_id) is State.ENDED


async def test_a_broken_run_does_not_take_the_worker_along() -> None:
    """Its lease lapses, and others go on."""
    broken: list[RunId] = []
    stage = Stage(echo)
    make = stage.worker._task

    def task(run: Run) -> object:
        made = make(run)
        if not broken:
            broken.append(run.id)
            made._clock = None  # type: ignore[assignment]  # a fault inside the runner itself
        return made

    stage.worker._task = task  # type: ignore[assignment]  # see above
    async with stage:
        first = await stage.scene.accept()
        await stage.until("running", first)
        second = await stage.scene.accept()
        await stage.until("completed", second)
        assert stage.scene.memory.runs[first].status == "running"


async def test_what_is_accepted_beside_an_idle_worker_needs_no_claim() -> None:
    """Neither to start nor when it ends; its life is legal and begins with its acceptance."""
    async with Stage(echo) as stage:
        await stage.beside()
        claims = stage.queue.claims
        runs = [await stage.scene.accept() for _ in range(3)]
        assert [stage.scene.names(run_id) for run_id in runs] == [["agent_started"]] * 3
        for run_id in runs:
            await stage.until("completed", run_id)
            assert stage.scene.legal(run_id) is State.ENDED
            assert stage.scene.names(run_id).count("agent_started") == 1
        await asyncio.sleep(0)
        assert stage.queue.claims == claims


async def test_what_queued_behind_such_a_run_is_claimed_when_it_ends() -> None:
    """Long before the poll."""
    async with Stage() as stage:
        await stage.beside()
        first = await stage.scene.accept()
        await asyncio.wait_for(stage.entered.wait(), 10)
        thread_id = stage.scene.memory.runs[first].thread_id
        second = await stage.scene.accept(thread_id=thread_id)
        await until(lambda: stage.worker._caught_up)
        assert stage.scene.memory.runs[second].status == "queued"
        await stage.scene.store.stop(ADA, first)
        await stage.until("running", second)


async def test_nothing_overtakes_the_queue() -> None:
    """With all slots taken, and until the queue was seen empty again, runs go the long way."""
    async with Stage(slots=2) as stage:
        await stage.beside()
        first, second, third = [await stage.scene.accept() for _ in range(3)]
        statuses = [stage.scene.memory.runs[run_id].status for run_id in (first, second, third)]
        assert statuses == ["running", "running", "queued"]
        assert stage.worker.reserve(None, MessageId("a")) is None
        stage.scene.feed.work()  # another gateway's
        await until(lambda: not stage.worker._caught_up)
        await stage.scene.store.stop(ADA, first)
        await stage.until("running", third)
        assert max(stage.queue.limits) <= 2


async def test_slots_that_were_set_aside_count() -> None:
    """For acceptance and for claims, and not when they were given back."""
    async with Stage(slots=2) as stage:
        await stage.beside()
        assert stage.worker.reserve("elsewhere", MessageId("z")) is None
        assert [bool(stage.worker.reserve(None, MessageId(each))) for each in "abc"] == [True, True, False]
        stage.worker.release(MessageId("a"))
        assert stage.worker.reserve(None, MessageId("d"))
        stage.scene.store._starter = None
        late = await stage.scene.accept()
        await until(lambda: not stage.worker._wake.is_set())
        assert stage.scene.memory.runs[late].status == "queued"
        for each in "bd":
            stage.worker.release(MessageId(each))
        stage.scene.feed.work()
        await stage.until("running", late)


async def test_a_slot_that_is_given_back_goes_to_what_was_told_meanwhile() -> None:
    """Long before the poll, and though the wake-up came while no slot was free."""
    async with Stage(slots=1) as stage:
        await stage.beside()
        assert stage.worker.reserve(None, MessageId("a"))
        waiting = await stage.scene.accept()
        await until(lambda: not (stage.worker._caught_up or stage.worker._wake.is_set()))
        assert stage.scene.memory.runs[waiting].status == "queued"
        stage.worker.release(MessageId("a"))
        await stage.until("running", waiting)


async def test_an_acceptance_that_is_told_late_does_not_stop_its_successor() -> None:
    """The lease had lapsed before the answer came, and this worker has taken the next attempt."""
    async with Stage() as stage:
        run_id = await stage.scene.accept()
        await asyncio.wait_for(stage.entered.wait(), 10)
        running = stage.worker._running[run_id]
        stage.worker._reserved[running.run.answer_id] = (0, 0.0)
        stage.worker.start(msgspec.structs.replace(running.run, attempt=0, started=True))
        assert stage.worker._running == {run_id: running}
        assert stage.worker._reserved == {}
        assert running._cancel is None


async def test_a_drain_waits_for_what_acceptance_is_about_to_bring() -> None:
    """A slot that was set aside is a run that nobody else will have."""
    async with Stage() as stage:
        await stage.beside()
        assert stage.worker.reserve(None, MessageId("a"))
        draining = asyncio.ensure_future(stage.worker.drain(0))
        await until(stage.worker._claiming_ended.is_set)
        assert stage.worker.reserve(None, MessageId("b")) is None
        run = await stage.scene.claimed()
        stage.worker._reserved[run.answer_id] = stage.worker._reserved.pop(MessageId("a"))
        stage.worker.start(run)
        await asyncio.wait_for(draining, 10)
        assert stage.scene.memory.runs[run.id].status == "queued"
        assert stage.worker.running == 0


async def test_a_worker_whose_lease_may_have_lapsed_shows_no_text() -> None:
    """It stood still, or cannot reach the queue; with the next heartbeat it may again."""
    gate, written = asyncio.Event(), asyncio.Event()

    async def agent(ctx: Context) -> str:
        await gate.wait()
        gate.clear()
        await ctx.write("a")
        written.set()
        await gate.wait()
        await ctx.write("b")
        return "done"

    async with Stage(agent, lease_s=0.09) as stage:
        await stage.scene.listen()
        run_id = await stage.scene.accept()
        await stage.until("running", run_id)
        stage.queue.away = 10_000
        execution = stage.worker._running[run_id]
        loop = asyncio.get_running_loop()
        await until(lambda: loop.time() > execution._emitter.live_until)
        gate.set()
        await asyncio.wait_for(written.wait(), 10)
        assert stage.scene.deltas == []
        stage.queue.away = 0
        await until(lambda: loop.time() < execution._emitter.live_until)
        gate.set()
        await stage.until("completed", run_id)
        assert stage.scene.deltas == [(1, "b")]
