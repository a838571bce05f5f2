"""Which two modules of a tree look like the legacy and the canonical side. Reads files, writes none.

Nothing is imported or run: files with the bytes of a handling method are parsed, the rest is counted.
"""

import ast
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from netra_migrate.domain.handlers import SOCKET_NAMES
from netra_migrate.domain.outcomes import MigrationError
from netra_migrate.scan.syntax import Function, classes, dotted, methods, parameters
from netra_migrate.sources.decoding import Undecodable, decode
from netra_migrate.sources.files import read
from netra_migrate.sources.kinds import Kind
from netra_migrate.sources.naming import Names
from netra_migrate.sources.walking import walk

_METHOD = re.compile(rb"def (?:handle|process|on|dispatch)(?:_\w+)?\s*\(\s*self\s*,")
_NAME = re.compile(r"(?:handle|process|on|dispatch)(?:_\w+)?")
_PUBLIC = re.compile(r"[a-z]\w*")
_IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+(\.*)([\w.]*)[ \t]+import|import[ \t]+([\w.]+))", re.MULTILINE)
_CONSIDERED = 300
"""Interfaces looked at in pairs; real trees have a few dozen, generated ones thousands."""
_ONES_OWN = ("self", "cls")


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """A method that several classes of one module have. `annotations`: of its parameters, as written."""

    module: str
    path: str
    method: str
    parameters: tuple[str, ...]
    annotations: tuple[str | None, ...]
    returns: str | None
    classes: tuple[str, ...]
    importers: int = 0


class Seen(msgspec.Struct, frozen=True):
    """What a look over the tree gave."""

    interfaces: tuple[Interface, ...]
    source_roots: tuple[str, ...]
    has_tests: bool
    paths: tuple[str, ...] = ()
    fixtures: tuple[tuple[str, str], ...] = ()
    """Fixtures that are called like connections, and the `conftest.py` that has them, nearest to the root first."""


def look(root: Path, *, progress: Callable[[int, int], None] = lambda done, total: None) -> Seen:
    """Reads every Python file of a tree once; `progress` is told how many are read, and of how many."""
    paths = [path for path, file in walk(root).files.items() if file.kind is Kind.PYTHON]
    imported: Counter[tuple[str, int, str]] = Counter()
    found: list[tuple[str, Interface]] = []
    fixtures: list[tuple[str, str]] = []
    for number, path in enumerate(paths, start=1):
        content = read(root, path)
        if path.endswith("conftest.py"):
            fixtures += [(name, path) for name in _fixtures(parsed(content))]
        folder = path.rpartition("/")[0]
        for dots, module, plain in _IMPORT.findall(content):
            imported[folder if dots else "", len(dots), (module or plain).decode()] += 1
        if _METHOD.search(content):
            found += [(path, each) for each in interfaces(parsed(content), path=path)]
        progress(number, len(paths))
    roots = source_roots(paths, imported)
    importers = _importers(imported, Names(roots))
    return Seen(
        interfaces=tuple(_placed(path, each, Names(roots), importers) for path, each in found),
        source_roots=roots,
        paths=tuple(paths),
        fixtures=tuple(sorted(fixtures, key=lambda each: (each[1].count("/"), each[1], each[0]))),
        has_tests=any(re.search(r"(?:^|/)(?:test_[^/]*|[^/]*_test)\.py$", path) for path in paths),
    )


def _fixtures(tree: ast.Module) -> Iterator[str]:
    for each in tree.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and SOCKET_NAMES.search(each.name):
            used = (one.func if isinstance(one, ast.Call) else one for one in each.decorator_list)
            if any((dotted(one) or "").endswith("fixture") for one in used):
                yield each.name


