"""The plan of a campaign is a pure function of its order, and leaves nothing out."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from netra_backend.chaos.command import FIXED_SEED
from netra_backend.chaos.plan import KILLS, KINDS, Order, make_plan

LONG = Order(seed=3, seconds=1800)
FIXED = [
    (4.2, "kill-gateway", 1, 2.1),
    (10.8, "term-gateway", 1, 0.6),
    (16.3, "clients-half-open", 0, 7.4),
    (24.7, "kill-worker", 1, 1.5),
    (32.2, "postgres-cut", 0, 0.0),
    (38.3, "postgres-killed", 0, 2.9),
    (44.2, "kill-worker", 1, 2.1),
    (51.1, "valkey-killed", 0, 0.8),
    (57.9, "valkey-emptied", 0, 0.0),
]


def test_the_same_order_gives_the_same_plan() -> None:
    """Seed for seed, and another one for another seed."""
    assert make_plan(LONG) == make_plan(replace(LONG, seed=3))
    assert make_plan(LONG) != make_plan(replace(LONG, seed=4))


def test_the_fixed_seed_is_the_same_on_every_machine() -> None:
    """Written down: a change of it changes what everybody compares."""
    shown = [(step.at, step.kind, step.target, step.hold_s) for step in make_plan(Order(seed=FIXED_SEED))]
    assert shown == FIXED


def test_a_longer_plan_begins_like_a_shorter_one() -> None:
    """A campaign may be lengthened to see what comes after."""
    short = make_plan(Order(seed=9, seconds=100))
    assert make_plan(Order(seed=9, seconds=1000))[: len(short)] == short


def test_every_kind_occurs_and_there_is_a_kill_every_period() -> None:
    """In half an hour: all kinds, workers and gateways in equal parts."""
    plan = make_plan(LONG)
    counts = Counter(step.kind for step in plan)
    assert set(counts) == set(KINDS)
    kills = [step for step in plan if step.kind in KILLS]
    assert len(kills) == 90
    assert counts["kill-worker"] == counts["kill-gateway"] == 45
    gaps = [later.at - earlier.at for earlier, later in pairwise(kills)]
    assert 15 < min(gaps) <= max(gaps) < 25
    assert [step.at for step in plan] == sorted(step.at for step in plan)
    assert plan[-1].at < 1800


def test_only_the_kinds_that_are_wanted() -> None:
    """Kills alone, others alone."""
    assert {step.kind for step in make_plan(replace(LONG, kinds=["kill-worker"]))} == {"kill-worker"}
    assert {step.kind for step in make_plan(replace(LONG, kinds=["valkey-away"]))} == {"valkey-away"}


@pytest.mark.parametrize("seed", range(20))
def test_one_of_two_is_left(seed: int) -> None:
    """While a worker is out no other one is taken away, or nobody would be left; the same for gateways."""
    for role in ("worker", "gateway"):
        steps = [step for step in make_plan(replace(LONG, seed=seed)) if step.kind.endswith(f"-{role}")]
        assert {step.target for step in steps} == {0, 1}
        for earlier, later in pairwise(steps):
            assert later.target == earlier.target or later.at > earlier.at + earlier.hold_s


def test_some_pauses_outlast_the_lease() -> None:
    """So that another worker takes the runs, and then the first one wakes."""
    pauses = [step.hold_s for step in make_plan(LONG) if step.kind == "pause-worker"]
    assert any(hold > LONG.lease_s for hold in pauses)
    assert any(hold < LONG.lease_s for hold in pauses)
