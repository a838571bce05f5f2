"""How long to wait before the next attempt to connect: full jitter, base 0.5 s, cap 30 s.

No clock and no sleeping here. Full jitter, because a restarted gateway meets all its clients at once.
"""

from collections.abc import Callable

BASE_S = 0.5
CAP_S = 30.0
# 0.5 s doubled six times is past the cap; counting further would only make huge numbers.
_MOST_DOUBLINGS = 6


class Backoff:
    """Delays of consecutive failures, in seconds.

    Args:
        random: returns a number in [0, 1).
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self.failures = 0

    def next_delay(self) -> float:
        """Return a random delay below `min(cap, base * 2 ** failures)` and count one failure."""
        ceiling = min(CAP_S, BASE_S * 2.0 ** min(self.failures, _MOST_DOUBLINGS))
        self.failures += 1
        return self._random() * ceiling

    def reset(self) -> None:
        """Forget the failures: a connection has proven good."""
        self.failures = 0
