"""Calls of the handling methods, and whose they are where the same file says so. Pure, one walk.

Inference is deliberately small: constructors, annotations, displays of handlers and `isinstance` in
sight of the call. What it does not know is None, never a guess.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator

from netra_migrate.configuration import Configuration
from netra_migrate.domain.handlers import Call, HandlerClass, Shape
from netra_migrate.scan.syntax import (
    Function,
    Resolve,
    children,
    classes,
    dotted,
    last,
    methods,
    nodes,
    resolver,
    type_of_function,
)

_LOGGER = re.compile(r"(^|[._])log(s|ger|ging)?$", re.IGNORECASE)
_ELSEWHERE = frozenset((*sys.stdlib_module_names, "structlog", "loguru", "django", "tornado", "aiohttp"))
_WRAPPERS = ("Optional", "Annotated", "Final", "ClassVar", "Awaitable", "type", "Type")
_COLLECTIONS = ("dict", "list", "tuple", "set", "Dict", "List", "Mapping", "MutableMapping", "Sequence")

Types = dict[str, str]
"""What is known of names in sight: `handler` or `self.handler` to a class, `handlers[]` to its elements."""


def read_calls(
    tree: ast.Module, *, path: str, module: str, resolve: Resolve, configuration: Configuration
) -> tuple[Call, ...]:
    """Every call of the legacy or canonical method, in the order of the text; see `settle_calls`.

    Calls on loggers and on objects of the standard library are not candidates.
    """
    names = frozenset((configuration.legacy.method, configuration.canonical.method))
    if not any(isinstance(each, ast.Attribute) and each.attr in names for each in nodes(tree)):
        return ()  # most files, which need not be understood
    known = resolver(tree, module=module, resolve=resolve)
    nested = {id(node): f"{module}.{name}" for name, node in classes(tree)}
    reader = _Reader(path=path, names=names, resolve=known, nested=nested)
    reader.block(tree.body, {})
    return tuple(sorted(reader.found, key=lambda each: (each.line, each.column)))


def settle_calls(calls: Iterable[Call], handlers: Iterable[HandlerClass]) -> tuple[Call, ...]:
    """Without the calls whose target is a class known to be no handler, sorted; `handlers` are settled."""
    unrelated = {f"{each.module}.{each.name}" for each in handlers if each.shape is Shape.UNRELATED}
    kept = (each for each in calls if each.target not in unrelated)
    return tuple(sorted(kept, key=lambda each: (each.path, each.line, each.column)))


class _Reader:
    def __init__(self, *, path: str, names: frozenset[str], resolve: Resolve, nested: dict[int, str]) -> None:
        self.path = path
        self.names = names
        self.resolve = resolve
        self.nested = nested
        self.found: list[Call] = []

    def block(self, body: list[ast.stmt], types: Types) -> None:
        """Reads statements in order; `types` grows with what they assign."""
        for statement in body:
            match statement:
                case ast.ClassDef():
                    self._calls(ast.Tuple(elts=statement.decorator_list), types)
                    self._class(statement, types)
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self._calls(ast.Tuple(elts=statement.decorator_list), types)
                    self.block(statement.body, self._inside(statement, types))
                case _:
                    self._statement(statement, types)

    def _class(self, node: ast.ClassDef, types: Types) -> None:
        inner = {name: kind for name, kind in types.items() if not name.startswith("self.")}
        inner["self"] = self.nested[id(node)]
        if node.bases and dotted(node.bases[0]) is not None:
            inner["super()"] = self.resolve(dotted(node.bases[0]) or "")
        self._attributes(node, inner)
        self.block(node.body, inner)

    def _attributes(self, node: ast.ClassDef, types: Types) -> None:
        """What `self.x` is, by annotations in the class and assignments in any of its methods."""
        differing: set[str] = set()
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                self._learn(f"self.{statement.target.id}", statement, types)
        for function in methods(node).values():
            local = self._inside(function, types)
            for statement in _assignments(function.body):
                self._learn(_assigned(statement), statement, local)
            for name in [each for each in local if each.startswith("self.")]:
                if types.setdefault(name, local[name]) != local[name]:
                    differing.add(name)
        for name in differing:
            del types[name]

    def _statement(self, node: ast.stmt, types: Types) -> None:
        for expression in _expressions(node):
            self._calls(expression, types)
        match node:
            case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
                self._learn(dotted(target), node, types)  # after its calls, which still see the old value
            case (
                ast.For(target=ast.Name(id=name), iter=source)
                | ast.AsyncFor(target=ast.Name(id=name), iter=source)
            ):
                _set(types, name, self._element(source, types))
            case ast.Assert(test=test):
                types.update(self._narrowed(test))
            case ast.If(test=test, body=body, orelse=orelse):
                self._if(test, body, orelse, types)
                return
        self.block(list(children(node)), types)

    def _if(self, test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt], types: Types) -> None:
        self.block(body, {**types, **self._narrowed(test)})
        for branch in (body, orelse):
            for statement in _assignments(branch):
                self._learn(_assigned(statement), statement, types)
        if isinstance(test, ast.UnaryOp) and isinstance(body[-1], (ast.Return, ast.Raise, ast.Continue)):
            types.update(self._narrowed(test.operand))
        self.block(orelse, dict(types))

    def _learn(self, name: str | None, node: ast.stmt, types: Types) -> None:
        if name is None or not isinstance(node, (ast.Assign, ast.AnnAssign)):
            return
        declared = node.annotation if isinstance(node, ast.AnnAssign) else None
        _set(types, name, self._annotation(declared) or self._value(node.value, types))
        _set(types, f"{name}[]", self._elements(declared, node.value))
        if isinstance(node.value, ast.Dict):
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                if isinstance(key, ast.Constant):
                    _set(types, f"{name}[{key.value!r}]", self._value(value, types))

    def _value(self, node: ast.expr | None, types: Types) -> str | None:
        """The class of an expression, as far as it is in sight."""
        match node:
            case ast.Await(value=inner):
                return self._value(inner, types)
            case ast.Call(func=ast.Name(id="super")):
                return types.get("super()")
            case ast.Call(func=ast.Attribute(value=owner, attr="get"), args=[_, *_]):
                return types.get(f"{dotted(owner)}[]")
            case ast.Call(func=function):
                return self._made(dotted(function))
            case ast.Subscript(value=owner, slice=ast.Constant(value=key)):
                name = dotted(owner)
                return types.get(f"{name}[{key!r}]") or types.get(f"{name}[]")
            case ast.Subscript(value=owner):
                return types.get(f"{dotted(owner)}[]")
            case ast.Name() | ast.Attribute():
                return types.get(dotted(node) or "")
            case _:
                return None

    def _made(self, name: str | None) -> str | None:
        """A constructor's class; also what a function of the standard library gives, which is no handler."""
        if name is None:
            return None
        absolute = self.resolve(name)
        is_class = last(absolute).lstrip("_")[:1].isupper()
        return absolute if is_class or absolute.split(".")[0] in _ELSEWHERE else None

    def _annotation(self, node: ast.expr | None) -> str | None:
        match node:
            case ast.Constant(value=str() as text):
                return self._annotation(_parsed(text))
            case ast.BinOp(left=left, right=right, op=ast.BitOr()):
                options = {self._annotation(each) for each in (left, right)} - {None}
                return options.pop() if len(options) == 1 else None
            case ast.Subscript(value=owner, slice=inner) if last(dotted(owner) or "") in _WRAPPERS:
                return self._annotation(inner.elts[0] if isinstance(inner, ast.Tuple) else inner)
            case ast.Subscript(value=owner) if last(dotted(owner) or "") in _COLLECTIONS:
                return None
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self._made(dotted(node)) if last(dotted(node) or "") not in ("Any", "Self") else None
            case _:
                return None

    def _elements(self, declared: ast.expr | None, value: ast.expr | None) -> str | None:
        if isinstance(declared, ast.Subscript) and last(dotted(declared.value) or "") in _COLLECTIONS:
            inner = declared.slice.elts[-1] if isinstance(declared.slice, ast.Tuple) else declared.slice
            return self._annotation(inner)
        match value:
            case ast.Dict(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
                found = {self._value(each, {}) for each in parts}
                return found.pop() if len(found) == 1 else None
            case _:
                return None

    def _element(self, source: ast.expr, types: Types) -> str | None:
        """What a loop over `handlers`, `handlers.values()` or a display of handlers gives."""
        if isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute):
            source = source.func.value if source.func.attr == "values" else source
        return self._elements(None, source) or types.get(f"{dotted(source)}[]")

    def _inside(self, function: Function, types: Types) -> Types:
        """What is known inside a function: its parameters hide names of around it, except `self`."""
        inner = dict(types)
        for each in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs):
            if each.arg != "self":
                _set(inner, each.arg, self._annotation(each.annotation))
                _set(inner, f"{each.arg}[]", self._elements(each.annotation, None))
        return inner

    def _narrowed(self, test: ast.expr) -> Types:
        match test:
            case ast.Call(func=ast.Name(id="isinstance"), args=[subject, kind]):
                name, narrowed = dotted(subject), self._made(dotted(kind))
                return {name: narrowed} if name and narrowed else {}
            case ast.BoolOp(op=ast.And(), values=parts):
                return {name: kind for part in parts for name, kind in self._narrowed(part).items()}
            case _:
                return {}

    def _calls(self, expression: ast.expr, types: Types) -> None:
        for node in ast.walk(expression):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in self.names
            ):
                self._call(node, node.func, types)

    def _call(self, node: ast.Call, function: ast.Attribute, types: Types) -> None:
        receiver = ast.unparse(function.value)
        target = self._value(function.value, types)
        if target is not None and target.split(".")[0] in _ELSEWHERE:
            return
        if target is None and _LOGGER.search(receiver):
            return
        self.found.append(
            Call(
                path=self.path,
                line=node.lineno,
                column=node.col_offset,
                method=function.attr,
                receiver=receiver,
                arguments=len(node.args) + len(node.keywords),
                target=target,
            )
        )


def _set(types: Types, name: str, kind: str | None) -> None:
    """Knows it, or forgets what was known: a name that is assigned something unknown is unknown."""
    types.pop(name, None)
    if kind is not None:
        types[name] = kind


def _expressions(node: ast.stmt) -> Iterator[ast.expr]:
    """The expressions of a statement that are not inside the statements it holds."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        elif isinstance(child, ast.withitem):
            yield child.context_expr
        elif isinstance(child, ast.match_case) and child.guard is not None:
            yield child.guard


def _assignments(body: list[ast.stmt]) -> Iterator[ast.Assign | ast.AnnAssign]:
    for statement in body:
        if isinstance(statement, ast.AnnAssign) or (
            isinstance(statement, ast.Assign) and len(statement.targets) == 1
        ):
            yield statement
        if not isinstance(statement, (ast.ClassDef, *type_of_function)):
            yield from _assignments(list(children(statement)))


def _assigned(statement: ast.Assign | ast.AnnAssign) -> str | None:
    return dotted(statement.targets[0] if isinstance(statement, ast.Assign) else statement.target)


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return None
