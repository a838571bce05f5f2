"""Whether the memory of processes stays flat (I6), from samples that somebody else took."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

from netra_backend.chaos.verdict import Violation

FEWEST = 9
"""Samples after warm-up that medians of thirds need to mean anything."""


@dataclass(slots=True, kw_only=True)
class MemorySeries:
    """Resident memory of one process; `rss` holds bytes, at equal distances in time."""

    process: str
    rss: list[int] = field(default_factory=list)


def growth(series: MemorySeries, *, warm_up: float = 0.2) -> float:
    """Growth in per cent from the median of the first third to that of the last, after warm-up.

    Medians, for a single peak (a storm, a vacuum) is not growth.

    Args:
        series: the samples.
        warm_up: the part of the samples, from the first on, that does not count.

    Raises:
        ValueError: there are too few samples to tell.
    """
    counted = series.rss[int(len(series.rss) * warm_up) :]
    if len(counted) < FEWEST:
        raise ValueError(
            f"{series.process}: take at least {FEWEST} samples after warm-up, not {len(counted)}."
        )
    third = len(counted) // 3
    first, last = statistics.median(counted[:third]), statistics.median(counted[-third:])
    return (last / first - 1) * 100


def check_memory(
    processes: Iterable[MemorySeries], *, within_percent: float = 5.0, warm_up: float = 0.2
) -> list[Violation]:
    """I6: no process grew by more than `within_percent`."""
    found = []
    for series in processes:
        percent = growth(series, warm_up=warm_up)
        if percent > within_percent:
            evidence = f"{series.process} grew by {percent:.1f} %, allowed are {within_percent:g} %"
            found.append(Violation("I6", "wrong", series.process, evidence))
    return found
