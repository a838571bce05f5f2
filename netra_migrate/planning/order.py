"""In which order files are migrated: imported before importers, shims after those who use them. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import PurePosixPath

import msgspec
import pathspec

from netra_migrate.configuration import Configuration
from netra_migrate.domain.plan import Step
from netra_migrate.domain.references import Form, Reference, Side
from netra_migrate.domain.survey import Survey
from netra_migrate.scan.cycles import condensed
from netra_migrate.sources.naming import Names

_THROUGH = (Form.REEXPORT, Form.STAR, Form.FROM, Form.FROM_PACKAGE, Form.IMPORT)
"""Forms by which a file takes names through others; a patch in a module makes it no shim."""


class Estate(msgspec.Struct, frozen=True):
    """What the order is made from, all by path from the root.

    Attributes:
        counts: files with references that bind, and how many.
        symbols: legacy symbols that a file names.
        imports: files to the files that they import.
        tests: test files; what other files import, such as the tests' own tools, goes like any source.
        shims: files that hand legacy symbols on to others.
        legacy: the legacy module's own file, if it is there.
        keep: whether that file stays.
    """

    counts: Mapping[str, int]
    symbols: Mapping[str, frozenset[str]]
    imports: Mapping[str, frozenset[str]]
    tests: frozenset[str]
    shims: frozenset[str]
    legacy: str | None
    keep: bool


def estate(survey: Survey, configuration: Configuration) -> Estate:
    """The files of a survey that matter to the order of a plan."""
    names = Names(configuration.project.source_roots)
    paths = _paths(survey, configuration, names)
    legacy = paths.get(configuration.legacy.module) if survey.legacy else None
    unparsable = {each.path for each in survey.unparsable}
    legible = [each for each in survey.of(Side.LEGACY) if each.path not in unparsable]
    bound = [each for each in legible if each.binds and each.path.endswith(".py")]
    tests = pathspec.GitIgnoreSpec.from_lines(configuration.project.tests)
    symbols: dict[str, set[str]] = {}
    for each in bound:
        symbols.setdefault(each.path, set()).update(name.partition(".")[0] for name in each.symbols)
    handing = {paths.get(module) for module in handing_on(bound)} - {None, legacy}
    known = {*paths.values(), *symbols}
    imports = _between(survey.imports, paths)
    support = frozenset().union(*imports.values())
    return Estate(
        counts=Counter(each.path for each in bound if each.path != legacy),
        symbols={path: frozenset(found) for path, found in symbols.items()},
        imports=imports,
        tests=frozenset(each for each in known if tests.match_file(each) and each not in support),
        shims=frozenset(each for each in handing if each is not None and each in symbols),
        legacy=legacy,
        keep=configuration.legacy.keep,
    )


def handing_on(references: Iterable[Reference]) -> set[str]:
    """Modules that others take legacy symbols from."""
    return {
        module
        for each in references
        if each.form in _THROUGH
        for module in ((each.module, *each.via) if each.form is Form.REEXPORT else each.via)
    }


def _paths(survey: Survey, configuration: Configuration, names: Names) -> dict[str, str]:
    """Module to file: as seen, else as its name and the folders that are known make likely."""
    seen = {each.path for each in survey.references} | {each.path for each in survey.handlers}
    names.add(sorted(each for each in seen if each.endswith((".py", ".pyi"))), {})
    every = {*survey.imports, configuration.legacy.module}.union(*survey.imports.values())
    return {module: names.expected(module) for module in every} | {
        name: names.expected(name) for path in seen for name in names.of(path)
    }


def _between(imports: Mapping[str, Sequence[str]], paths: Mapping[str, str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for importer, imported in imports.items():
        found.setdefault(paths[importer], set()).update(paths[each] for each in imported)
    return {importer: frozenset(imported - {importer}) for importer, imported in found.items()}


def steps(whole: Estate) -> tuple[Step, ...]:
    """Every file to migrate once: sources, tests beside them, shims, and last the legacy module itself."""
    sources = whole.counts.keys() - whole.tests - whole.shims
    groups = [list(each) for each in _ordered(sources, whole, without=whole.shims)]
    alone = _add_tests(groups, whole)
    groups += _ordered(alone, whole, without=whole.shims)
    groups += reversed(_ordered(whole.shims, whole, without=frozenset()))
    if whole.legacy is not None and not whole.keep:
        groups.append([whole.legacy])
    return tuple(_step(number, group, whole) for number, group in enumerate(groups, start=1))


def _ordered(wanted: Collection[str], whole: Estate, *, without: Collection[str]) -> list[list[str]]:
    """Groups of the wanted files; the order also follows imports through files that need no change."""
    hidden = {whole.legacy, *without}
    graph = {
        path: [each for each in sorted(whole.imports.get(path, ())) if each not in hidden]
        for path in sorted({*whole.imports, *wanted})
        if path not in hidden
    }
    groups = ([path for path in group if path in wanted] for group in condensed(graph))
    return [group for group in groups if group]


def _add_tests(groups: list[list[str]], whole: Estate) -> list[str]:
    """Puts test files into the last group that they test; gives back those that test none.

    It tests what it imports; a likeness of names alone would tie a file to tests of another one. A test that
    names no legacy symbol goes with a source file that it imports and is also named after.
    """
    number = {path: at for at, group in enumerate(groups) for path in group}
    alone = []
    for test in sorted(whole.tests - whole.shims):
        tested = {path for path in number if path in whole.imports.get(test, ())}
        named = {path for path in tested if _is_named_after(test, path)}
        homes = tested if test in whole.counts else named
        if homes:
            groups[max(number[path] for path in homes)].append(test)
        elif test in whole.counts:
            alone.append(test)
    return alone


def _is_named_after(test: str, path: str) -> bool:
    tested, name = PurePosixPath(path), PurePosixPath(test).stem
    stem = tested.parent.name if tested.stem == "__init__" else tested.stem
    return name in (f"test_{stem}", f"{stem}_test")


def _step(number: int, group: Sequence[str], whole: Estate) -> Step:
    return Step(
        number=number,
        paths=tuple(group),
        tests=tuple(path for path in group if path in whole.tests),
        references=sum(whole.counts.get(path, 0) for path in group),
        symbols=tuple(sorted(frozenset().union(*(whole.symbols.get(path, frozenset()) for path in group)))),
    )
