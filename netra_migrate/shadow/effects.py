"""Compares what two handlers did: effects in order, leaf by leaf, but for paths that nothing can be said of.

A path is `target.method.` and the way to the value: `connection.websocket.send_json.0.run_id`. Pure.
"""

import json
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from itertools import zip_longest

from netra_migrate.domain.shadow import Difference
from netra_migrate.shadow.children import Effect
from netra_migrate.shadow.showing import shown, shown_effect

MOST_DIFFERENCES = 20
MISSING = object()


def name(effect: Effect) -> str:
    """What was called."""
    return f"{effect.target}.{effect.method}"


def arranged(effects: Sequence[Effect], *, in_order: bool) -> list[Effect]:
    """As they came, or, of a handler that does several things at once, each target's in their order."""
    return list(effects) if in_order else sorted(effects, key=lambda effect: effect.target)


def unsteady(first: Sequence[Effect], second: Sequence[Effect]) -> set[str]:
    """The paths in which two runs of one handler differ; both must have called the same."""
    return {
        path
        for one, other in zip(first, second, strict=True)
        for path, before, after in _pairs(leaves(one), leaves(other))
        if before != after
    }


def differences(
    legacy: Sequence[Effect], canonical: Sequence[Effect], *, ignored: Sequence[str]
) -> tuple[Difference, ...]:
    """What the two sides did differently, at most `MOST_DIFFERENCES`."""
    found: list[Difference] = []
    matcher = SequenceMatcher(None, [*map(name, legacy)], [*map(name, canonical)], autojunk=False)
    for kind, low, high, new_low, new_high in matcher.get_opcodes():
        if kind == "equal":
            for one, other in zip(legacy[low:high], canonical[new_low:new_high], strict=True):
                found += _different_leaves(one, other, ignored)
        else:
            found += _different_effects(legacy[low:high], canonical[new_low:new_high])
    return tuple(each for each in found if not _is_ignored(each.path, ignored))[:MOST_DIFFERENCES]


def leaves(effect: Effect) -> list[tuple[str, object]]:
    """Every value of a call with its path; positions within lists are `*`, since lists vary in length."""
    found: list[tuple[str, object]] = []
    for position, argument in enumerate(effect.arguments):
        found += _leaves(f"{name(effect)}.{position}", argument)
    for key, argument in effect.details.items():
        found += _leaves(f"{name(effect)}.{key}", argument)
    return found


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    value = _unfolded(value)
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(f"{path}.{key}", item)
    elif isinstance(value, list) and value:
        for item in value:
            yield from _leaves(f"{path}.*", item)
    else:
        yield path, value


def _unfolded(value: object) -> object:
    """A text that is JSON counts as what it says: `send_text` is what most sockets are given."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _pairs(
    first: list[tuple[str, object]], second: list[tuple[str, object]]
) -> Iterator[tuple[str, object, object]]:
    """Values of the same path side by side, in their order."""
    one, other = _by_path(first), _by_path(second)
    for path in {**one, **other}:
        for before, after in zip_longest(one.get(path, []), other.get(path, []), fillvalue=MISSING):
            yield path, before, after


def _by_path(found: list[tuple[str, object]]) -> dict[str, list[object]]:
    by_path: dict[str, list[object]] = {}
    for path, value in found:
        by_path.setdefault(path, []).append(value)
    return by_path


def _different_leaves(one: Effect, other: Effect, ignored: Sequence[str]) -> Iterator[Difference]:
    for path, before, after in _pairs(leaves(one), leaves(other)):
        if not _equal(before, after) and not _is_ignored(path, ignored):
            yield Difference(
                path=path,
                legacy=None if before is MISSING else shown(path, before, beside=after),
                canonical=None if after is MISSING else shown(path, after, beside=before),
            )


def _equal(before: object, after: object) -> bool:
    """Equal and of one kind: 1, 1.0 and True are three things to a client."""
    return type(before) is type(after) and before == after


def _different_effects(legacy: Sequence[Effect], canonical: Sequence[Effect]) -> Iterator[Difference]:
    for effect in legacy:
        yield Difference(path=name(effect), legacy=shown_effect(effect), canonical=None)
    for effect in canonical:
        yield Difference(path=name(effect), legacy=None, canonical=shown_effect(effect))


def _is_ignored(path: str, ignored: Sequence[str]) -> bool:
    return any(path == pattern or fnmatchcase(path, pattern) for pattern in ignored)
