"""Claims runs and executes them, as many at once as it has slots; keeps their leases.

A wake-up makes it immediate, a slow poll makes it certain. While nothing waits in the queue, a
gateway of the same process brings it what it accepts. On a drain it stops claiming, waits, and
hands back what has not ended.
"""

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from netra_backend.agents.runner import Cancel, RunTask
from netra_backend.domain.errors import NetraError
from netra_backend.domain.ids import MessageId, RunId, WorkerId
from netra_backend.domain.ports import Feed, Queue
from netra_backend.domain.runs import Run

log = structlog.get_logger(__name__)

MAX_CLAIM = 64
"""Runs claimed at once: a worker that dies gives back few, and a claim stays short."""


HAND_BACK_TRIES = 5
"""Attempts to release a run within its lease, after which another worker takes it anyway."""


FirstStart = Callable[[str | None, MessageId], bytes | None]


class Worker:
    """One worker; a `domain.ports.Starter` as well.

    Args:
        task: makes the execution of a claimed run.
        slots: runs executed at once.
        lease_s: the queue's lease; leases are extended three times in it.
        poll_s: seconds between looks at the queue when nobody wakes the worker.
        first_start: the payload of `agent_started` for an agent's run, or None if that agent does
            not run here. Without it every run comes through the queue.
    """

    def __init__(
        self,
        worker_id: WorkerId,
        *,
        queue: Queue,
        feed: Feed,
        task: Callable[[Run], RunTask],
        slots: int,
        lease_s: float,
        poll_s: float,
        first_start: FirstStart | None = None,
    ) -> None:
        self.worker_id = worker_id
        self.lease_s = lease_s
        self._queue = queue
        self._task = task
        self._slots = slots
        self._poll_s = poll_s
        self._running: dict[RunId, RunTask] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._draining = False
        self._claiming_ended = asyncio.Event()
        self._drained = asyncio.Event()
        self._first_start = first_start
        self._claiming = 0
        self._reserved: dict[MessageId, tuple[int, float]] = {}
        self._none_reserved = asyncio.Event()
        self._none_reserved.set()
        self._caught_up = False
        self._calls = 0
        feed.on_work(self._called)
        feed.on_stop(self._stop)

    @property
    def running(self) -> int:
        """Runs in execution."""
        return len(self._running)

    def reserve(self, agent: str | None, answer_id: MessageId) -> bytes | None:
        """See `Starter`. Nothing overtakes what waits in the queue: that must be empty first."""
        busy = len(self._tasks) + len(self._reserved) + self._claiming
        if self._first_start is None or self._draining or not self._caught_up or busy >= self._slots:
            return None
        payload = self._first_start(agent, answer_id)
        if payload is not None:
            self._reserved[answer_id] = (self._calls, asyncio.get_running_loop().time())
            self._none_reserved.clear()
        return payload

    def release(self, answer_id: MessageId) -> None:
        """See `Starter`."""
        self._unreserve(answer_id)
        if not self._caught_up:  # a claim may have found no slot free
            self._wake.set()

    def start(self, run: Run) -> None:
        """See `Starter`."""
        calls, began = self._unreserve(run.answer_id)
        self._start(run, calls=calls, began=began)

    def _unreserve(self, answer_id: MessageId) -> tuple[int, float]:
        reserved = self._reserved.pop(answer_id)
        if not self._reserved:
            self._none_reserved.set()
        return reserved

    def _called(self) -> None:
        self._calls += 1
        self._caught_up = False
        self._wake.set()

    async def run(self) -> None:
        """Claim and execute until cancelled or drained; leases are kept until then."""
        heartbeat = asyncio.create_task(self._keep_leases(), name="worker-heartbeat")
        try:
            while not self._draining:
                if not await self._claim():
                    await self._pause()
            self._claiming_ended.set()
            await self._drained.wait()
        finally:
            self._claiming_ended.set()
            heartbeat.cancel()
            await asyncio.wait([heartbeat])

    async def drain(self, seconds: float) -> None:
        """Stop claiming; give runs `seconds` to end, then hand them back. `run` must be running."""
        self._draining = True
        self._wake.set()
        await self._claiming_ended.wait()
        await (
            self._none_reserved.wait()
        )  # acceptance is about to bring them; it is bounded by the store's patience
        await self._settle(seconds)
        for execution in list(self._running.values()):
            execution.cancel(Cancel.DRAIN)
        await self._settle(self.lease_s)
        self._drained.set()

    async def _settle(self, seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    async def _claim(self) -> bool:
        """Claim and start what fits; returns whether there may be more."""
        self._wake.clear()
        free = min(self._slots - len(self._tasks) - len(self._reserved), MAX_CLAIM)
        if free <= 0:
            self._caught_up = False
            return False
        self._claiming, calls, began = free, self._calls, asyncio.get_running_loop().time()
        try:
            runs = await self._queue.claim(self.worker_id, limit=free)
        except NetraError as error:
            log.warning("claim_failed", code=error.code)
            return False
        except Exception:
            log.exception("claim_failed")  # a worker that stopped claiming would be missed by nobody
            return False
        finally:
            self._claiming = 0
        for run in runs:
            self._start(run, began=began)
        self._caught_up = len(runs) < free and calls == self._calls
        return len(runs) == free

    def _start(self, run: Run, *, began: float, calls: int | None = None) -> None:
        earlier = self._running.get(run.id)
        if earlier is not None:  # our own lease had lapsed: the earlier attempt may write nothing more
            if earlier.run.attempt > run.attempt:  # it is this one, brought by an answer that came late
                self._wake.set()
                return
            earlier.cancel(Cancel.LOST)
        execution = self._running[run.id] = self._task(run)
        execution.leased(began + self.lease_s)
        task = asyncio.create_task(self._execute(execution), name=f"run-{run.id}")
        self._tasks.add(task)
        task.add_done_callback(partial(self._finished, calls=calls))

    def _finished(self, task: asyncio.Task[None], *, calls: int | None) -> None:
        self._tasks.discard(task)
        # Its thread's next run may wait for it: not if it never queued and nothing was queued since.
        if calls != self._calls or not self._caught_up:
            self._wake.set()

    async def _execute(self, execution: RunTask) -> None:
        run = execution.run
        try:
            structlog.contextvars.bind_contextvars(run_id=run.id)  # in this task's own context
            done = await execution.execute()
            if not done:
                await self._hand_back(run)
        except NetraError as error:
            log.warning("run_interrupted", run_id=run.id, code=error.code)
            await self._hand_back(run)
        except Exception:
            log.exception("run_crashed", run_id=run.id)
        finally:
            if self._running.get(run.id) is execution:
                del self._running[run.id]

    async def _hand_back(self, run: Run) -> None:
        """Release a run; while the store is away its lease goes on, and then it counts as a death."""
        for _ in range(HAND_BACK_TRIES):
            try:
                await self._queue.release(self.worker_id, [run])
            except NetraError:
                await asyncio.sleep(self.lease_s / HAND_BACK_TRIES)
            else:
                return

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s):
                await self._wake.wait()
        except TimeoutError:
            return

    def _stop(self, run_id: RunId) -> None:
        if run_id in self._running:
            self._running[run_id].cancel(Cancel.STOP)

    async def _keep_leases(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            await asyncio.sleep(max(began + self.lease_s / 3 - loop.time(), 0))  # also after a slow answer
            began = loop.time()
            executions = dict(self._running)
            if not executions:
                continue
            try:
                held, stopping = await self._queue.heartbeat(
                    self.worker_id, [execution.run for execution in executions.values()]
                )
            except NetraError as error:
                log.warning("heartbeat_failed", code=error.code)
                continue
            for run_id, execution in executions.items():
                if run_id not in held:
                    execution.cancel(Cancel.LOST)
                    continue
                execution.leased(began + self.lease_s)
                if run_id in stopping:
                    execution.cancel(Cancel.STOP)
