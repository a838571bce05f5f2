"""Paired measurements for the performance gate of the migration kit. Holds no test, and no fixed time."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from netra_migrate.configuration import Performance
from netra_migrate.domain.performance import GateReport, Recording
from netra_migrate.gate.measuring import gate_recorded, machine_class

Figures = Mapping[str, float]
Measure = Callable[[], Awaitable[Figures]]
"""Does a piece of work once; what it took, by name."""


async def seconds(work: Callable[[], Awaitable[object]]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def paired(sides: Sequence[Measure], *, pairs: int) -> list[Recording]:
    """Measure all sides by turns, forward and back, after a round that only warms up.

    Turns cancel what drifts: a machine that gets busier hits all sides alike.
    """
    taken: list[list[Figures]] = [[] for _ in sides]
    for turn in range(pairs + 1):
        order = range(len(sides)) if turn % 2 else range(len(sides) - 1, -1, -1)
        for side in order:
            figures = await sides[side]()
            if turn:
                taken[side].append(figures)
    return [
        Recording(
            machine=machine_class(), series={name: tuple(each[name] for each in runs) for name in runs[0]}
        )
        for runs in taken
    ]


def judged(baseline: Recording, candidate: Recording, *, worse_by: float = 0.05) -> GateReport:
    """What the kit's gate says of the two."""
    performance = Performance(command=("tests.e2e",), worse_by=worse_by)
    return gate_recorded(performance, baseline=baseline, candidate=candidate)
