"""Plays schedules: one seed in, a verdict out; a failing one is made smaller and can be told."""

import contextlib
import warnings
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from netra_backend.testing.simulation.checks import complaints
from netra_backend.testing.simulation.parts import Parts
from netra_backend.testing.simulation.plan import Plan, draw
from netra_backend.testing.simulation.world import World

COMMAND = "python -m netra_backend.testing.simulation"
TAIL = 40
"""Lines of the trace that a report shows."""

SWALLOWED = frozenset({"handler_failed", "run_crashed", "claim_failed"})
"""What the code under test logs of an error that it did not foresee."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a schedule; `trace` is empty unless it was asked for."""

    plan: Plan
    complaints: tuple[str, ...]
    trace: tuple[str, ...]
    steps: int


def play(plan: Plan, parts: Parts | None = None, *, trace: bool = False) -> Verdict:
    """Play one schedule."""
    world = World(plan, parts or Parts(), trace=trace)
    with warnings.catch_warnings():
        # Tasks that are cancelled before their first step leave a coroutine that never began.
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        try:
            with _logs_heard(world.complaints):
                found = complaints(world.play())
        finally:
            world.loop.bury()
    return Verdict(plan=plan, complaints=tuple(found), trace=tuple(world.trace or ()), steps=world.loop.steps)


def first_failure(first_seed: int, count: int, parts: Parts | None = None) -> Verdict | None:
    """Play `count` seeds in order until one fails."""
    for seed in range(first_seed, first_seed + count):
        verdict = play(draw(seed), parts)
        if verdict.complaints:
            return verdict
    return None


def shrink(verdict: Verdict, parts: Parts | None = None) -> Verdict:
    """The same failure with fewer faults and deeds: each is left out that it does not need."""
    smaller = _without(_without(verdict, "faults", parts), "deeds", parts)
    return verdict if smaller is verdict else shrink(smaller, parts)


def _without(verdict: Verdict, field: str, parts: Parts | None) -> Verdict:
    place = 0
    while place < len(getattr(verdict.plan, field)):
        kept = getattr(verdict.plan, field)
        smaller = play(replace(verdict.plan, **{field: kept[:place] + kept[place + 1 :]}), parts)
        if _kinds(smaller) & _kinds(verdict):
            verdict = smaller
        else:
            place += 1
    return verdict


def report(verdict: Verdict, parts: Parts | None = None) -> str:
    """A failing schedule for people: seed, complaints, what is left of its plan, the end of its trace."""
    small = play(shrink(verdict, parts).plan, parts, trace=True)
    seed = verdict.plan.seed
    return "\n".join(
        [
            f"Seed {seed} fails:",
            *(f"  {line}" for line in verdict.complaints),
            f"It still fails with {len(small.plan.deeds)} deeds and these faults:",
            *(f"  {fault}" for fault in small.plan.faults),
            *(f"  {line}" for line in small.complaints),
            f"The last {TAIL} lines of that trace:",
            *(f"  {line[:200]}" for line in small.trace[-TAIL:]),
            f"Run it again: {COMMAND} --seed {seed} --trace",
        ]
    )


def _kinds(verdict: Verdict) -> set[str]:
    return {line.partition(":")[0] for line in verdict.complaints}


@contextlib.contextmanager
def _logs_heard(found: list[str]) -> Iterator[None]:
    """Log nothing, but take errors that were caught and logged as complaints."""

    def hear(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if event["event"] in SWALLOWED:
            found.append(f"Unhandled: {event['event']} {event.get('type', '')} {event.get('error_id', '')}.")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[hear],
        wrapper_class=structlog.make_filtering_bound_logger(40),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)
