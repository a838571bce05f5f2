"""The verdict of the gate, on series whose truth is known because they were made here."""

import math
import random  # noqa: TID251 - seeded; the subject is chance itself

import pytest

from netra_migrate.configuration import Performance
from netra_migrate.domain.outcomes import MigrationError
from netra_migrate.domain.performance import Comparison, GateReport, Judgement, MachineClass
from netra_migrate.gate.comparison import compare

MACHINE = MachineClass(cpu="test", cores=2, python="3.11.0")
PERFORMANCE = Performance(command=("true",), lower_is_better={"rate": False})


def _noisy(chance: random.Random, *, factor: float = 1.0, pairs: int = 20) -> tuple[list[float], list[float]]:
    """Two series as machines give them: drift common to a pair, 4 % noise, and one run in twenty far off."""
    before, now = [], []
    for _ in range(pairs):
        drift = 100 * math.exp(chance.gauss(0, 0.15))
        before.append(drift * _noise(chance))
        now.append(drift * factor * _noise(chance))
    return before, now


def _noise(chance: random.Random) -> float:
    hiccup = chance.expovariate(2) if chance.random() < 0.05 else 0.0
    return math.exp(chance.gauss(0, 0.04) + hiccup)


def _only(report: GateReport) -> Comparison:
    (comparison,) = report.comparisons
    return comparison


def test_no_change_is_a_regression_in_less_than_two_of_a_hundred() -> None:
    """False alarms over 500 simulated nights of four figures each."""
    chance = random.Random(1)  # noqa: S311 - not for secrets
    alarms = 0
    for _ in range(500):
        pairs = [_noisy(chance) for _ in range(4)]
        before = {f"figure{index}": pair[0] for index, pair in enumerate(pairs)}
        now = {f"figure{index}": pair[1] for index, pair in enumerate(pairs)}
        alarms += not compare(PERFORMANCE, before, now, machine=MACHINE).passed
    assert alarms < 10


def test_a_planted_fifth_is_found_in_more_than_95_of_a_hundred() -> None:
    """Power with 20 pairs against 20 % under heavy-tailed noise."""
    chance = random.Random(2)  # noqa: S311 - not for secrets
    found = 0
    for _ in range(300):
        before, now = _noisy(chance, factor=1.2)
        found += not compare(PERFORMANCE, {"ms": before}, {"ms": now}, machine=MACHINE).passed
    assert found > 285


def test_interval_holds_the_truth_as_often_as_it_says() -> None:
    """95 % of the intervals over simulated nights hold the planted ratio."""
    chance = random.Random(3)  # noqa: S311 - not for secrets
    held = 0
    for _ in range(400):
        before, now = _noisy(chance, factor=1.1)
        each = _only(compare(PERFORMANCE, {"ms": before}, {"ms": now}, machine=MACHINE))
        held += each.low <= 1.1 <= each.high
    assert held >= 0.92 * 400


def test_a_sure_loss_that_is_small_is_no_regression() -> None:
    """3 % worse in every single pair is below `worse_by`, however small p is."""
    before = [100.0 + index for index in range(20)]
    each = _only(
        compare(PERFORMANCE, {"ms": before}, {"ms": [1.03 * value for value in before]}, machine=MACHINE)
    )
    assert each.corrected < 0.01
    assert each.judgement is Judgement.SAME
    assert each.ratio == pytest.approx(1.03)


def test_a_large_loss_that_may_be_chance_is_no_regression() -> None:
    """The interval lies beyond `worse_by`, but 3 of 256 sign patterns are as bad: p is above 1 %."""
    losses = [-0.2, 0.1, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    each = _only(
        compare(PERFORMANCE, {"ms": [1.0] * 8}, {"ms": [math.exp(loss) for loss in losses]}, machine=MACHINE)
    )
    assert each.low > 1.05
    assert each.corrected == pytest.approx(3 / 256)
    assert each.judgement is Judgement.SAME


def test_direction_is_the_figures_own() -> None:
    """A rate that falls by a third is worse, a time that falls by a third is better."""
    before = {"rate": [90.0 + index for index in range(10)], "ms": [90.0 + index for index in range(10)]}
    now = {name: [value / 1.5 for value in values] for name, values in before.items()}
    time, rate = compare(PERFORMANCE, before, now, machine=MACHINE).comparisons
    assert (time.judgement, rate.judgement) == (Judgement.BETTER, Judgement.REGRESSION)
    assert rate.ratio == pytest.approx(1.5)
    assert (time.effect, rate.effect) == (-1.0, 1.0)
    assert rate.sentence == "rate: worse, +50.0% (95 % interval +50.0% to +50.0%, p 0.002, 10 pairs)."


def test_one_outlier_decides_nothing() -> None:
    """A single pair a hundred times worse is no regression, and is not thrown away either."""
    before = [100.0 + index for index in range(20)]
    now = [value * 1.001 for value in before[:-1]] + [before[-1] * 100]
    each = _only(compare(PERFORMANCE, {"ms": before}, {"ms": now}, machine=MACHINE))
    assert (each.judgement, each.pairs) == (Judgement.SAME, 20)


@pytest.mark.parametrize(("pairs", "judgement"), [(6, Judgement.TOO_FEW), (7, Judgement.REGRESSION)])
def test_too_few_pairs_pass_nothing(pairs: int, judgement: Judgement) -> None:
    """Six pairs cannot reach p < 0.01 and say so; seven can."""
    report = compare(PERFORMANCE, {"ms": [1.0] * pairs}, {"ms": [2.0] * pairs}, machine=MACHINE)
    assert (_only(report).judgement, report.passed) == (judgement, False)


def test_from_none_to_some_is_incomparable_and_does_not_pass() -> None:
    """Errors that were 0 and are 5 have no ratio; errors that stay 0 are the same."""
    report = compare(PERFORMANCE, {"errors": [0.0] * 8}, {"errors": [0.0] * 7 + [5.0]}, machine=MACHINE)
    assert (_only(report).judgement, report.passed) == (Judgement.INCOMPARABLE, False)
    report = compare(PERFORMANCE, {"errors": [0.0] * 8}, {"errors": [0.0] * 8}, machine=MACHINE)
    assert (_only(report).judgement, report.passed) == (Judgement.SAME, True)


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({}, {}, "no figure"),
        ({"ms": [1.0]}, {"s": [1.0]}, "'ms' is measured on one side only"),
        ({"ms": [1.0]}, {"ms": [1.0, 2.0]}, "1 values before and 2 now"),
    ],
)
def test_series_that_do_not_fit_are_refused(
    before: dict[str, list[float]], now: dict[str, list[float]], words: str
) -> None:
    """With a sentence that names the figure."""
    with pytest.raises(MigrationError, match=words):
        compare(PERFORMANCE, before, now, machine=MACHINE)
