"""Which message types a class says it takes, in each of the ways in which code says so. Pure."""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping

from netra_migrate.scan.syntax import classes, dotted, last, methods, type_of_function

_ATTRIBUTES = frozenset(
    (
        "supported_types",
        "message_types",
        "message_type",
        "supported_message_types",
        "handled_types",
        "handles",
    )
)
_GETTERS = frozenset(("get_message_type", "get_message_types", "get_supported_types", *_ATTRIBUTES))
_ASKED = frozenset(("can_handle", "supports", "accepts"))
_DECORATORS = frozenset(
    (
        "handles",
        "handler",
        "register",
        "register_handler",
        "message_handler",
        "on",
        "on_message",
        "handle",
        "route",
    )
)
_REGISTER = frozenset(
    ("register", "register_handler", "add_handler", "add_route", "add_message_handler", "on")
)

Values = Mapping[str, str]
"""`Enum.MEMBER` to its value, of the enums of a file."""


def enum_values(tree: ast.Module) -> dict[str, str]:
    """The members of the enums of a file; `auto()` of a `StrEnum` is the name in lower case."""
    return {
        f"{name}.{target.id}": _member(statement.value, target.id)
        for name, node in classes(tree)
        if any("Enum" in (dotted(base) or "") for base in node.bases)
        for statement in node.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def _member(value: ast.expr, name: str) -> str:
    if isinstance(value, ast.Tuple) and value.elts:
        value = value.elts[0]
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else name.lower()


def message_type(node: ast.AST | None, values: Values) -> str | None:
    """The type that an expression names: a text, or a member of an enum; None of anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    name = dotted(node)
    if name is None or isinstance(node, ast.Subscript):
        return None
    name = name.removesuffix(".value").removesuffix(".name")
    if name in values:
        return values[name]
    member = last(name)
    return member.lower() if "." in name and member.isupper() else None


def _holds(called: str) -> bool:
    """Whether what is called only holds its arguments: a collection, an enum, a class of either."""
    return called in ("set", "frozenset", "list", "tuple", "dict", "cast") or called[:1].isupper()


def listed(node: ast.AST | None, values: Values) -> Iterator[str]:
    """The types in a display, in `frozenset(...)` around one, or the one that stands alone."""
    match node:
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            for part in parts:
                yield from listed(part, values)
        case ast.Dict(keys=keys):
            for key in keys:
                yield from listed(key, values)
        case ast.Call(func=function, args=arguments):
            # What is looked up by name, such as a setting, is no type.
            for argument in arguments if _holds(last(dotted(function) or "")) else ():
                yield from listed(argument, values)
        case ast.BoolOp(values=parts):
            for part in parts:
                yield from listed(part, values)
        case _:
            single = message_type(node, values)
            if single is not None:
                yield single


def claimed(node: ast.ClassDef, values: Values) -> tuple[str, ...]:
    """The types that a class claims by itself, in the order of the text, each once."""
    found = [each for decorator in node.decorator_list for each in _decorated(decorator, values)]
    for statement in node.body:
        found += _assigned(statement, values)
    for name, function in methods(node).items():
        plain = name.strip("_").lower()
        if plain in _GETTERS:
            found += _returned(function, values)
        elif plain in _ASKED:
            found += _compared(function, values)
        elif name == "__init__":
            found += _constructed(function, values)
    return tuple(dict.fromkeys(found))


def _decorated(decorator: ast.expr, values: Values) -> Iterator[str]:
    if isinstance(decorator, ast.Call) and last(dotted(decorator.func) or "") in _DECORATORS:
        for argument in decorator.args:
            yield from listed(argument, values)


def _assigned(statement: ast.stmt, values: Values) -> Iterator[str]:
    match statement:
        case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=value):
            if last(dotted(target) or "").strip("_").lower() in _ATTRIBUTES:
                yield from listed(value, values)


def _returned(function: ast.AST, values: Values) -> Iterator[str]:
    for each in ast.walk(function):
        if isinstance(each, ast.Return):
            yield from listed(each.value, values)


def _compared(function: ast.AST, values: Values) -> Iterator[str]:
    for each in ast.walk(function):
        if isinstance(each, ast.Compare):
            for side in (each.left, *each.comparators):
                yield from listed(side, values)


def _constructed(function: ast.AST, values: Values) -> Iterator[str]:
    """`super().__init__([...])`, `supported_types=(...)` as a default, `self.message_type = ...`."""
    for each in ast.walk(function):
        if isinstance(each, ast.stmt) and not isinstance(each, type_of_function):
            yield from _assigned(each, values)
        elif isinstance(each, ast.Call) and _is_constructor_of_base(each):
            for argument in (*each.args, *(keyword.value for keyword in each.keywords)):
                yield from _typed_argument(argument, values)
        elif isinstance(each, ast.arguments):
            for default in (*each.defaults, *each.kw_defaults):
                yield from _typed_argument(default, values)


def _is_constructor_of_base(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "__init__"


def _typed_argument(node: ast.AST | None, values: Values) -> Iterator[str]:
    if not isinstance(node, ast.Constant):  # a lone text may be the handler's name or anything
        yield from listed(node, values)


def registered(
    nodes: Iterable[ast.AST], *, values: Values, resolve: Callable[[str], str]
) -> list[tuple[str, str, int]]:
    """`register("x", Handler)`, `{"x": Handler()}` and `handlers["x"] = Handler`: type, class, line."""
    found = (
        each
        for node in nodes
        if isinstance(node, ast.Call | ast.Dict | ast.Assign)
        for each in _registered(node, values, resolve)
    )
    return sorted(found, key=lambda each: each[2])


def _registered(
    node: ast.AST, values: Values, resolve: Callable[[str], str]
) -> Iterator[tuple[str, str, int]]:
    match node:
        case ast.Call(func=function, args=[first, second, *_]):
            if last(dotted(function) or "") in _REGISTER:
                yield from _pair(first, second, values, resolve)
        case ast.Dict(keys=keys, values=entries):
            for key, entry in zip(keys, entries, strict=True):
                yield from _pair(key, entry, values, resolve)
        case ast.Assign(targets=[ast.Subscript(slice=key)], value=entry):
            yield from _pair(key, entry, values, resolve)


def _pair(
    key: ast.AST | None, entry: ast.expr, values: Values, resolve: Callable[[str], str]
) -> Iterator[tuple[str, str, int]]:
    name = message_type(key, values)
    made = dotted(entry.func if isinstance(entry, ast.Call) else entry)
    if name is not None and made is not None and last(made)[:1].isupper():
        yield name, resolve(made), entry.lineno
