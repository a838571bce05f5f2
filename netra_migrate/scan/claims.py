"""Who takes which message type, and what exists twice. Pure; over everything that a scan found."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import pathspec

from netra_migrate.configuration import Configuration
from netra_migrate.domain.handlers import Claim, Clash, HandlerClass, Shape
from netra_migrate.domain.references import Form, Reference, Side
from netra_migrate.scan.syntax import last

_HANDLING = (Shape.LEGACY, Shape.CANONICAL, Shape.BOTH)
_NAMING = (Form.FROM, Form.REEXPORT)


def claims(handlers: Iterable[HandlerClass], registered: Iterable[Claim] = ()) -> tuple[Claim, ...]:
    """What settled handlers claim, by absolute name; and what is `registered` for those among them."""
    handling = {f"{each.module}.{each.name}": each for each in handlers if each.shape in _HANDLING}
    found = {
        (message_type, name): Claim(message_type=message_type, handler=name, path=each.path, line=each.line)
        for name, each in handling.items()
        for message_type in each.message_types
    }
    for claim in registered:
        if claim.handler in handling:
            found.setdefault((claim.message_type, claim.handler), claim)
    return tuple(found[key] for key in sorted(found))


def clashes(
    handlers: Iterable[HandlerClass],
    claimed: Iterable[Claim],
    *,
    configuration: Configuration,
    references: Iterable[Reference] = (),
) -> tuple[Clash, ...]:
    """What exists twice, sorted: claims of one type, classes of one name, names bound from both sides.

    Classes in test files are left out of the first two: a test's own handler is in nobody's way.
    """
    tests = pathspec.GitIgnoreSpec.from_lines(configuration.project.tests)
    kept = [each for each in handlers if not tests.match_file(each.path)]
    product = [each for each in claimed if not tests.match_file(each.path)]
    found = (*_claims(product), *_names(kept, configuration), *_shadows(references))
    return tuple(sorted(found, key=lambda each: (each.what, each.name, each.where)))


def _claims(claimed: Sequence[Claim]) -> Iterator[Clash]:
    by_type: dict[str, list[Claim]] = {}
    for each in claimed:
        by_type.setdefault(each.message_type, []).append(each)
    for message_type, several in by_type.items():
        if len({each.handler for each in several}) > 1:
            yield Clash(what="claim", name=message_type, where=_places(several))


def _names(handlers: Sequence[HandlerClass], configuration: Configuration) -> Iterator[Clash]:
    sides = {configuration.legacy.module, configuration.canonical.module}
    by_name: dict[str, list[HandlerClass]] = {}
    for each in handlers:
        by_name.setdefault(last(each.name), []).append(each)
    for name, several in by_name.items():
        modules = {each.module for each in several}
        handling = any(each.shape is not Shape.UNRELATED for each in several)
        if len(modules) > 1 and handling and not modules.isdisjoint(sides):
            yield Clash(what="name", name=name, where=_places(several))


def _shadows(references: Iterable[Reference]) -> Iterator[Clash]:
    """A name that one file takes from both modules: which of them it is, the later line decides."""
    by_name: dict[tuple[str, str], list[Reference]] = {}
    for each in references:
        if each.form in _NAMING:
            for alias in each.aliases or each.symbols:
                by_name.setdefault((each.path, alias), []).append(each)
    for (_, alias), several in by_name.items():
        if any({one.side, other.side} == set(Side) for one, other in combinations(several, 2)):
            yield Clash(what="shadow", name=alias, where=_places(several))


def _places(several: Iterable[HandlerClass | Claim | Reference]) -> tuple[str, ...]:
    return tuple(f"{path}:{line}" for path, line in sorted({(each.path, each.line) for each in several}))
