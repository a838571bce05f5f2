"""Puts together what a scan found: references, handlers over all files, imports, cycles. No I/O."""

from collections.abc import Iterable, Mapping
from functools import cache
from operator import attrgetter

import msgspec

from netra_migrate.domain.handlers import Call, HandlerClass
from netra_migrate.domain.references import Reference, Side
from netra_migrate.domain.survey import Survey, Symbol, Unparsable
from netra_migrate.scan.calls import settle_calls
from netra_migrate.scan.claims import claims, clashes
from netra_migrate.scan.cycles import cycles
from netra_migrate.scan.facts import Aim, Facts
from netra_migrate.scan.handlers import settle
from netra_migrate.scan.linking import Library
from netra_migrate.scan.referring import Referrer
from netra_migrate.sources.kinds import Kind
from netra_migrate.sources.naming import Names
from netra_migrate.sources.walking import Tree


def survey(
    *,
    root: str,
    tree: Tree,
    aim: Aim,
    facts: Mapping[str, Facts],
    modules: Mapping[str, tuple[str, ...]],
    library: Library,
) -> Survey:
    """The whole result; `modules` are what each file imports, `facts` of the files that were read."""
    references = _references(facts, library)
    handlers = settle(_origins(each, library) for one in _sorted(facts) for each in one.handlers)
    calls = settle_calls((_target(each, library) for one in _sorted(facts) for each in one.calls), handlers)
    claimed = claims(handlers, (each for one in _sorted(facts) for each in one.registrations))
    imports = _imports(references, modules, aim, library.names)
    python = sum(file.kind is Kind.PYTHON for file in tree.files.values())
    return Survey(
        root=root,
        files=python,
        data_files=len(tree.files) - python,
        excluded=tree.excluded,
        references=references,
        handlers=handlers,
        calls=calls,
        claims=claimed,
        clashes=clashes(handlers, claimed, configuration=aim.configuration, references=references),
        cycles=cycles(imports),
        imports=imports,
        legacy=_symbols(facts, aim.sought[0].path),
        canonical=_symbols(facts, aim.sought[1].path),
        unparsable=_unparsable(facts, references),
    )


def _sorted(facts: Mapping[str, Facts]) -> Iterable[Facts]:
    return (facts[path] for path in sorted(facts))


def _references(facts: Mapping[str, Facts], library: Library) -> tuple[Reference, ...]:
    """Sorted; a file read while following names is not looked through again."""
    found = (
        reference
        for path, each in list(facts.items())
        for reference in Referrer(path, each, library).references()
    )
    return tuple(sorted(set(found), key=_order))


_order = attrgetter("path", "line", "column", "side", "form", "module", "symbols", "aliases", "via")


def _origins(handler: HandlerClass, library: Library) -> HandlerClass:
    """A handler with its bases under the names they have where they are defined."""
    bases = tuple(_origin(base, library) for base in handler.bases)
    return handler if bases == handler.bases else msgspec.structs.replace(handler, bases=bases)


def _target(call: Call, library: Library) -> Call:
    if call.target is None:
        return call
    return msgspec.structs.replace(call, target=_origin(call.target, library))


def _origin(dotted: str, library: Library) -> str:
    trail = library.trace(dotted)
    side = library.side(trail.module) if trail else None
    return ".".join((side.names[0], *trail.rest)) if trail and side else dotted


def _symbols(facts: Mapping[str, Facts], path: str) -> tuple[Symbol, ...]:
    return facts[path].symbols if path in facts else ()


def _unparsable(facts: Mapping[str, Facts], references: Iterable[Reference]) -> tuple[Unparsable, ...]:
    lines: dict[str, set[int]] = {}
    for each in references:
        if each.side is Side.LEGACY:
            lines.setdefault(each.path, set()).add(each.line)
    return tuple(
        msgspec.structs.replace(each.unparsable, found_by_text=tuple(sorted(lines.get(path, ()))))
        for path, each in sorted(facts.items())
        if each.unparsable is not None
    )


def _imports(
    references: Iterable[Reference], modules: Mapping[str, tuple[str, ...]], aim: Aim, names: Names
) -> dict[str, tuple[str, ...]]:
    """Imports within the tree: of files that depend on one of the two modules, and of their importers."""
    graph = _graph(modules, names)
    core = {each.path for each in references if each.binds} | {each.path for each in aim.sought}
    wanted = {path for path in graph if path in core or not core.isdisjoint(graph[path])}
    named = {_name(path, names): {_name(each, names) for each in graph[path]} for path in wanted}
    return {name: tuple(sorted(named[name])) for name in sorted(named)}


def _graph(modules: Mapping[str, tuple[str, ...]], names: Names) -> dict[str, set[str]]:
    """Files that each file imports, of those that import any module at all."""

    @cache  # all files import the same modules, over and over
    def file_of(module: str) -> str:
        return names.path(names.locate(module)[0]) or ""

    return {path: set(map(file_of, each)) - {path, ""} for path, each in modules.items() if each}


def _name(path: str, names: Names) -> str:
    """That of the shortest source root, from which alone the path of a file can be told again."""
    return next(reversed(names.of(path)), path)
