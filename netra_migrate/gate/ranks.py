"""Rank statistics of paired differences, exact. Pure functions.

No normal approximation, and no assumption about the noise beyond its symmetry.
Wilcoxon, "Individual comparisons by ranking methods" (1945); Hodges and Lehmann (1963) for the estimate
and its interval.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from statistics import median
from typing import NamedTuple


class SignedRanks(NamedTuple):
    """Twice the ranks, so that midranks of ties are whole numbers: of all, and the sum of the positive."""

    ranks: tuple[int, ...]
    positive: int


class Estimate(NamedTuple):
    """Centre of the differences, and the interval that holds it with the confidence asked for."""

    centre: float
    low: float
    high: float


def signed_ranks(differences: Sequence[float]) -> SignedRanks:
    """Rank the sizes of all differences that are not 0, ties at their mean rank."""
    ordered = sorted((each for each in differences if each), key=abs)
    ranks: list[int] = []
    positive = 0
    for _, group in groupby(ordered, key=abs):
        tied = list(group)
        twice = 2 * len(ranks) + len(tied) + 1
        positive += twice * sum(each > 0 for each in tied)
        ranks += [twice] * len(tied)
    return SignedRanks(tuple(ranks), positive)


def p_greater(differences: Sequence[float]) -> float:
    """Chance of a sum of positive ranks as high as this or higher, if every sign were a coin toss.

    Exact also with ties; differences of 0 are left out, as Wilcoxon did. 1.0 without any other.
    """
    ranks, positive = signed_ranks(differences)
    return _share(ranks, positive)


def p_two_sided(differences: Sequence[float]) -> float:
    """The same for a change in either direction."""
    ranks, positive = signed_ranks(differences)
    extreme = max(positive, sum(ranks) - positive)
    return min(1.0, 2 * _share(ranks, extreme))


def rank_biserial(differences: Sequence[float]) -> float:
    """Share of the rank sum that is positive less the share that is negative, from -1 to 1."""
    ranks, positive = signed_ranks(differences)
    return (2 * positive - sum(ranks)) / sum(ranks) if ranks else 0.0


def hodges_lehmann(differences: Sequence[float], *, confidence: float) -> Estimate:
    """Median of the Walsh averages, and the interval got by turning the signed-rank test round.

    The interval is as wide as there is when the pairs are too few for `confidence`; see `fewest`.
    """
    count = len(differences)
    walsh = sorted((differences[i] + differences[j]) / 2 for i in range(count) for j in range(i, count))
    tail = Fraction(1 - confidence) / 2 * 2**count
    below, cut = 0, 0
    for index, patterns in enumerate(_counts(tuple(range(1, count + 1)))[: len(walsh) // 2]):
        below += patterns
        if below > tail:
            break
        cut = index
    return Estimate(median(walsh), walsh[cut], walsh[-1 - cut])


def holm(values: Sequence[float]) -> list[float]:
    """Correct several p values for there being several, in their own order."""
    order = sorted(range(len(values)), key=values.__getitem__)
    corrected = [0.0] * len(values)
    highest = 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - place) * values[index]))
        corrected[index] = highest
    return corrected


def fewest(level: float, figures: int) -> int:
    """The least number of pairs with which all pairs being worse is below `level`, after Holm."""
    pairs = 1
    while figures / 2**pairs >= level:
        pairs += 1
    return pairs


def _share(ranks: tuple[int, ...], start: int) -> float:
    return float(Fraction(sum(_counts(ranks)[start:]), 2 ** len(ranks)))


def _counts(ranks: tuple[int, ...]) -> list[int]:
    """How many of the 2**n sign patterns have each rank sum, from 0.

    The coefficients of the product of (1 + x**rank), kept side by side in one big integer: n additions
    instead of a table. None exceeds 2**n, so that none runs into its neighbour.
    """
    size = len(ranks) // 8 + 1
    packed = 1
    for rank in ranks:
        packed += packed << 8 * size * rank
    raw = packed.to_bytes(size * (sum(ranks) + 1), "little")
    return [int.from_bytes(raw[at : at + size], "little") for at in range(0, len(raw), size)]
