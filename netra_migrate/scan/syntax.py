"""Small readings of syntax trees that several scans share. Pure; never looks at files."""

import ast
import functools
from collections.abc import Callable, Iterator

type_of_function = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef
Resolve = Callable[[str], str]
"""A dotted name as a file writes it, to the absolute one; names it does not know come back as they are."""


_SILENT = frozenset(("ctx", "op", "ops", "type_comment", "kind", "conversion"))
"""Fields with nothing to find in them, though every name and attribute has one: half of what `ast.walk` gives."""


@functools.lru_cache(maxsize=1)
def nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    """All of a tree but contexts and operators, outer before inner; kept for the next reader of the same tree."""
    found: list[ast.AST] = [tree]
    for node in found:
        for field in _fields(node):
            value = getattr(node, field, None)
            if isinstance(value, ast.AST):
                found.append(value)
            elif isinstance(value, list):
                found += [each for each in value if isinstance(each, ast.AST)]
    return tuple(found)


_known: dict[str, tuple[str, ...]] = {}
"""Fields by the name of the kind of node, of which there are a hundred."""


def _fields(node: ast.AST) -> tuple[str, ...]:
    kind = node.__class__.__name__
    if kind not in _known:
        _known[kind] = tuple(field for field in node._fields if field not in _SILENT)
    return _known[kind]


def dotted(node: ast.AST | None) -> str | None:
    """`a.b.c` of a chain of attributes on a name, `C` of `C[...]`; None of anything else."""
    parts: list[str] = []
    while True:
        match node:
            case ast.Attribute(value=inner, attr=name):
                parts.append(name)
                node = inner
            case ast.Subscript(value=inner):
                node = inner
            case ast.Name(id=name):
                return ".".join([name, *reversed(parts)])
            case _:
                return None


def last(name: str) -> str:
    """The part after the last dot."""
    return name.rpartition(".")[2]


def children(statement: ast.stmt) -> Iterator[ast.stmt]:
    """The statements directly inside a statement, in the order of the text."""
    for field in ("body", "handlers", "cases", "orelse", "finalbody"):
        for child in getattr(statement, field, ()):
            if isinstance(child, ast.stmt):
                yield child
            else:  # an except or a case, which only hold statements
                yield from child.body


def block(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of one scope: also those under `if`, `try` and `with`, not those of defs in it."""
    for statement in body:
        yield statement
        if not isinstance(statement, (ast.ClassDef, *type_of_function)):
            yield from block(list(children(statement)))


def classes(tree: ast.Module) -> Iterator[tuple[str, ast.ClassDef]]:
    """Every class with its qualified name, as Python's own `__qualname__`, in the order of the text."""
    yield from _classes(tree.body, "")


def _classes(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield prefix + statement.name, statement
            yield from _classes(statement.body, f"{prefix}{statement.name}.")
        elif isinstance(statement, type_of_function):
            yield from _classes(statement.body, f"{prefix}{statement.name}.<locals>.")
        else:
            yield from _classes(list(children(statement)), prefix)


def methods(node: ast.ClassDef) -> dict[str, Function]:
    """The functions of a class by name; of several with one name, such as overloads, the last."""
    return {each.name: each for each in block(node.body) if isinstance(each, type_of_function)}


def parameters(function: Function, *, bound: bool = True) -> tuple[str, ...]:
    """Names of parameters; `*args` and `**options` with their stars; without the first if `bound`."""
    arguments = function.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    if bound and not any(dotted(each) == "staticmethod" for each in function.decorator_list):
        names = names[1:]
    if arguments.vararg:
        names.append(f"*{arguments.vararg.arg}")
    names += [each.arg for each in arguments.kwonlyargs]
    if arguments.kwarg:
        names.append(f"**{arguments.kwarg.arg}")
    return tuple(names)


def constructor(node: ast.ClassDef) -> tuple[str, ...] | None:
    """Parameters of `__init__`, or the fields of a dataclass; None where a class has neither of its own."""
    own = methods(node).get("__init__")
    if own is not None:
        return parameters(own)
    if not any(_is_dataclass(each) for each in node.decorator_list):
        return None
    return tuple(
        each.target.id
        for each in node.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and not _is_classvar(each)
    )


def required(node: ast.ClassDef) -> tuple[str, ...]:
    """Those of the constructor's own parameters that have no default; of fields nothing is known."""
    own = methods(node).get("__init__")
    if own is None:
        return ()
    arguments = own.args
    places = [*arguments.posonlyargs, *arguments.args][1:]
    by_place = places[: len(places) - len(arguments.defaults)] if arguments.defaults else places
    by_name = (
        each
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    )
    return tuple(each.arg for each in (*by_place, *by_name))


def members(node: ast.ClassDef) -> set[str]:
    """What instances of a class have by its own text: methods, attributes of the class and those of `self`."""
    found = {each.name for each in block(node.body) if isinstance(each, (*type_of_function, ast.ClassDef))}
    for statement in block(node.body):
        targets = (
            statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        )
        for target in targets:
            found |= {each.id for each in ast.walk(target) if isinstance(each, ast.Name)} if target else set()
    stores = (
        each for each in ast.walk(node) if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
    )
    return found | {each.attr for each in stores if dotted(each.value) == "self"}


def _is_dataclass(decorator: ast.expr) -> bool:
    name = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return name is not None and last(name) in ("dataclass", "define", "frozen", "attrs", "s")


def _is_classvar(statement: ast.AnnAssign) -> bool:
    return last(dotted(statement.annotation) or "") == "ClassVar"


def resolver(tree: ast.Module, *, module: str, resolve: Resolve) -> Resolve:
    """`resolve`, with the classes of this file under their absolute names."""
    own = {name for name, _ in classes(tree) if "<locals>" not in name}
    inner = {last(name): name for name, _ in classes(tree) if "<locals>" in name}

    def known(name: str) -> str:
        if name in own or name in inner:
            return f"{module}.{inner.get(name, name)}"
        return resolve(name)

    return known
