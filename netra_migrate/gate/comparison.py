"""Decides for every figure whether it became worse. Pure; takes series however they were got."""

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import assert_never

from netra_migrate.configuration import Performance
from netra_migrate.domain.outcomes import MigrationError
from netra_migrate.domain.performance import Comparison, GateReport, Judgement, MachineClass
from netra_migrate.gate.ranks import Estimate, fewest, hodges_lehmann, holm, p_greater, rank_biserial

Series = Mapping[str, Sequence[float]]
LEVEL = 0.01
"""One false alarm in a hundred at most, over all figures together; the interval makes it far fewer."""
CONFIDENCE = 0.95


def compare(
    performance: Performance,
    baseline: Series,
    candidate: Series,
    *,
    machine: MachineClass,
) -> GateReport:
    """Compare series pair by pair: the first value of a figure with the first, and so on.

    A loss counts when it is more than chance (corrected p below `LEVEL`) and more than small (the whole
    interval beyond `worse_by`). Outliers stay: ranks bound what one of them can do.

    Raises:
        MigrationError: the two sides have different figures, or different numbers of values.
    """
    _check(baseline, candidate)
    names = sorted(baseline)
    losses = {name: _losses(performance, name, baseline[name], candidate[name]) for name in names}
    chances = [p_greater(losses[name] or ()) for name in names]
    comparisons = tuple(
        _compare(
            name,
            baseline[name],
            candidate[name],
            losses=losses[name],
            chance=(chance, corrected),
            enough=len(baseline[name]) >= fewest(LEVEL, len(names)),
            worse_by=performance.worse_by,
        )
        for name, chance, corrected in zip(names, chances, holm(chances), strict=True)
    )
    return GateReport(machine=machine, level=LEVEL, worse_by=performance.worse_by, comparisons=comparisons)


def _check(baseline: Series, candidate: Series) -> None:
    if not baseline:
        raise MigrationError(
            "performance.command: it printed no figure; it must print one JSON object of numbers."
        )
    if odd := sorted(set(baseline) ^ set(candidate)):
        raise MigrationError(f"The figure {odd[0]!r} is measured on one side only; print it on both.")
    for name, values in baseline.items():
        if len(values) != len(candidate[name]):
            raise MigrationError(
                f"The figure {name!r} has {len(values)} values before and {len(candidate[name])} now; "
                "measure as many pairs as the recording has."
            )


def _losses(
    performance: Performance, name: str, baseline: Sequence[float], candidate: Sequence[float]
) -> list[float] | None:
    """Logarithms of how many times worse each pair is; None where a ratio has no meaning."""
    direction = 1 if performance.lower_is_better.get(name, True) else -1
    losses = []
    for before, now in zip(baseline, candidate, strict=True):
        if before == now:
            losses.append(0.0)
        elif before <= 0 or now <= 0:
            return None
        else:
            losses.append(direction * math.log(now / before))
    return losses


def _compare(
    name: str,
    baseline: Sequence[float],
    candidate: Sequence[float],
    *,
    losses: list[float] | None,
    chance: tuple[float, float],
    enough: bool,
    worse_by: float,
) -> Comparison:
    loss = Estimate(*map(math.exp, hodges_lehmann(losses or (0.0,), confidence=CONFIDENCE)))
    judgement = _judge(losses is not None, enough, chance[1], loss, worse_by)
    return Comparison(
        figure=name,
        pairs=len(baseline),
        baseline=median(baseline),
        candidate=median(candidate),
        ratio=loss.centre,
        low=loss.low,
        high=loss.high,
        p=chance[0],
        corrected=chance[1],
        effect=rank_biserial(losses or ()),
        judgement=judgement,
        sentence=_sentence(name, judgement, loss, chance[1], len(baseline)),
    )


def _judge(comparable: bool, enough: bool, corrected: float, loss: Estimate, worse_by: float) -> Judgement:
    if not comparable:
        return Judgement.INCOMPARABLE
    if not enough:
        return Judgement.TOO_FEW
    if corrected < LEVEL and loss.low > 1 + worse_by:
        return Judgement.REGRESSION
    return Judgement.BETTER if loss.high < 1 else Judgement.SAME


def _sentence(name: str, judgement: Judgement, estimate: Estimate, corrected: float, pairs: int) -> str:
    loss = (
        f"{estimate.centre - 1:+.1%} (95 % interval {estimate.low - 1:+.1%} to {estimate.high - 1:+.1%}, "
        f"p {corrected:.2g}, {pairs} pairs)"
    )
    match judgement:
        case Judgement.SAME:
            return f"{name}: no regression shown, {loss}."
        case Judgement.BETTER:
            return f"{name}: better, {loss}."
        case Judgement.REGRESSION:
            return f"{name}: worse, {loss}."
        case Judgement.TOO_FEW:
            return f"{name}: {pairs} pairs can show nothing at this level; set performance.pairs higher."
        case Judgement.INCOMPARABLE:
            return f"{name}: zero or less on one side, so that there is no ratio; print a figure above zero."
    assert_never(judgement)
