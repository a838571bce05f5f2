"""The mutants of a module: where the code is changed, and the module with one of the changes made.

Leaves alone what no test can or should see: docstrings, annotations, what is logged, and types that only mypy reads.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.mutants.rules import UNSEEN, changes

_SILENT: Final = frozenset({"assert_never", "NewType", "TypeVar", "cast", "getLogger", "get_logger"})
_LONGEST: Final = 90


@dataclass(frozen=True)
class Mutant:
    """One change. `key` stays the same when lines move; `number` counts the module's changes from 0."""

    key: str
    number: int
    line: int
    last_line: int
    change: str


@dataclass(frozen=True)
class _Place:
    """A node in its tree: the list or node that holds it, and under which index or field."""

    holder: ast.AST | list[ast.AST]
    at: int | str
    node: ast.AST
    line: int
    within: str


@dataclass(frozen=True)
class _Site:
    place: _Place
    rule: str
    new: ast.AST


def mutants(source: str) -> list[Mutant]:
    """All mutants of a module, in the order of its text."""
    seen: Counter[str] = Counter()
    found = []
    for number, site in enumerate(_sites(ast.parse(source))):
        old, new = _shown(site.place.node), _shown(site.new)
        key = f"{site.place.within}: {site.rule}: {old}"
        seen[key] += 1
        found.append(
            Mutant(
                key=key if seen[key] == 1 else f"{key} #{seen[key]}",
                number=number,
                line=site.place.line,
                last_line=_last_line(site.place),
                change=f"{old}  →  {new}",
            )
        )
    return found


def mutated(source: str, number: int) -> ast.Module:
    """The module with this change made."""
    tree = ast.parse(source)
    site = next(each for at, each in enumerate(_sites(tree)) if at == number)
    ast.copy_location(site.new, site.place.node)
    if isinstance(site.place.holder, list) and isinstance(site.place.at, int):
        site.place.holder[site.place.at] = site.new
    else:
        setattr(site.place.holder, str(site.place.at), site.new)
    return ast.fix_missing_locations(tree)


def _sites(tree: ast.Module) -> Iterator[_Site]:
    for place in _places(tree, line=1, within=""):
        for rule, new in changes(place.node):
            yield _Site(place, rule, new)


def _places(node: ast.AST, *, line: int, within: str) -> Iterator[_Place]:
    """The places below a node at which a change would be noticed."""
    for field, value in ast.iter_fields(node):
        for holder, at, child in _held(node, field, value):
            here = getattr(child, "lineno", line)
            place = _Place(holder, at, child, here, within)
            if _is_silent(place, field):
                continue
            if field in {"annotation", "returns"}:
                yield from _inside_annotation(child, line=here, within=within)
                continue
            yield place
            if not isinstance(child, ast.JoinedStr):
                named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                inner = f"{within}.{child.name}".lstrip(".") if named else within  # type: ignore[attr-defined]  # has a name
                yield from _places(child, line=here, within=inner)


def _held(
    node: ast.AST, field: str, value: object
) -> Iterator[tuple[ast.AST | list[ast.AST], int | str, ast.AST]]:
    if isinstance(value, list):
        yield from ((value, at, child) for at, child in enumerate(value) if isinstance(child, ast.AST))
    elif isinstance(value, ast.AST):
        yield node, field, value


def _inside_annotation(node: ast.AST, *, line: int, within: str) -> Iterator[_Place]:
    """Of an annotation only calls matter: `Meta(max_length=64)` is what a decoder enforces."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            yield from _places(each, line=line, within=within)


def _is_silent(place: _Place, field: str) -> bool:
    match place.node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="log" | "logger")))):
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _SILENT:
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id="assert_never"))):
            return True
        case ast.Subscript(value=ast.Name(id="Literal")) | ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.keyword(arg=name):
            return name in UNSEEN
        case _:
            return field == "type_params"


def _shown(node: ast.AST) -> str:
    """A node as one short line; of a statement with a body, its head."""
    text = ast.unparse(node) if not isinstance(node, ast.match_case) else f"case {ast.unparse(node.pattern)}"
    lines = text.strip().splitlines() or [""]
    keep = 2 if isinstance(node, ast.ExceptHandler) else 1
    line = " ".join(each.strip() for each in (lines[:keep] if _has_body(node) else lines))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _has_body(node: ast.AST) -> bool:
    return isinstance(getattr(node, "body", None), list)


def _last_line(place: _Place) -> int:
    """A condition belongs to its first line: the lines of the body do not run whenever it is asked."""
    return place.line if _has_body(place.node) else getattr(place.node, "end_lineno", None) or place.line
