"""The steps of durable events through this process, in a ring: produced, stored, published, written.

A step is one tuple appended to a bounded deque; everything that costs time is done by who asks.
Holds numbers and ids, never a payload. Losing it costs an operator's look, nothing else.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

Stage: TypeAlias = Literal["produced", "stored", "published", "written"]
OwnerKey: TypeAlias = tuple[str, str]
"""Tenant and user, whose numbers count for themselves."""


class Step(NamedTuple):
    """Events `first` to `last` of an owner reached a stage at `at`, in seconds since 1970.

    `where` is the connection for `written`, else empty.
    """

    stage: Stage
    owner: OwnerKey
    first: int
    last: int
    at: float
    where: str


class Trace:
    """A process's memory of steps; the oldest go first.

    Args:
        now: seconds since 1970, so that the steps of several processes can be put in one table.
        entries: steps remembered; 0 switches the trace off.
    """

    __slots__ = ("_steps", "now")

    def __init__(self, now: Callable[[], float], *, entries: int) -> None:
        self.now = now
        self._steps: deque[tuple[Stage, OwnerKey, int, int, float | Sequence[float], str]] = deque(
            maxlen=entries
        )

    def note(self, stage: Stage, owner: OwnerKey, first: int, last: int, where: str = "") -> None:
        """Events `first` to `last` have reached `stage` now."""
        self._steps.append((stage, owner, first, last, self.now(), where))

    def produced(self, owner: OwnerKey, first: int, times: Sequence[float]) -> None:
        """An agent had reported the events from `first` on at these times, before they had numbers."""
        self._steps.append(("produced", owner, first, first + len(times) - 1, times, ""))

    def steps(self, owner: OwnerKey, first: int, last: int) -> Iterator[Step]:
        """What is remembered of an owner's events `first` to `last`, in the order of its happening."""
        for stage, whose, start, end, at, where in tuple(self._steps):
            if whose != owner or end < first or start > last:
                continue
            if isinstance(at, float):
                yield Step(stage, whose, start, end, at, where)
            else:
                for seq, time in enumerate(at, start):
                    if first <= seq <= last:
                        yield Step(stage, whose, seq, seq, time, where)


def _never() -> float:
    return 0.0


OFF = Trace(_never, entries=0)
"""Remembers nothing."""
