"""Percentiles of measured durations. Nothing is interpolated: a percentile is a value that was measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all values do not exceed (nearest rank).

    Args:
        ordered: the values, ascending.
        percent: above 0 and up to 100.

    Raises:
        ValueError: there are no values, or `percent` is out of range.
    """
    if not ordered or not 0 < percent <= 100:
        raise ValueError("A percentile needs values and a percent above 0 and up to 100.")
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]


@dataclass(frozen=True, slots=True)
class Spread:
    """How durations spread, in milliseconds."""

    count: int
    p50: float
    p99: float
    worst: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        """The spread of durations given in seconds, in any order."""
        ordered = sorted(seconds)
        p50, p99, worst = (percentile(ordered, percent) * 1000 for percent in (50, 99, 100))
        return cls(len(ordered), p50, p99, worst)
