"""The statistics against published tables and against counting every case."""

import itertools
import math
import random  # noqa: TID251 - seeded; the subject is chance itself
from statistics import median

import pytest

from netra_migrate.gate.ranks import (
    fewest,
    hodges_lehmann,
    holm,
    p_greater,
    p_two_sided,
    rank_biserial,
    signed_ranks,
)


@pytest.mark.parametrize(
    ("count", "critical", "level"),
    # one-sided critical values of Wilcoxon's T, as every textbook has them (5 %, 2.5 %, 1 %, 0.5 %)
    [
        (5, 0, 0.05), (6, 2, 0.05), (10, 10, 0.05), (20, 60, 0.05), (25, 100, 0.05), (30, 151, 0.05),
        (6, 0, 0.025), (10, 8, 0.025), (15, 25, 0.025), (20, 52, 0.025), (30, 137, 0.025),
        (7, 0, 0.01), (10, 5, 0.01), (20, 43, 0.01), (30, 120, 0.01),
        (8, 0, 0.005), (10, 3, 0.005), (20, 37, 0.005), (30, 109, 0.005),
    ],
)  # fmt: skip
def test_critical_values_are_the_published_ones(count: int, critical: int, level: float) -> None:
    """A rank sum at the critical value is below the level, and one more is not."""
    assert p_greater(_with_negative_ranks(count, critical)) <= level
    assert p_greater(_with_negative_ranks(count, critical + 1)) > level


def _with_negative_ranks(count: int, total: int) -> list[float]:
    """1 … count, of which those adding up to `total` are negative."""
    signs = [1] * count
    for rank in range(count, 0, -1):
        if rank <= total:
            signs[rank - 1], total = -1, total - rank
    assert total == 0
    return [float(rank * sign) for rank, sign in enumerate(signs, 1)]


@pytest.mark.parametrize("seed", range(20))
def test_p_is_the_share_of_all_sign_patterns_also_with_ties_and_zeros(seed: int) -> None:
    """The exact p equals counting every pattern of signs by hand."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    differences = [float(chance.randint(-4, 6)) for _ in range(10)]
    ranks, positive = signed_ranks(differences)
    sums = [sum(itertools.compress(ranks, bits)) for bits in itertools.product((0, 1), repeat=len(ranks))]
    assert p_greater(differences) == pytest.approx(sum(each >= positive for each in sums) / len(sums))
    extreme = max(positive, sum(ranks) - positive)
    both = sum(each >= extreme or each <= sum(ranks) - extreme for each in sums) / len(sums)
    assert p_two_sided(differences) == pytest.approx(both)


def test_midranks_and_effect_of_a_known_case() -> None:
    """Ties share their mean rank (kept twice as large), zeros have none, and the effect is their balance."""
    assert signed_ranks([0.0, 1.0, -1.0, 3.0]) == ((3, 3, 6), 9)
    assert rank_biserial([0.0, 1.0, -1.0, 3.0]) == pytest.approx(0.5)
    assert rank_biserial([1.0, 2.0]) == 1.0
    assert rank_biserial([-1.0, -2.0]) == -1.0
    assert rank_biserial([0.0]) == 0.0


def test_no_difference_at_all_is_no_finding() -> None:
    """Equal series have p 1 and an interval of one point."""
    assert p_greater([0.0] * 20) == 1.0
    assert p_two_sided([0.0] * 20) == 1.0
    assert hodges_lehmann([0.0] * 20, confidence=0.95) == (0.0, 0.0, 0.0)


def test_interval_holds_exactly_the_centres_that_the_test_does_not_reject() -> None:
    """Inside the interval the two-sided test has p above 5 %, just outside it has less."""
    chance = random.Random(7)  # noqa: S311 - not for secrets
    differences = [chance.gauss(0.3, 1.0) for _ in range(12)]
    centre, low, high = hodges_lehmann(differences, confidence=0.95)
    assert low < centre < high
    for shift, rejected in (
        (low + 1e-9, False),
        (high - 1e-9, False),
        (low - 1e-9, True),
        (high + 1e-9, True),
    ):
        assert (p_two_sided([each - shift for each in differences]) <= 0.05) is rejected


def test_estimate_is_the_median_of_the_pairwise_means() -> None:
    """One wild value moves it little."""
    differences = [1.0, 2.0, 3.0, 1000.0]
    pairs = itertools.combinations_with_replacement(differences, 2)
    assert hodges_lehmann(differences, confidence=0.95).centre == median(sum(pair) / 2 for pair in pairs)


def test_holm_corrects_each_in_its_place() -> None:
    """Smallest times three, next times two, and never below one before it."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_fewest_pairs_is_where_all_worse_is_below_the_level() -> None:
    """One half to the power of the pairs, times the number of figures."""
    assert fewest(0.01, 1) == 7
    assert p_greater([1.0] * 7) < 0.01 < p_greater([1.0] * 6)
    assert fewest(0.01, 10) == 10


def test_two_hundred_pairs_are_exact_too() -> None:
    """The largest sizes that anyone measures agree with the normal curve, and take no noticeable time."""
    differences = _with_negative_ranks(200, 8500)
    deviation = math.sqrt(200 * 201 * 401 / 24)
    normal = 0.5 * math.erfc((200 * 201 / 4 - 8500 - 0.5) / deviation / math.sqrt(2))
    assert p_greater(differences) == pytest.approx(normal, rel=0.02)
