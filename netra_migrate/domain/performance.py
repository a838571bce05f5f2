"""What the performance gate measures and says. Values only; figures are in whatever unit the command prints."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Judgement(StrEnum):
    """What the series of one figure show."""

    SAME = "same"
    """No regression is shown; that is not a proof that there is none."""
    BETTER = "better"
    """The whole interval lies on the good side."""
    REGRESSION = "regression"
    TOO_FEW = "too-few-pairs"
    """With so few pairs no result at all could reach the level."""
    INCOMPARABLE = "incomparable"
    """Zero or below on one side only: there is no ratio."""


class MachineClass(msgspec.Struct, frozen=True, kw_only=True):
    """What makes two runs comparable: same processor, same number of cores, same Python."""

    cpu: str
    cores: int
    python: str


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """Series measured earlier, figure to values in the order of the runs, and where."""

    machine: MachineClass
    series: Mapping[str, tuple[float, ...]]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One figure, before against now.

    Attributes:
        baseline, candidate: medians, as printed by the command.
        ratio: Hodges-Lehmann estimate of how many times worse: 1 is alike, 1.2 is 20 % worse, whatever
            direction is the good one; `low` and `high` bound it with 95 % confidence.
        p: of the exact one-sided Wilcoxon signed-rank test that it became worse; `corrected` after Holm.
        effect: matched-pairs rank-biserial correlation, -1 (always better) to 1 (always worse).
        sentence: the same for people.
    """

    figure: str
    pairs: int
    baseline: float
    candidate: float
    ratio: float
    low: float
    high: float
    p: float
    corrected: float
    effect: float
    judgement: Judgement
    sentence: str


class GateReport(msgspec.Struct, frozen=True, kw_only=True):
    """All figures. `level`: the corrected p below which a loss is more than chance."""

    machine: MachineClass
    level: float
    worse_by: float
    comparisons: tuple[Comparison, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing became worse; a gate that could not have failed has not passed."""
        return bool(self.comparisons) and all(
            each.judgement in (Judgement.SAME, Judgement.BETTER) for each in self.comparisons
        )
