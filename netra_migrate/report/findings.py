"""Findings: places that somebody has to look at, whatever command found them."""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from netra_migrate.domain.handlers import Clash, HandlerClass
from netra_migrate.domain.references import Form, Reference, Side
from netra_migrate.domain.survey import Survey, Unparsable
from netra_migrate.domain.verification import Check


class Level(StrEnum):
    """SARIF's own words."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One place. `column` from 1, or 0 where only the line is known; `text`: the source line."""

    rule: str
    level: Level
    path: str
    line: int
    column: int = 0
    message: str
    text: str = ""


def of_survey(survey: Survey) -> tuple[Finding, ...]:
    """Everything of a scan that stands between the tree and a finished migration, by place."""
    return tuple(sorted(_all(survey), key=lambda each: (each.path, each.line, each.column, each.rule)))


def _all(survey: Survey) -> Iterator[Finding]:
    for reference in survey.references:
        if reference.side is Side.LEGACY or reference.exists is False:
            yield _reference(reference)
    for broken in survey.unparsable:
        yield unparsable(broken)
    for clash in survey.clashes:
        yield from _clash(clash)
    for handler in survey.handlers:
        yield from _hollow(handler)


def _reference(reference: Reference) -> Finding:
    names = f" ({', '.join(reference.symbols)})" if reference.symbols else ""
    if reference.exists is False:
        rule, level, text = (
            "missing-target",
            Level.ERROR,
            f"names {reference.module}{names}, of which not all exists",
        )
        if reference.form is Form.PATCH:
            rule, text = (
                "dead-patch",
                f"patches {reference.module}{names}, which does not exist: it patches nothing",
            )
    elif reference.binds:
        rule, level, text = "legacy-reference", Level.WARNING, f"depends on {reference.module}{names}"
    else:
        rule, level, text = "legacy-mention", Level.NOTE, f"mentions {reference.module}"
    return Finding(
        rule=rule,
        level=level,
        path=reference.path,
        line=reference.line,
        column=reference.column + 1,
        message=f"This {reference.form} {text}.",
        text=reference.text,
    )


def unparsable(broken: Unparsable) -> Finding:
    """A file that is not Python; an error where it names the legacy module, since nobody can say more."""
    named = broken.found_by_text
    lines = f"; it names the legacy module in line {', '.join(map(str, named))}" if named else ""
    return Finding(
        rule="unparsable",
        level=Level.ERROR if named else Level.WARNING,
        path=broken.path,
        line=broken.line,
        message=f"This file cannot be read as Python: {broken.reason}{lines}.",
    )


def _clash(clash: Clash) -> Iterator[Finding]:
    what = "message type" if clash.what == "claim" else "class name"
    for place in clash.where:
        path, _, line = place.rpartition(":")
        others = ", ".join(other for other in clash.where if other != place)
        yield Finding(
            rule=f"duplicate-{clash.what}",
            level=Level.WARNING,
            path=path or place,
            line=int(line) if line.isdecimal() else 1,
            message=f"The {what} {clash.name} is also here: {others}. Which one counts depends on import order.",
        )


def _hollow(handler: HandlerClass) -> Iterator[Finding]:
    for method in handler.methods:
        if method.hollow:
            yield Finding(
                rule="hollow-handler",
                level=Level.WARNING,
                path=handler.path,
                line=method.line,
                message=f"{handler.name}.{method.name} reports success and does nothing.",
            )


def of_check(check: Check) -> tuple[Finding, ...]:
    """What stands against one condition of being done."""
    return tuple(
        Finding(
            rule=check.name,
            level=Level.WARNING if each.warning else Level.ERROR,
            path=each.path,
            line=each.line,
            message=each.sentence,
        )
        for each in check.findings
    )
