"""The names of a module: what its importers can take from it, private ones too. Pure."""

import ast
from collections.abc import Iterator

import msgspec

from netra_migrate.domain.survey import Symbol
from netra_migrate.scan.message_types import Values, claimed, enum_values, registered
from netra_migrate.scan.syntax import (
    Resolve,
    block,
    constructor,
    dotted,
    last,
    members,
    methods,
    parameters,
    required,
    resolver,
)

_BARE = frozenset(("object", "ABC", "Protocol", "Generic"))
"""Bases that give instances nothing of their own."""


def module_symbols(tree: ast.Module, *, module: str, resolve: Resolve) -> tuple[Symbol, ...]:
    """Names in the order of the text: classes, functions, values, and imports it hands on.

    Names that Python gives every module are left out. A class without a constructor
    has that of its base in the same module; `constructor` of a function are its parameters, and `bases`
    of an import is the absolute name it has where it comes from.
    """
    known = resolver(tree, module=module, resolve=resolve)
    values = enum_values(tree)
    found: dict[str, Symbol] = {}
    for statement in block(tree.body):
        for symbol in _symbols(statement, known, values):
            found[symbol.name] = symbol
    for message_type, handler, _ in registered(ast.walk(tree), values=values, resolve=known):
        _claim(found, handler.removeprefix(f"{module}."), message_type)
    own = (each for each in _inherit(found, module) if not is_dunder(each.name))
    return tuple(sorted(own, key=lambda each: (each.line, each.name)))


def is_dunder(name: str) -> bool:
    """Whether a name is Python's own, such as `__dict__`."""
    return name.startswith("__") and name.endswith("__")


def exported(tree: ast.Module) -> tuple[str, ...] | None:
    """`__all__` as far as it is written out, with what is added to it; None where there is none."""
    names: list[str] | None = None
    for statement in tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=value)
                | ast.AugAssign(target=ast.Name(id="__all__"), value=value)
            ):
                names = [*(names or ()), *_texts(value)]
    return None if names is None else tuple(names)


def _texts(value: ast.expr | None) -> Iterator[str]:
    for node in ast.walk(value) if value is not None else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _symbols(statement: ast.stmt, resolve: Resolve, values: Values) -> Iterator[Symbol]:
    line = statement.lineno
    match statement:
        case ast.ClassDef():
            yield _class(statement, resolve, values)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield Symbol(
                name=statement.name,
                kind="function",
                line=line,
                constructor=parameters(statement, bound=False),
            )
        case ast.Assign(targets=targets):
            for target in targets:
                yield from _values(target, line)
        case ast.AnnAssign(target=target):
            yield from _values(target, line)
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            for each in names:
                bound = each.asname or each.name.partition(".")[0]
                if bound != "*" and not _is_future(statement):
                    yield Symbol(name=bound, kind="import", line=line, bases=(resolve(bound),))


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _values(target: ast.expr, line: int) -> Iterator[Symbol]:
    match target:
        case ast.Name(id=name) if not (name.startswith("__") and name.endswith("__")):
            yield Symbol(name=name, kind="value", line=line)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from _values(part, line)


def _class(node: ast.ClassDef, resolve: Resolve, values: Values) -> Symbol:
    own = constructor(node)
    return Symbol(
        name=node.name,
        kind="class",
        line=node.lineno,
        bases=tuple(resolve(each) for each in map(dotted, node.bases) if each is not None),
        constructor=("…",) if own is None else own,
        message_types=claimed(node, values),
        required=required(node),
        members=tuple(sorted(members(node))),
        closed=not {"__getattr__", "__getattribute__"} & methods(node).keys(),
    )


def _claim(found: dict[str, Symbol], name: str, message_type: str) -> None:
    symbol = found.get(name)
    if symbol is not None and symbol.kind == "class" and message_type not in symbol.message_types:
        found[name] = msgspec.structs.replace(symbol, message_types=(*symbol.message_types, message_type))


def _inherit(found: dict[str, Symbol], module: str) -> Iterator[Symbol]:
    """Fills constructors marked as inherited from bases in the same module; of others nothing is known."""
    for symbol in found.values():
        seen: set[str] = set()
        each: Symbol | None = symbol
        while each is not None and each.constructor == ("…",) and each.name not in seen:
            seen.add(each.name)
            inside = (found.get(base.removeprefix(f"{module}.")) for base in each.bases)
            each = next((base for base in inside if base is not None and base.kind == "class"), None)
        known = each is not None and each.constructor != ("…",)
        family, closed = _family(symbol, found, module)
        yield msgspec.structs.replace(
            symbol,
            constructor=each.constructor if each and known else (),
            required=each.required if each and known else (),
            members=tuple(sorted({name for one in family for name in one.members})),
            closed=closed,
        )


def _family(symbol: Symbol, found: dict[str, Symbol], module: str) -> tuple[list[Symbol], bool]:
    """A class and all that it inherits from in the module, and whether it inherits from nothing else."""
    family, waiting, closed = [symbol], list(symbol.bases), symbol.closed
    while waiting:
        base = waiting.pop()
        inside = found.get(base.removeprefix(f"{module}."))
        if inside is None or inside.kind != "class":
            closed = closed and last(base) in _BARE
        elif inside not in family:
            family.append(inside)
            waiting += inside.bases
            closed = closed and inside.closed
    return family, closed
