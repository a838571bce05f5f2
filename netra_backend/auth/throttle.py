"""Slows down guessing: a rate limit per key in bounded memory. Lives in one process; no promise beyond.

The Generic Cell Rate Algorithm: a key's whole state is one time, the theoretical arrival time.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

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
