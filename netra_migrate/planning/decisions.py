"""The plan as the rewrite engine needs it: where legacy symbols are reached, and what will exist. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from netra_migrate.configuration import Configuration
from netra_migrate.domain.handlers import Shape
from netra_migrate.domain.plan import Plan, Target
from netra_migrate.domain.references import Context, Form, Reference, Side
from netra_migrate.domain.rewriting import Decisions
from netra_migrate.domain.survey import Survey
from netra_migrate.scan.symbols import is_dunder
from netra_migrate.sources.naming import Names

_BINDING = (Form.FROM, Form.REEXPORT, Form.STAR)
_INNER = (Context.FUNCTION, Context.CLASS)


class _Handed(NamedTuple):
    """What a module binds to a legacy symbol, and where it has it from."""

    symbol: str
    module: str
    name: str


_Bound = dict[str, dict[str, _Handed]]


def decisions(survey: Survey, made: Plan, configuration: Configuration) -> Decisions:
    """What holds for all files: targets, modules with the names they hand on, names for patch strings.

    A module hands on what others take from it, be it by import or by a patch of a name in it; what it
    binds for itself alone may get another name.
    """
    names = Names(configuration.project.source_roots)
    own = {each.name: each.name for each in survey.legacy}
    own.update((each.symbol, each.symbol) for each in made.targets)
    taken = _taken_by_others(survey, configuration, _bound(survey, configuration, names, own))
    modules = {configuration.legacy.module: own, **taken}
    targets = {each.symbol: each for each in made.targets}
    return Decisions(
        targets=targets,
        modules={module: dict(sorted(handed.items())) for module, handed in sorted(modules.items())},
        importable=frozenset(_importable(survey, configuration, targets, taken)),
        gone=dict(_gone(survey, configuration, targets)),
    )


def _gone(
    survey: Survey, configuration: Configuration, targets: Mapping[str, Target]
) -> Iterator[tuple[str, frozenset[str]]]:
    """What users of a class lose; only where all that the other class has is known."""
    known = {
        f"{configuration.canonical.module}.{each.name}": each for each in survey.canonical if each.closed
    }
    for symbol in survey.legacy:
        target = targets.get(symbol.name)
        other = known.get(target.to or "") if target else None
        if other is not None and symbol.kind == "class":
            stays = {*other.members, configuration.legacy.method}
            if symbol.name in configuration.legacy.services:
                stays.add(configuration.canonical.method)  # refused as a call that takes less
            lost = frozenset(each for each in symbol.members if each not in stays and not is_dunder(each))
            if lost:
                yield symbol.name, lost


def _bound(survey: Survey, configuration: Configuration, names: Names, own: Iterable[str]) -> _Bound:
    """Every module with the legacy symbols that it binds at its top, through any chain."""
    legacy = configuration.legacy.module
    found: _Bound = {legacy: {name: _Handed(name, legacy, name) for name in own}}
    binding = [each for each in survey.of(Side.LEGACY) if _binds_at_top(each)]
    while _spread(binding, found, names):
        pass  # chains of shims come in any order; each round settles at least one link
    return found


def _binds_at_top(reference: Reference) -> bool:
    return reference.form in _BINDING and not any(each in _INNER for each in reference.contexts)


def _spread(binding: Iterable[Reference], found: _Bound, names: Names) -> bool:
    grown = False
    for each in binding:
        if each.module not in found:
            continue
        for module in names.of(each.path):
            bound = found.setdefault(module, {})
            new = {local: handed for local, handed in _taken(each, found[each.module]) if local not in bound}
            bound.update(new)
            grown = grown or bool(new)
    return grown


def _taken(reference: Reference, source: dict[str, _Handed]) -> list[tuple[str, _Handed]]:
    aliases = reference.aliases or reference.symbols
    if "*" in reference.symbols:
        aliases = symbols = tuple(source)
    else:
        symbols = reference.symbols
    return [
        (alias, _Handed(source[name].symbol, reference.module, name))
        for name, alias in zip(symbols, aliases, strict=False)
        if name in source
    ]


def _taken_by_others(
    survey: Survey, configuration: Configuration, bound: _Bound
) -> dict[str, dict[str, str]]:
    legacy = configuration.legacy.module
    waiting = [
        (each.module, name)
        for each in survey.of(Side.LEGACY)
        if each.binds and each.module != legacy
        for name in _named(each, bound)
    ]
    found: dict[str, dict[str, str]] = {}
    while waiting:
        module, name = waiting.pop()
        handed = bound.get(module, {}).get(name)
        if handed is not None and module != legacy and name not in found.get(module, {}):
            found.setdefault(module, {})[name] = handed.symbol
            waiting.append((handed.module, handed.name))
    return found


def _named(reference: Reference, bound: _Bound) -> Iterable[str]:
    if not reference.symbols or "*" in reference.symbols:
        return bound.get(reference.module, {})
    return [each.partition(".")[0] for each in reference.symbols]


def _importable(
    survey: Survey,
    configuration: Configuration,
    targets: dict[str, Target],
    taken: dict[str, dict[str, str]],
) -> Iterator[str]:
    canonical = configuration.canonical.module
    yield canonical
    yield from (f"{canonical}.{each.name}" for each in survey.canonical)
    yield from (each.to for each in targets.values() if each.to is not None)
    for handler in survey.handlers:
        if handler.module != configuration.legacy.module:
            yield from _methods(f"{handler.module}.{handler.name}", handler.shape, configuration)
    for module, handed in taken.items():
        yield from (f"{module}.{name}" for name, symbol in handed.items() if _has_target(symbol, targets))


def _has_target(symbol: str, targets: dict[str, Target]) -> bool:
    return symbol in targets and targets[symbol].to is not None


def _methods(name: str, shape: Shape, configuration: Configuration) -> Iterator[str]:
    """A class and its method; legacy ones will have the canonical method by then."""
    yield name
    if shape in (Shape.LEGACY, Shape.CANONICAL, Shape.BOTH):
        yield f"{name}.{configuration.canonical.method}"
