"""Slows down guessing: a rate limit per key, in this process and, while it can be asked, over all.

The Generic Cell Rate Algorithm: a key's whole state is one time, the theoretical arrival time.
"""

import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

from netra_backend.domain.errors import RateLimited, Unauthenticated
from netra_backend.domain.ports import Clock


class Throttle:
    """Lets `burst` takes through at once, then one every `period_s` seconds, for each key."""

    def __init__(self, clock: Clock, *, burst: int, period_s: float, keys: int = 10_000) -> None:
        self._clock = clock
        self._period = period_s
        self._tolerance = period_s * (burst - 1)
        self._keys = keys
        self._arrivals: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, key: Hashable) -> None:
        """Count one attempt, before it is made, so that attempts at the same time count too.

        Raises:
            RateLimited: too many; nothing was counted.
        """
        now = self._clock.monotonic()
        arrival = max(self._arrivals.get(key, now), now)
        wait = arrival - now - self._tolerance
        if wait > 0:
            raise RateLimited("Too many attempts; wait a little.", retry_after_ms=int(wait * 1000) + 1)
        self._arrivals[key] = arrival + self._period
        self._arrivals.move_to_end(key)
        if len(self._arrivals) > self._keys:
            self._arrivals.popitem(last=False)

    @contextmanager
    def attempt(self, key: Hashable) -> Iterator[None]:
        """Around one try of a secret: only a wrong one (`Unauthenticated`) keeps counting."""
        self.take(key)
        try:
            yield
        except Unauthenticated:
            raise
        except BaseException:
            self._give_back(key)
            raise
        self._give_back(key)

    def _give_back(self, key: Hashable) -> None:
        if key in self._arrivals:
            self._arrivals[key] -= self._period


class SharedCount(Protocol):
    """A count that all processes share. It may be away at any moment."""

    async def take(self, key: str, *, burst: int, period_s: float) -> float | None:
        """Count one; seconds to wait if that is too many (then it was not counted), None if unknown."""
        ...

    def give_back(self, key: str, *, burst: int, period_s: float) -> None:
        """Take one off the count."""
        ...


class SharedThrottle:
    """A `Throttle` over all processes; without the shared count it is this process's own.

    Args:
        name: tells the counts of one throttle from those of another.
    """

    def __init__(
        self, clock: Clock, shared: SharedCount | None, *, name: str, burst: int, period_s: float
    ) -> None:
        self._own = Throttle(clock, burst=burst, period_s=period_s)
        self._shared = shared
        self._name = name
        self._burst = burst
        self._period = period_s

    @asynccontextmanager
    async def attempt(self, *key: str) -> AsyncIterator[None]:
        """See `Throttle.attempt`."""
        digest = hashlib.sha256("\x1f".join(key).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        name = f"{self._name}:{digest}"  # addresses of people are no names in Valkey
        with self._own.attempt(key):
            await self._take(name)
            try:
                yield
            except Unauthenticated:
                raise
            except BaseException:
                self._give_back(name)
                raise
            self._give_back(name)

    async def _take(self, name: str) -> None:
        if self._shared is None:
            return
        wait = await self._shared.take(name, burst=self._burst, period_s=self._period)
        if wait:
            raise RateLimited("Too many attempts; wait a little.", retry_after_ms=int(wait * 1000) + 1)

    def _give_back(self, name: str) -> None:
        if self._shared is not None:
            self._shared.give_back(name, burst=self._burst, period_s=self._period)