def parsed(content: bytes) -> ast.Module:
    """The tree of a file; an empty one where there is no reading it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other people's escapes, which are not ours to mention
        try:
            return ast.parse(decode(content))
        except (SyntaxError, ValueError, RecursionError, Undecodable):
            return ast.Module(body=[], type_ignores=[])


def interfaces(
    tree: ast.Module, *, path: str, called: re.Pattern[str] = _NAME, module: str = ""
) -> Iterator[Interface]:
    """The handling methods in a file, each with the classes that have it with the same parameters."""
    groups: dict[tuple[str, tuple[str, ...]], list[tuple[str, Function]]] = {}
    for name, node in classes(tree):
        for method, function in methods(node).items():
            taken = parameters(function)
            if called.fullmatch(method) and taken and not any(each.startswith("*") for each in taken):
                groups.setdefault((method, taken), []).append((name, function))
    for (method, taken), several in groups.items():
        first = several[0][1]
        arguments = [*first.args.posonlyargs, *first.args.args, *first.args.kwonlyargs]
        yield Interface(
            module=module,
            path=path,
            method=method,
            parameters=taken,
            annotations=tuple(dotted(each.annotation) for each in arguments if each.arg not in _ONES_OWN),
            returns=None if first.returns is None else ast.unparse(first.returns),
            classes=tuple(name for name, _ in several),
        )


def source_roots(paths: Iterable[str], imported: Counter[tuple[str, int, str]]) -> tuple[str, ...]:
    """The root, and each folder of it whose contents are imported without its own name, such as `src`."""
    tops = Counter[str]()
    for (_, dots, module), count in imported.items():
        if not dots:
            tops[module.partition(".")[0]] += count
    inside: dict[str, set[str]] = {}
    for path in paths:
        first, _, rest = path.partition("/")
        if rest:
            inside.setdefault(first, set()).add(rest.partition("/")[0].removesuffix(".py"))
    own = {path.partition("/")[0].removesuffix(".py") for path in paths}
    roots = [
        folder
        for folder, names in sorted(inside.items())
        if "__init__" not in names and sum(tops[each] for each in names - own) > tops[folder]
    ]
    return (".", *roots)


def _importers(imported: Counter[tuple[str, int, str]], names: Names) -> Counter[str]:
    counts: Counter[str] = Counter()
    for (folder, dots, module), count in imported.items():
        absolute = names.absolute(f"{folder}/__init__.py", module, dots) if dots else module
        if absolute:
            counts[absolute] += count
    return counts


def _placed(path: str, found: Interface, names: Names, importers: Counter[str]) -> Interface:
    known = names.of(path)
    best = max(known, key=lambda each: importers[each], default="")
    return msgspec.structs.replace(found, module=best, importers=importers[best])


def named(root: Path, seen: Seen, module: str) -> tuple[Interface, ...]:
    """The interfaces of a module that somebody named: there any public method may be the one that handles.

    Raises:
        MigrationError: the tree has no such module, or it has no class with a method that takes arguments.
    """
    known = tuple(each for each in seen.interfaces if each.module == module)
    if known:
        return known
    names = Names(seen.source_roots)
    names.add(seen.paths, {})
    path = names.path(module)
    if path is None:
        raise MigrationError(
            f"There is no module {module} in this tree: spell it as imports do "
            f"(they start from {', '.join(seen.source_roots)})."
        )
    found = tuple(interfaces(parsed(read(root, path)), path=path, called=_PUBLIC, module=module))
    if not found:
        raise MigrationError(f"{path} has no class with a method that takes arguments: name another module.")
    return found


def pairs(
    seen: Iterable[Interface], *, legacy: str | None, canonical: str | None
) -> list[tuple[Interface, Interface]]:
    """Legacy and canonical interfaces that go together, best first; of given modules only theirs."""
    ranked = sorted(seen, key=lambda each: (-len(each.classes), -each.importers, each.module, each.method))
    olds = [each for each in ranked if each.module and legacy in (None, each.module)]
    news = [each for each in ranked if each.module and canonical in (None, each.module)]
    both = [
        (old, new)
        for old in olds[:_CONSIDERED]
        for new in news[:_CONSIDERED]
        if old.module != new.module
        if (old.method, old.parameters) != (new.method, new.parameters)
        if (legacy and canonical) or _score(old, new) > 0
    ]
    return sorted(both, key=lambda pair: (-_score(*pair), pair[0].module, pair[1].module))


def is_weak(old: Interface, new: Interface) -> bool:
    """Whether nothing but numbers speaks for a pair; any tree has some that look like this."""
    renamed = new.method.startswith(old.method) and new.method != old.method
    return not (set(old.classes) & set(new.classes) or renamed or new.returns == "bool" != old.returns)


def reasons(old: Interface, new: Interface) -> list[str]:
    """What speaks for a pair, and for this direction, as a person would check it."""
    shared = sorted(set(old.classes) & set(new.classes))
    found = []
    if shared:
        found.append(f"{len(shared)} classes have one name in both ({', '.join(shared[:3])})")
    if new.returns == "bool" and old.returns != "bool":
        found.append(f"{new.method} answers bool, {old.method} answers {old.returns or 'nothing'}")
    if len(new.parameters) > len(old.parameters):
        found.append(
            f"{new.method} takes {len(new.parameters)} arguments, {old.method} {len(old.parameters)}"
        )
    if new.importers != old.importers:
        found.append(f"{new.importers} imports name {new.module}, {old.importers} name {old.module}")
    return found


def _score(old: Interface, new: Interface) -> float:
    """How likely this is the pair; zero without names in common. Tells the sides by what is returned."""
    shared = len(set(old.classes) & set(new.classes))
    arguments = len(set(old.parameters) & set(new.parameters))
    if not shared and not (arguments and min(len(old.classes), len(new.classes)) > 1):
        return 0
    sides = (new.returns == "bool") - (old.returns == "bool") + (old.returns in (None, "None"))
    sides += new.method.startswith(old.method) and new.method != old.method
    sides += len(new.parameters) > len(old.parameters)
    sides += new.importers > old.importers
    return shared * 2 + arguments + sides * 3 + min(old.importers, new.importers, 10) / 10
