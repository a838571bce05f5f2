"""What the top-level names of a module stand for, and what it hands on to those who import it. Pure."""

import ast
from collections.abc import Callable, Iterator

from netra_migrate.domain.references import Context
from netra_migrate.scan.contexts import Contexts
from netra_migrate.scan.facts import Definition
from netra_migrate.scan.lookups import lookups
from netra_migrate.scan.syntax import block, dotted

Absolute = Callable[[str, int], str | None]
"""A module as written, and how many dots stand before it, to its absolute name."""


class Bindings:
    """Collects them statement by statement; `close` when all have been seen.

    `local`: any name bound by an import anywhere in the file, to what it stands for.
    """

    def __init__(self) -> None:
        self.local: dict[str, str] = {}
        self.top: dict[str, str] = {}
        self.definitions: dict[str, Definition] = {}
        self.stars: list[str] = []
        self.exported: list[str] | None = None
        self.lazy = False
        self._aliases: list[tuple[str, str, bool]] = []
        self._maps: list[tuple[str, str]] = []

    def bind(self, name: str, target: str, contexts: Contexts) -> None:
        """An import binds a name."""
        is_top = Context.FUNCTION not in contexts and Context.CLASS not in contexts
        if is_top:
            self.top.setdefault(name, target)
            self.local[name] = target
        else:
            self.local.setdefault(name, target)

    def star(self, module: str, contexts: Contexts) -> None:
        """All names of a module are taken."""
        if Context.FUNCTION not in contexts:
            self.stars.append(module)

    def alias(self, node: ast.Assign) -> None:
        """An assignment inside a function: it matters only for modules imported by name."""
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._alias(target.id, node.value, is_top=False)

    def statement(self, node: ast.stmt, absolute: Absolute) -> None:
        """A statement at the top of the module, or under `if` and `try` there."""
        match node:
            case ast.ClassDef():
                self.definitions[node.name] = _class(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.definitions[node.name] = Definition("function")
                if node.name == "__getattr__":
                    self._lazy(node, absolute)
            case ast.Assign():
                for target in node.targets:
                    self._assign(target, node.value, absolute)
            case ast.AnnAssign():
                self._assign(node.target, node.value, absolute)
            case ast.AugAssign(target=ast.Name(id="__all__"), value=value):
                self.exported = [*(self.exported or ()), *_strings(value)]
            case ast.Expr(value=ast.Call(func=function, args=[value])):
                if dotted(function) in ("__all__.extend", "__all__.append"):
                    self.exported = [*(self.exported or ()), *_strings(value)]

    def close(self) -> None:
        """Settles assignments and lazy maps, which may stand before what they need."""
        for name, chain, is_top in self._aliases:
            root, dot, rest = chain.partition(".")
            target = self.local.get(root) if root != "=" else rest
            if target is None:
                continue
            value = target + dot + rest if root != "=" else target
            self.local.setdefault(name, value)
            if is_top:
                self.top.setdefault(name, value)
        if self.lazy:
            for name, target in self._maps:
                self.top.setdefault(name, target)

    def _assign(self, target: ast.expr, value: ast.expr | None, absolute: Absolute) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            for each in target.elts:
                self._assign(each, None, absolute)
        if not isinstance(target, ast.Name):
            return
        if target.id == "__all__" and value is not None:
            self.exported = list(_strings(value))
            return
        self.definitions.setdefault(target.id, Definition("value"))
        self._alias(target.id, value, is_top=True)
        self._map(value, absolute)

    def _alias(self, name: str, value: ast.expr | None, *, is_top: bool) -> None:
        if isinstance(value, ast.Call):
            found = next(iter(lookups(value)), None)
            if found and not found.written and not found.name.startswith("."):
                self._aliases.append((name, f"=.{found.name}", is_top))
        elif isinstance(value, (ast.Name, ast.Attribute)) and (chain := dotted(value)):
            self._aliases.append((name, chain, is_top))

    def _map(self, value: ast.expr | None, absolute: Absolute) -> None:
        """`{"Name": "a.b"}`, `{"Name": ("a.b", "Name")}` or `{"Name": "a.b:Name"}` for `__getattr__`."""
        if not isinstance(value, ast.Dict):
            return
        for key, each in zip(value.keys, value.values, strict=True):
            words = list(_strings(each))
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and words:
                module = words[0].replace(":", ".")
                stem = module.lstrip(".")
                named = absolute(stem, len(module) - len(stem))
                attribute = words[1] if len(words) > 1 else key.value
                if named and not named.endswith("." + attribute):
                    named = f"{named}.{attribute}"
                if named:
                    self._maps.append((key.value, named))

    def _lazy(self, node: ast.FunctionDef | ast.AsyncFunctionDef, absolute: Absolute) -> None:
        self.lazy = True
        for statement in block(node.body):
            if isinstance(statement, ast.ImportFrom):
                module = absolute(statement.module or "", statement.level)
                self._maps.extend((alias.name, f"{module}.{alias.name}") for alias in statement.names)
            elif isinstance(statement, ast.Assign):
                self._map(statement.value, absolute)


def _class(node: ast.ClassDef) -> Definition:
    members: dict[str, None] = {}
    for statement in block(node.body):
        members.update(dict.fromkeys(_bound(statement)))
    bases = tuple(dotted(base) or "?" for base in node.bases)
    return Definition(
        "class",
        tuple(members),
        (
            *bases,
            *(
                "?"
                for each in node.keywords
                if each.arg == "metaclass" and dotted(each.value) not in ("ABCMeta", "abc.ABCMeta")
            ),
        ),
    )


def _bound(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (alias.asname or alias.name for alias in names)


def _strings(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str() as value):
            yield value
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            for each in parts:
                yield from _strings(each)
        case ast.BinOp(left=left, right=right):
            yield from _strings(left)
            yield from _strings(right)
