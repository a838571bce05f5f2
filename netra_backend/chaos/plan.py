"""Which fault comes when, for how long, and to whom: a pure function of a seed. Breaks nothing itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random  # noqa: TID251 - seeded by the caller
from typing import Final, NamedTuple

KILLS: Final = ("kill-worker", "kill-gateway")
"""One of these each period, in turn: the run that is promised has a kill every 20 s."""

HOLDS: Final = {
    "kill-worker": (0.5, 3.0),
    "kill-gateway": (0.5, 3.0),
    "term-worker": (0.0, 1.0),
    "term-gateway": (0.0, 1.0),
    "pause-worker": (2.0, 5.0),
    "pause-gateway": (2.0, 8.0),
    "valkey-emptied": (0.0, 0.0),
    "valkey-killed": (0.5, 4.0),
    "valkey-away": (3.0, 8.0),
    "postgres-killed": (0.2, 3.0),
    "postgres-slow": (3.0, 8.0),
    "postgres-cut": (0.0, 0.0),
    "clients-cut": (0.0, 0.0),
    "clients-half-open": (4.0, 10.0),
    "clients-slow": (4.0, 10.0),
}
"""Every kind of fault, and the seconds from fault to heal. Something that was killed is started again then."""

KINDS: Final = tuple(HOLDS)
KILL_PLACE, OTHER_PLACES = 0.25, (0.55, 0.85)
"""Where in its period the kill stands, and where the other faults."""
JITTER = 0.08
"""Part of a period by which a fault may come early or late."""
LONGEST_HOLD = 0.4
"""Part of a period that a fault lasts at most, so that faults meet, but do not all add up."""
LONG_PAUSES = 0.3
"""Part of the pauses of workers that outlast the lease: another worker takes the runs, and then it wakes."""
BACK_S = 6.0
"""Seconds after a heal until a process is taken to be of use again."""


class Step(NamedTuple):
    """One fault.

    Attributes:
        at: seconds from the beginning.
        kind: one of `KINDS`.
        target: index of the worker or gateway; 0 where there is no choice.
        hold_s: seconds until it is healed.
    """

    at: float
    kind: str
    target: int
    hold_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a plan is made from.

    Attributes:
        seconds: how long faults are made.
        every: seconds of one period: one kill and two other faults.
        kinds: the kinds that are wanted.
        lease_s: the lease of runs.
    """

    seed: int
    seconds: float = 60.0
    every: float = 20.0
    gateways: int = 2
    workers: int = 2
    kinds: Sequence[str] = KINDS
    lease_s: float = 15.0


def make_plan(order: Order) -> Sequence[Step]:
    """All faults in order of time; the same for the same order, on every machine."""
    chance = Random(f"chaos {order.seed}")  # noqa: S311 - no secret
    kills = _bag(chance, [kind for kind in KILLS if kind in order.kinds])
    others = _bag(chance, [kind for kind in KINDS if kind in order.kinds and kind not in KILLS])
    steps: list[Step] = []
    for period in range(int(order.seconds / order.every) + 1):
        for place, bag in ((KILL_PLACE, kills), *((place, others) for place in OTHER_PLACES)):
            at = order.every * (period + place + chance.uniform(-JITTER, JITTER))
            kind = next(bag, None)
            if kind is not None and at < order.seconds:
                steps.append(_step(chance, order, steps, kind=kind, at=round(at, 1)))
    return steps


def _bag(chance: Random, kinds: Sequence[str]) -> Iterator[str]:
    """All kinds in a shuffled order, and again in another one."""
    while kinds:
        yield from chance.sample(kinds, len(kinds))


def _step(chance: Random, order: Order, steps: Sequence[Step], *, kind: str, at: float) -> Step:
    low, high = HOLDS[kind]
    hold = min(chance.uniform(low, high), order.every * LONGEST_HOLD)
    if kind == "pause-worker" and chance.random() < LONG_PAUSES:
        hold = order.lease_s + chance.uniform(1.0, 4.0)
    target = chance.randrange(_choice(order, kind))
    for earlier in steps:
        # The one that is out already: with nobody left to take over, there is no recovery to speak of.
        if _role(kind) and _role(earlier.kind) == _role(kind) and earlier.at + earlier.hold_s + BACK_S > at:
            target = earlier.target
    return Step(at, kind, target, round(hold, 1))


def _role(kind: str) -> str:
    """Which kind of process it takes away; empty if none."""
    role = kind.rpartition("-")[2]
    return role if role in ("worker", "gateway") else ""


def _choice(order: Order, kind: str) -> int:
    """How many targets there are to choose from."""
    if kind == "clients-cut":
        return order.gateways
    return {"worker": order.workers, "gateway": order.gateways}.get(_role(kind), 1)
