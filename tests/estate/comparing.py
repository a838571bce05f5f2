"""Compares a scan with the truth, and says in readable lines where they differ."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from netra_migrate.domain.references import Reference
from netra_migrate.domain.survey import Survey
from tests.estate.truth import WORDS, Expected, Truth

Thing = TypeVar("Thing")
Place = tuple[str, int, str, str]
"""Path, line, form and side."""
DETAILS = ("module", "symbols", "aliases", "contexts", "via", "relative", "exists")


def differences(truth: Truth, survey: Survey) -> list[str]:
    """Every line is one thing missing, invented or different; none if the scan is right."""
    broken = {each.path for each in truth.unparsable}
    return [
        *_references(
            [each for each in truth.references if each.path not in broken],
            [each for each in survey.references if each.path not in broken],
        ),
        *_plain(
            "reference by text",
            {f"{one.path}:{one.line} {one.side}" for one in truth.references if one.path in broken},
            {f"{one.path}:{one.line} {one.side}" for one in survey.references if one.path in broken},
        ),
        *_plain(
            "handler",
            {f"{one.path}:{one.line} {one.name} {one.shape}" for one in truth.handlers},
            {f"{one.path}:{one.line} {one.name} {one.shape}" for one in survey.handlers},
        ),
        *_plain(
            "call",
            {f"{one.path}:{one.line} .{one.method}(" for one in truth.calls},
            {f"{one.path}:{one.line} .{one.method}(" for one in survey.calls},
        ),
        *_plain(
            "claim",
            {f"{one.path} {one.message_type} {one.handler}" for one in truth.claims},
            {f"{one.path} {one.message_type} {one.handler.rpartition('.')[2]}" for one in survey.claims},
        ),
        *_plain(
            "twice claimed",
            set(truth.duplicate_claims),
            {one.name for one in survey.clashes if one.what == "claim"},
        ),
        *_plain(
            "name that stands twice",
            set(truth.duplicate_names),
            {one.name.rpartition(".")[2] for one in survey.clashes if one.what == "name"},
        ),
        *_plain(
            "shadowed name",
            set(truth.shadowed_names),
            {one.name for one in survey.clashes if one.what == "shadow"},
        ),
        *_plain("cycle", {" ".join(one) for one in truth.cycles}, {" ".join(one) for one in survey.cycles}),
        *_plain(
            "unparsable file",
            {f"{one.path} {list(one.found_by_text)}" for one in truth.unparsable},
            {f"{one.path} {list(one.found_by_text)}" for one in survey.unparsable},
        ),
        *_plain(
            "left out",
            {f"{reason}: {number}" for reason, number in truth.excluded.items()},
            {f"{reason}: {number}" for reason, number in survey.excluded.items() if number},
        ),
        *_plain("number of files", {str(truth.files)}, {str(survey.files)}),
    ]


def _plain(what: str, expected: set[str], found: set[str]) -> list[str]:
    missing = [f"missing {what}: {each}" for each in sorted(expected - found)]
    return missing + [f"invented {what}: {each}" for each in sorted(found - expected)]


def _references(expected: Sequence[Expected], found: Sequence[Reference]) -> Iterator[str]:
    wanted, had = _by_place(expected, _place_wanted), _by_place(found, _place_found)
    for place in sorted(wanted.keys() | had.keys()):
        where = f"{place[0]}:{place[1]} {place[2]} {place[3]}"
        one, other = wanted.get(place, []), had.get(place, [])
        if not other:
            yield f"missing reference: {where}"
        elif not one:
            yield f"invented reference: {where}: {other[0].text}"
        elif one[0].form in WORDS:
            continue
        elif len(one) != len(other):
            yield f"{len(other)} references instead of {len(one)}: {where}"
        else:
            for a, b in zip(one, other, strict=True):
                yield from _details(where, a, b)


def _place_wanted(each: Expected) -> Place:
    return (each.path, each.line, each.form, each.side)


def _place_found(each: Reference) -> Place:
    return (each.path, each.line, each.form, each.side)


def _by_place(values: Iterable[Thing], place: Callable[[Thing], Place]) -> dict[Place, list[Thing]]:
    found: dict[Place, list[Thing]] = {}
    for each in values:
        found.setdefault(place(each), []).append(each)
    return found


def _details(where: str, expected: Expected, found: Reference) -> Iterator[str]:
    for name in DETAILS:
        wanted, had = getattr(expected, name), getattr(found, name)
        if wanted is not None and wanted != had:
            yield f"differs: {where}: {name} is {had!r}, expected {wanted!r}"
