"""Reads the syntax tree of one file into facts: what it imports, binds, defines and looks up. Pure."""

import ast
from collections.abc import Iterable

from netra_migrate.domain.references import Context, Form
from netra_migrate.scan.binding import Bindings
from netra_migrate.scan.contexts import Contexts, parts
from netra_migrate.scan.facts import Import, Literal
from netra_migrate.scan.lookups import Lookup, lookups, subscripted
from netra_migrate.scan.syntax import dotted
from netra_migrate.scan.text import Place, Text
from netra_migrate.sources.naming import Names

_CONTEXTS = frozenset({ast.Load, ast.Store, ast.Del})
_HOLDERS = (ast.ExceptHandler, ast.match_case, ast.withitem)
_SIMPLE = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Raise, ast.Assert, ast.Delete)


class Visitor:
    """One file. `strings`: every string constant left over, with whether it documents something."""

    def __init__(self, *, path: str, text: Text, names: Names) -> None:
        self.imports: list[Import] = []
        self.literals: list[Literal] = []
        self.strings: list[tuple[ast.Constant, bool, Contexts]] = []
        self.chains: set[str] = set()
        self.bindings = Bindings()
        self._path = path
        self._text = text
        self._names = names
        self._consumed: set[int] = set()

    def visit(self, tree: ast.Module) -> None:
        """Reads the whole tree; deep nesting raises RecursionError."""
        for statement in tree.body:
            self._node(statement, ())
        self.bindings.close()
        local = self.bindings.local
        self.chains = {chain for chain in self.chains if chain.partition(".")[0] in local}

    def _node(self, node: ast.AST, contexts: Contexts) -> None:
        if isinstance(node, ast.stmt):
            self._statement(node, contexts)
        elif isinstance(node, _HOLDERS):
            for child in ast.iter_child_nodes(node):
                self._node(child, contexts)
        else:
            self._expression(node, contexts)

    def _expression(self, first: ast.AST, contexts: Contexts) -> None:
        """Without recursion and `ast.iter_child_nodes`: this is where most of a cold scan's time goes."""
        waiting: list[ast.AST] = [first]
        while waiting:
            node = waiting.pop()
            kind = node.__class__
            if kind is ast.Name or kind in _CONTEXTS:
                continue
            if kind is ast.Constant:
                if isinstance(node.value, (str, bytes)):  # type: ignore[attr-defined] # as `kind` says
                    self.strings.append((node, False, contexts))  # type: ignore[arg-type] # the same
                continue
            if kind is ast.Attribute:
                self._attribute(node, contexts, waiting)  # type: ignore[arg-type] # the same
                continue
            if kind is ast.Call:
                self._call(node, contexts)  # type: ignore[arg-type] # the same
            elif kind is ast.Subscript:
                self._looked_up(subscripted(node), contexts)  # type: ignore[arg-type] # the same
            _add_children(node, waiting)

    def _statement(self, node: ast.stmt, contexts: Contexts) -> None:
        match node:
            case ast.Import():
                self._import(node, contexts)
            case ast.ImportFrom():
                self._import_from(node, contexts)
            case ast.Expr(value=ast.Constant(value=str()) as words):
                self.strings.append((words, True, contexts))
            case _:
                if Context.FUNCTION not in contexts and Context.CLASS not in contexts:
                    self.bindings.statement(node, self._absolute)
                elif isinstance(node, ast.Assign):
                    self.bindings.alias(node)
                if isinstance(node, _SIMPLE):
                    self._expression(node, contexts)
                    return
                for child, inner in parts(node, contexts):
                    self._node(child, inner)

    def _attribute(self, node: ast.Attribute, contexts: Contexts, waiting: list[ast.AST]) -> None:
        inner: ast.expr = node
        names: list[str] = []
        while isinstance(inner, ast.Attribute):
            names.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            self.chains.add(".".join([inner.id, *reversed(names)]))
        elif isinstance(inner, ast.Call):
            self._call(inner, contexts, taken=(names[-1],))
            _add_children(inner, waiting)
        else:
            waiting.append(inner)

    def _call(self, node: ast.Call, contexts: Contexts, taken: tuple[str, ...] = ()) -> None:
        self._looked_up(lookups(node), contexts, taken)
        match node:
            case ast.Call(func=ast.Name(id="getattr"), args=[owner, ast.Constant(value=str() as name), *_]):
                chain = dotted(owner)
                if chain and name.isidentifier():
                    self.chains.add(f"{chain}.{name}")

    def _looked_up(self, found: Iterable[Lookup], contexts: Contexts, taken: tuple[str, ...] = ()) -> None:
        for lookup in found:
            name = self._name(lookup)
            self._consumed.update(map(id, lookup.consumed))
            if name is None:
                continue
            place = self._text.place(lookup.node)
            attributes = (*lookup.attributes, *(taken if lookup.form is Form.DYNAMIC else ()))
            shown = self._text.shown(place.line)
            self.literals.append(Literal(*place, lookup.form, name, contexts, attributes, shown))

    def _name(self, lookup: Lookup) -> str | None:
        if lookup.written:
            return "?" + lookup.name
        name = lookup.name.replace(":", ".")
        if not name.startswith("."):
            return name
        stem = name.lstrip(".")
        if lookup.relative_to is None:
            return self._absolute(stem, len(name) - len(stem))
        package = lookup.relative_to.split(".")
        return ".".join([*package[: len(package) - (len(name) - len(stem) - 1)], stem])

    def _import(self, node: ast.Import, contexts: Contexts) -> None:
        for alias in node.names:
            place = self._text.place(alias)
            local = alias.asname or alias.name.partition(".")[0]
            self.bindings.bind(local, alias.name if alias.asname else local, contexts)
            shown = self._text.shown(place.line)
            self.imports.append(
                Import(*place, alias.name, (), alias.asname or alias.name, False, contexts, None, (), shown)
            )

    def _import_from(self, node: ast.ImportFrom, contexts: Contexts) -> None:
        module = self._absolute(node.module or "", node.level)
        if not module:
            return
        place = self._text.after(self._text.place(node), "from")
        names = tuple((alias.name, alias.asname or alias.name) for alias in node.names)
        for name, local in names:
            if name == "*":
                self.bindings.star(module, contexts)
            else:
                self.bindings.bind(local, f"{module}.{name}", contexts)
        columns = tuple(self._column(alias, place) for alias in node.names)
        shown = self._text.shown(place.line)
        self.imports.append(
            Import(*place, module, names, "", bool(node.level), contexts, None, columns, shown)
        )

    def _column(self, alias: ast.alias, place: Place) -> int:
        own = self._text.place(alias)
        return own.column if own.line == place.line else place.column

    def _absolute(self, module: str, level: int) -> str | None:
        return self._names.absolute(self._path, module, level)

    def left_over(self) -> list[tuple[ast.Constant, bool, Contexts]]:
        """String constants that no lookup took."""
        left = (each for each in self.strings if id(each[0]) not in self._consumed)
        return sorted(left, key=lambda each: (each[0].lineno, each[0].col_offset))


def _add_children(node: ast.AST, waiting: list[ast.AST]) -> None:
    for value in node.__dict__.values():
        if value.__class__ is list:
            waiting.extend(each for each in value if isinstance(each, ast.AST))
        elif isinstance(value, ast.AST):
            waiting.append(value)
