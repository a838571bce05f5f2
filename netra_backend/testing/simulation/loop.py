"""An asyncio event loop on virtual time: no selector, no thread, no wall clock.

Each simulated process has its own queue, first in first out as asyncio promises; whose turn it is,
the seed decides. A dead process is never resumed, not even for its `finally` blocks.
"""

import asyncio
import contextvars
import heapq
import warnings
from collections import deque
from collections.abc import Callable, Coroutine
from random import Random  # noqa: TID251 - seeded by the caller
from typing import Any

MAX_STEPS = 400_000
"""Callbacks of one schedule; one that needs more does not come to rest."""

_here: contextvars.ContextVar["Process"] = contextvars.ContextVar("netra_simulated_process")


class Restless(Exception):
    """The schedule does not come to rest."""


class Process:
    """Tasks that live and die together. `context` makes everything begun in it belong to it.

    Attributes:
        skew: seconds that its wall clock is ahead of the stores'.
        steps_left: callbacks until `trip` is called; 0 means never.
    """

    __slots__ = (
        "alive",
        "context",
        "frozen",
        "listed",
        "loop",
        "name",
        "queue",
        "skew",
        "steps_left",
        "tasks",
        "trip",
    )

    def __init__(self, loop: "VirtualLoop", name: str) -> None:
        self.loop = loop
        self.name = name
        self.context = contextvars.Context()
        self.context.run(_here.set, self)
        self.queue: deque[asyncio.Handle] = deque()
        self.tasks: list[SimulatedTask] = []
        self.alive, self.frozen, self.listed = True, False, False
        self.skew = 0.0
        self.steps_left = 0
        self.trip: Callable[[], None] = self.kill

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Begin a task of this process."""
        return self.loop.create_task(coroutine, name=name, context=self.context.copy())

    def soon(self, callback: Callable[..., object], *args: Any, delay: float = 0.0) -> asyncio.Handle:
        """Call back in this process, in virtual seconds from now."""
        loop = self.loop
        handle: asyncio.Handle = (
            loop.call_later(delay, callback, *args, context=self.context)
            if delay > 0
            else loop.call_soon(callback, *args, context=self.context)
        )
        return handle

    def kill(self) -> None:
        """`kill -9`: nothing of it runs any more; what it holds is kept until the loop is closed."""
        self.alive = False
        self.loop.unlist(self)

    def freeze(self) -> None:
        """`SIGSTOP`: its time goes on, its callbacks gather."""
        if self.alive:
            self.frozen = True
            self.loop.unlist(self)

    def thaw(self) -> None:
        """`SIGCONT`."""
        self.frozen = False
        self.loop.list(self)


class SimulatedTask(asyncio.Task[Any]):
    """A task whose hash does not depend on its address: sets of tasks keep one order in all runs."""

    def __init__(self, coroutine: Any, number: int, **options: Any) -> None:
        self._number = number
        super().__init__(coroutine, **options)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class VirtualLoop(asyncio.AbstractEventLoop):
    """See the module.

    Args:
        chance: decides whose turn it is.
    """

    def __init__(self, chance: Random) -> None:
        self._now = 0.0
        self._chance = chance
        self._timers: list[tuple[float, int, asyncio.TimerHandle, Process]] = []
        self._numbers = 0
        self._ready: list[Process] = []
        self._over = False
        self.steps = 0
        self.processes: list[Process] = []
        self.accidents: list[str] = []
        self.harness = self.process("harness")

    def process(self, name: str) -> Process:
        """A new process."""
        process = Process(self, name)
        self.processes.append(process)
        return process

    # What the simulation does with it.

    def run(self, until: Callable[[], bool]) -> None:
        """Go on until `until` is true, asked after each jump in time.

        Raises:
            Restless: too many callbacks, or nothing is left to happen.
        """
        asyncio._set_running_loop(self)
        try:
            while not until():
                self._jump()
                self._settle()
        finally:
            asyncio._set_running_loop(None)

    def _settle(self) -> None:
        """Run what can run at this moment."""
        ready, chance = self._ready, self._chance.random
        while ready:
            process = ready[int(chance() * len(ready))]
            if process.steps_left:
                process.steps_left -= 1
                if not process.steps_left:
                    process.trip()
                    continue
            queue = process.queue
            handle = queue.popleft()
            if not queue:
                self.unlist(process)
            self.steps += 1
            if not handle._cancelled:  # as every event loop reads it
                handle._run()
        if self.steps > MAX_STEPS:
            raise Restless(f"more than {MAX_STEPS} callbacks")

    def _jump(self) -> None:
        """To the next timer, or to nowhere if something can run already."""
        if self._ready:
            return
        if not self._timers:
            raise Restless("nothing is left to happen")
        self._now = max(self._now, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self._now:
            _, _, timer, process = heapq.heappop(self._timers)
            if not timer.cancelled():
                self._enqueue(process, timer)

    def _enqueue(self, process: Process, handle: asyncio.Handle) -> None:
        process.queue.append(handle)
        if not process.listed:
            self.list(process)

    def list(self, process: Process) -> None:
        """It has something to run."""
        if process.alive and process.queue and not (process.frozen or process.listed):
            process.listed = True
            self._ready.append(process)

    def unlist(self, process: Process) -> None:
        """It has nothing to run, or may not."""
        if process.listed:
            process.listed = False
            self._ready.remove(process)

    def bury(self) -> None:
        """Close every coroutine that was left, without a word; nothing may be looked at after this."""
        self._over = True
        asyncio._set_running_loop(self)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # a dead process never began some of them
                for process in self.processes:
                    for task in process.tasks:
                        _close(task)
        finally:
            asyncio._set_running_loop(None)

    # What asyncio does with it.

    def time(self) -> float:
        """Virtual seconds since the beginning."""
        return self._now

    def call_soon(  # type: ignore[override] # typeshed's variadic generics
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        """See asyncio."""
        if context is None:
            context = contextvars.copy_context()
        handle = asyncio.Handle(callback, args, self, context)
        if not self._over:
            self._enqueue(context.get(_here, self.harness), handle)
        return handle

    def call_later(  # type: ignore[override] # typeshed's variadic generics
        self, delay: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        """See asyncio."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override] # typeshed's variadic generics
        self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        """See asyncio."""
        if context is None:
            context = contextvars.copy_context()
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._numbers += 1
        heapq.heappush(self._timers, (when, self._numbers, timer, context.get(_here, self.harness)))
        return timer

    def create_future(self) -> asyncio.Future[Any]:
        """See asyncio."""
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: str | None = None, context: Any = None, **options: Any
    ) -> asyncio.Task[Any]:
        """See asyncio."""
        if self._over:
            coro.close()
        if context is None:
            context = contextvars.copy_context()
        self._numbers += 1
        task = SimulatedTask(coro, self._numbers, loop=self, name=name or "task", context=context)
        context.get(_here, self.harness).tasks.append(task)
        return task

    def get_debug(self) -> bool:
        """Never: debugging reads the wall clock."""
        return False

    def is_running(self) -> bool:
        """See asyncio."""
        return True

    def is_closed(self) -> bool:
        """See asyncio."""
        return self._over

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What asyncio would log is an accident of the code under test."""
        if not self._over:
            self.accidents.append(f"{context.get('message')}: {context.get('exception')!r}")

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """See asyncio; the timer is skipped when it is due."""


def _close(task: SimulatedTask) -> None:
    task._log_destroy_pending = False  # type: ignore[attr-defined] # as asyncio's own `gather` sets it
    coroutine = task.get_coro()
    for _ in range(20):  # a `finally` that awaits has to be closed again
        try:
            if coroutine is not None:
                coroutine.close()
        except RuntimeError:
            continue
        except BaseException:  # noqa: BLE001 - its process is dead and cannot be heard
            return
        return
