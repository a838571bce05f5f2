"""Recognises calls that look a dotted name up: imports by name, and patches. Pure, one node at a time."""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from netra_migrate.domain.references import Form
from netra_migrate.scan.syntax import dotted

_IMPORTERS = frozenset(
    [
        "import_module",
        "__import__",
        "import_string",
        "import_from_string",
        "import_object",
        "resolve_name",
        "find_spec",
        "run_module",
        "locate",
        "importorskip",
        "load_object",
        "import_by_path",
    ]
)
_PATCHERS = frozenset(
    {"patch", "object", "dict", "multiple", "spy", "setattr", "delattr", "setitem", "delitem"}
)
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)*")


class Lookup(NamedTuple):
    """A dotted name that is looked up. `node`: where it stands; `written`: as a name of this file.

    `consumed`: string constants that need no second look.
    """

    node: ast.expr
    form: Form
    name: str
    relative_to: str | None = None
    written: bool = False
    attributes: tuple[str, ...] = ()
    consumed: tuple[ast.expr, ...] = ()


def lookups(node: ast.Call) -> Iterator[Lookup]:
    """What a call looks up, if anything."""
    name = dotted(node.func) or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
    last = name.rpartition(".")[2]
    if last in _IMPORTERS:
        yield from _imported(node)
    elif last in _PATCHERS:
        yield from _patched(node, name, last)


def _imported(node: ast.Call) -> Iterator[Lookup]:
    first = _argument(node, 0, ("name", "modname", "dotted_path", "import_str", "mod_name", "path"))
    name = _constant(first)
    if first is None or name is None:
        return
    package = _constant(_argument(node, 1, ("package",)))
    if _DOTTED.fullmatch(name.lstrip(".")):
        yield Lookup(first, Form.DYNAMIC, name, package, attributes=_fromlist(node), consumed=(first,))


def _fromlist(node: ast.Call) -> tuple[str, ...]:
    given = _argument(node, 3, ("fromlist",))
    if not isinstance(given, (ast.List, ast.Tuple)):
        return ()
    return tuple(name for each in given.elts if (name := _constant(each)) and name != "*")


def _patched(node: ast.Call, name: str, last: str) -> Iterator[Lookup]:
    first = _argument(node, 0, ("target", "in_dict"))
    if first is None or (last in ("object", "dict", "multiple") and "patch" not in name):
        return
    if _is_modules(first):
        yield from _modules(node)
        return
    path = _constant(first)
    if path is not None and _DOTTED.fullmatch(path) and last not in ("object", "spy", "setitem", "delitem"):
        extra = tuple(each.arg for each in node.keywords if each.arg) if last == "multiple" else ()
        yield Lookup(first, Form.PATCH, path.replace(":", "."), attributes=extra, consumed=(first,))
        return
    owner, attribute = dotted(first), _constant(_argument(node, 1, ("attribute", "name")))
    if (
        owner
        and attribute
        and attribute.isidentifier()
        and "." in name
        and not isinstance(first, ast.Subscript)
    ):
        yield Lookup(first, Form.PATCH, f"{owner}.{attribute}", written=True)


def _modules(node: ast.Call) -> Iterator[Lookup]:
    """Names that are put into or taken out of `sys.modules`."""
    second = _argument(node, 1, ("values", "name"))
    keys = second.keys if isinstance(second, ast.Dict) else [second]
    for key in keys:
        name = _constant(key)
        if key is not None and name and _DOTTED.fullmatch(name):
            yield Lookup(key, Form.PATCH, name, consumed=(key,))


def subscripted(node: ast.Subscript) -> Iterator[Lookup]:
    """`sys.modules["a.b"]`: a patch where it is assigned or deleted, else an import by name."""
    name = _constant(node.slice)
    if name and _DOTTED.fullmatch(name) and _is_modules(node.value):
        form = Form.DYNAMIC if isinstance(node.ctx, ast.Load) else Form.PATCH
        yield Lookup(node.slice, form, name, consumed=(node.slice,))


def _is_modules(node: ast.expr) -> bool:
    return _constant(node) == "sys.modules" or dotted(node) == "sys.modules"


def _argument(node: ast.Call, position: int, names: tuple[str, ...]) -> ast.expr | None:
    if position < len(node.args):
        return node.args[position]
    return next((each.value for each in node.keywords if each.arg in names), None)


def _constant(node: ast.expr | None) -> str | None:
    """A string that is known without running anything: a literal, or literals added up."""
    match node:
        case ast.Constant(value=str() as value):
            return value
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            first, second = _constant(left), _constant(right)
            return None if first is None or second is None else first + second
        case _:
            return None
