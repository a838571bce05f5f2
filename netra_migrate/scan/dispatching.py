"""Whether a class holds several handlers and picks one for each message. Pure."""

import ast
from collections.abc import Iterator

from netra_migrate.configuration import Configuration
from netra_migrate.scan.syntax import dotted, last, methods

_HOLDERS = ("handler", "route", "registry", "dispatch")
_OWN = ("self", "cls", "super")


def dispatches(node: ast.ClassDef, *, is_handler: bool, configuration: Configuration) -> bool:
    """Whether a class calls the handling method of others and holds a collection, or several, of them.

    One that `is_handler` itself must hold a collection: an adapter calls both sides and is no service.
    """
    calls = (each for function in methods(node).values() for each in ast.walk(function))
    receivers = {each for call in calls for each in _receiver(call, configuration)}
    several = len(receivers) > 1 and not is_handler
    return several or (bool(receivers) and _holds_many(node))


def _receiver(node: ast.AST, configuration: Configuration) -> Iterator[str]:
    sides = (configuration.legacy, configuration.canonical)
    match node:
        case ast.Call(func=ast.Attribute(value=receiver, attr=name), args=given, keywords=named):
            count = len(given) + len(named)
            if any(name == side.method and count >= len(side.parameters) for side in sides):
                written = ast.unparse(receiver)
                if written.split("(")[0] not in _OWN and "log" not in written.lower():
                    yield written


def _holds_many(node: ast.ClassDef) -> bool:
    for each in ast.walk(node):
        match each:
            case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=value):
                if _is_holder(target) and _is_collection(value):
                    return True
            case ast.Dict(values=entries) | ast.List(elts=entries) if _are_handlers(entries):
                return True
            case (
                ast.Subscript(value=held)
                | ast.Call(func=ast.Attribute(value=held, attr="get" | "values" | "items"))
                | ast.For(iter=held)
                | ast.comprehension(iter=held)
            ) if (dotted(held) or "").startswith("self.") and _is_holder(held):
                return True
    return False


def _is_holder(target: ast.expr) -> bool:
    name = last(dotted(target) or "").lower()
    return any(each in name for each in _HOLDERS)


def _is_collection(value: ast.expr | None) -> bool:
    made = dotted(value.func) if isinstance(value, ast.Call) else None
    if made is not None:
        return last(made) in ("dict", "list", "defaultdict", "OrderedDict", "WeakValueDictionary")
    return isinstance(value, (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp))


def _are_handlers(entries: list[ast.expr]) -> bool:
    return any("handler" in (_made(each) or "").lower() for each in entries)


def _made(entry: ast.expr) -> str | None:
    return dotted(entry.func if isinstance(entry, ast.Call) else entry)
