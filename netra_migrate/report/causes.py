"""Groups failures by what caused them: one import that broke forty tests is one line, not forty."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Something that went wrong. `place`: a test's id or `path:line`; `message`: as it was printed."""

    place: str
    message: str


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Failures of one normalised message. `example` is the first of them as it was."""

    message: str
    example: str
    count: int
    first: str
    last: str


_QUIET: Final = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,}\b", re.IGNORECASE), "<hex>"),
    (
        re.compile(r"(?<![<\w])(?:[A-Za-z]:)?(?:[\\/][\w.@+-]*\w)+[\\/]?|\b\w[\w.@+-]*(?:/\w[\w.@+-]*)+"),
        "<path>",
    ),
    (re.compile(r"(?<![\w.])-?\d+(?:[.,:]\d+)*"), "<n>"),
)
"""In this order: an id holds hexadecimal digits, a path holds numbers."""

LONGEST: Final = 240
"""Characters of a message that tell causes apart; what comes after is the values of this one case."""


def normalised(message: str) -> str:
    """The first line that says something, with ids, addresses, paths and numbers taken out."""
    line = next((each.strip() for each in message.splitlines() if each.strip()), "")[: LONGEST * 4]
    for pattern, word in _QUIET:
        line = pattern.sub(word, line)
    return " ".join(line.split())[:LONGEST]


def causes(failures: Iterable[Failure]) -> tuple[Cause, ...]:
    """Groups, the largest first, then in the order of their first case."""
    groups: dict[str, list[Failure]] = {}
    for failure in failures:
        groups.setdefault(normalised(failure.message), []).append(failure)
    return tuple(
        Cause(
            message=message,
            example=each[0].message,
            count=len(each),
            first=each[0].place,
            last=each[-1].place,
        )
        for message, each in sorted(groups.items(), key=lambda item: -len(item[1]))
    )
