"""A process's way to the stores, over an unreliable network.

Each call is one transaction there. It may be refused before the commit, its answer may be lost or late
after it, and it is carried out even if who asked has died meanwhile. What a commit publishes is
published by the process that asked, once it has the answer, as the real adapters do.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from netra_backend.domain.errors import Degraded
from netra_backend.domain.events import Event
from netra_backend.domain.ids import Owner, RunId
from netra_backend.testing.memory import Memory, MemoryFeed
from netra_backend.testing.simulation.feed import SimulatedFeed
from netra_backend.testing.simulation.loop import Process
from netra_backend.testing.simulation.weather import Weather

T = TypeVar("T")
Notice = Callable[[SimulatedFeed], None]

SLOW_S = 4.0
"""Seconds that a slow call, or a late answer, takes at most: longer than a lease."""


class Commits(MemoryFeed):
    """What the memory adapters publish, kept for the process that asked."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory)
        memory.feeds.remove(self)
        self._notices: list[Notice] = []

    def take(self) -> list[Notice]:
        """What was published since the last look."""
        taken, self._notices = self._notices, []
        return taken

    def publish(self, owner: Owner, events: Sequence[Event]) -> None:
        """See the port."""
        self._notices.append(lambda feed: feed.publish(owner, events))

    def work(self) -> None:
        """See the port."""
        self._notices.append(lambda feed: feed.work())

    def stop(self, run_id: RunId) -> None:
        """See the port."""
        self._notices.append(lambda feed: feed.stop(run_id))


class Link:
    """A process's way to the stores."""

    def __init__(
        self, process: Process, *, stores: Process, weather: Weather, commits: Commits, feed: SimulatedFeed
    ) -> None:
        self._process = process
        self._stores = stores
        self._weather = weather
        self._commits = commits
        self._feed = feed

    async def call(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Have `operation`, which never waits, carried out there.

        Raises:
            Degraded: it was not carried out, or that is unknown.
        """
        weather, name = self._weather, self._process.name
        delay = weather.long(SLOW_S) if weather.strikes("store_slow", name) else weather.latency()
        answer = self._process.loop.create_future()
        self._stores.soon(self._carry_out, operation, answer, delay=delay)
        result, notices = await answer
        for notice in notices:
            notice(self._feed)
        return result  # type: ignore[no-any-return] # a future of anything

    def _carry_out(self, operation: Callable[[], Awaitable[Any]], answer: Any) -> None:
        weather, name = self._weather, self._process.name
        outcome: Any = None
        notices: list[Notice] = []
        if not weather.strikes("store_refuses", name):
            try:
                outcome = at_once(operation())
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
                outcome = error
            notices = self._commits.take()
            if weather.strikes("store_forgets", name):
                outcome = Degraded()
        else:
            outcome = Degraded()
        if weather.strikes("store_late", name):
            self._stores.soon(_answer, answer, outcome, notices, delay=weather.long(SLOW_S))
        else:
            _answer(answer, outcome, notices)


def _answer(answer: Any, outcome: Any, notices: list[Notice]) -> None:
    if answer.done():
        return
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result((outcome, notices))


def at_once(operation: Awaitable[T]) -> T:
    """The result of a coroutine that never waits."""
    steps = operation.__await__()
    try:
        next(steps)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return] # a generator's return value is untyped
    raise AssertionError("A memory adapter waited.")
