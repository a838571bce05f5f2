"""Reads a tree for its scopes: what binds a name, what uses one, and in which scope each part is evaluated.

Walks in the order of evaluation, so that it is known what is bound before a use. Says nothing of values.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

import libcst as cst

from netra_migrate.rewrite.hints import Text, Typing
from netra_migrate.rewrite.lookups import Late, Names, Seen
from netra_migrate.rewrite.scopes import Declared, Kind, Scope, module_scope
from netra_migrate.rewrite.walking import parts

_Comprehension: TypeAlias = cst.ListComp | cst.SetComp | cst.GeneratorExp | cst.DictComp


class _Where(NamedTuple):
    """Where a part stands. `string`: the string that it is the code of."""

    scope: Scope
    text: Text = Text.PLAIN
    string: cst.CSTNode | None = None


def read(tree: cst.Module) -> Names:
    """Find out what the names of a file mean.

    Raises:
        RecursionError: the tree is too deep.
    """
    walk = _Walk()
    walk.visit(tree, _Where(walk.top))
    for late in walk.nonlocals:
        late.bind()
    dotted = frozenset(name for scope in walk.scopes for name in scope.bound if "." in name)
    free = frozenset(each.head.value for each in walk.seen if not each.settle(dotted) and not each.string)
    return Names(walk.top, tuple(walk.scopes), walk.places, free)


def _reading(where: _Where, text: Text) -> _Where:
    inner = where.text.around(text)
    return where if inner is where.text else where._replace(text=inner)


class _Walk:
    def __init__(self) -> None:
        self.top = module_scope()
        self.scopes = [self.top]
        self.places: dict[cst.CSTNode, Scope] = {}
        self._made = 0
        self.seen: list[Seen] = []
        self.nonlocals: list[Late] = []
        self._typing = Typing()
        self._by_kind: dict[type, Callable[[Any, _Where], None]] = {
            cst.Annotation: self._annotation,
            cst.Attribute: self._attribute,
            cst.Call: self._call,
            cst.ClassDef: self._class,
            cst.ConcatenatedString: self._concatenated,
            cst.DictComp: self._comprehension,
            cst.FunctionDef: self._function,
            cst.GeneratorExp: self._comprehension,
            cst.Global: self._global,
            cst.Import: self._import,
            cst.ImportFrom: self._import,
            cst.Lambda: self._lambda,
            cst.ListComp: self._comprehension,
            cst.Name: self._name,
            cst.NamedExpr: self._named,
            cst.Nonlocal: self._nonlocal,
            cst.ParamSpec: self._type_parameter,
            cst.SetComp: self._comprehension,
            cst.SimpleString: self._string,
            cst.Subscript: self._subscript,
            cst.TypeAlias: self._type_alias,
            cst.TypeVar: self._type_parameter,
            cst.TypeVarTuple: self._type_parameter,
        }

    def visit(self, node: cst.CSTNode | None, where: _Where) -> None:
        """Read a part and all that it holds."""
        special = self._by_kind.get(type(node))
        if special is not None:
            special(node, where)
        elif node is not None:
            for name, binds in parts(type(node)):
                value = getattr(node, name)
                if isinstance(value, cst.CSTNode):
                    (self._bind if binds else self.visit)(value, where)
                elif isinstance(value, list | tuple):
                    for each in value:
                        self.visit(each, where)

    def _elsewhere(self, node: cst.CSTNode | None, where: _Where) -> None:
        """Read a part that is evaluated in another scope than what holds it."""
        if node is not None:
            self.places[node] = where.scope
            self.visit(node, where)

    def _opened(self, kind: Kind, where: _Where) -> _Where:
        self.scopes.append(Scope(kind, where.scope))
        return where._replace(scope=self.scopes[-1])

    # -- what binds

    def _give(self, name: str, node: cst.CSTNode, scope: Scope) -> None:
        self._made += 1
        declared = scope.declared.get(name)
        if declared is Declared.NONLOCAL:
            self.nonlocals.append(Late(name, node, scope, self._made))  # what binds it may come further down
        else:
            scope = scope.module if declared is Declared.GLOBAL else scope
            scope.bind(name, node, self._made)

    def _bind(self, target: cst.CSTNode, where: _Where) -> None:
        if isinstance(target, cst.Name):
            self._give(target.value, target, where.scope)
        elif isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._bind(element.value, where)
        else:
            self.visit(target, where)

    def _named(self, node: cst.NamedExpr, where: _Where) -> None:
        self.visit(node.value, where)
        self._bind(node.target, where._replace(scope=where.scope.binding))

    def _import(self, node: cst.Import | cst.ImportFrom, where: _Where) -> None:
        for alias in () if isinstance(node.names, cst.ImportStar) else node.names:
            name = alias.evaluated_alias or alias.evaluated_name
            self._typing.take(name, node, alias)
            while name:
                self._give(name, node, where.scope)
                name = name.rpartition(".")[0]

    def _global(self, node: cst.Global, where: _Where) -> None:
        where.scope.declared.update((each.name.value, Declared.GLOBAL) for each in node.names)

    def _nonlocal(self, node: cst.Nonlocal, where: _Where) -> None:
        where.scope.declared.update((each.name.value, Declared.NONLOCAL) for each in node.names)

    # -- what has a scope

    def _function(self, node: cst.FunctionDef, where: _Where) -> None:
        for decorator in node.decorators:
            self.visit(decorator, where)
        outer = self._with_types(node.type_parameters, where)
        inner = self._taking(node.params, outer)
        self._elsewhere(node.returns, outer)
        self._elsewhere(node.body, inner)
        self._give(node.name.value, node, where.scope)

    def _lambda(self, node: cst.Lambda, where: _Where) -> None:
        self._elsewhere(node.body, self._taking(node.params, where))

    def _taking(self, every: cst.Parameters, outer: _Where) -> _Where:
        """The scope of a function, with its parameters; what is written with them is evaluated outside."""
        inner = self._opened(Kind.FUNCTION, outer)
        self.places[every] = inner.scope
        ordered = (
            *every.posonly_params,
            *every.params,
            every.star_arg,
            *every.kwonly_params,
            every.star_kwarg,
        )
        for each in ordered:
            if isinstance(each, cst.Param):
                self._elsewhere(each.default, outer)
                self._elsewhere(each.annotation, outer)
                self._give(each.name.value, each, inner.scope)
        return inner

    def _class(self, node: cst.ClassDef, where: _Where) -> None:
        for decorator in node.decorators:
            self.visit(decorator, where)
        outer = self._with_types(node.type_parameters, where)
        for base in (*node.bases, *node.keywords):
            self._elsewhere(base, outer)
        self._elsewhere(node.body, self._opened(Kind.CLASS, outer))
        self._give(node.name.value, node, where.scope)

    def _with_types(self, parameters: cst.TypeParameters | None, where: _Where) -> _Where:
        if parameters is None:
            return where
        inner = self._opened(Kind.TYPES, where)
        self._elsewhere(parameters, inner)
        return inner

    def _type_parameter(self, node: cst.TypeVar | cst.TypeVarTuple | cst.ParamSpec, where: _Where) -> None:
        self._give(node.name.value, node, where.scope)
        if isinstance(node, cst.TypeVar):
            self.visit(node.bound, where)

    def _type_alias(self, node: cst.TypeAlias, where: _Where) -> None:
        inner = self._opened(Kind.TYPES, where)
        self._elsewhere(node.type_parameters, inner)
        self._elsewhere(node.value, inner)
        self._give(node.name.value, node, where.scope)

    def _comprehension(self, node: _Comprehension, where: _Where) -> None:
        self.visit(node.for_in.iter, where)  # of the first `for`; all else is inside
        inner = self._opened(Kind.COMPREHENSION, where)
        clause: cst.CompFor | None = node.for_in
        while clause is not None:
            self.places[clause.target] = inner.scope
            self._bind(clause.target, inner)
            for condition in clause.ifs:
                self._elsewhere(condition, inner)
            clause = clause.inner_for_in
            if clause is not None:
                self._elsewhere(clause.iter, inner)
        results = (node.key, node.value) if isinstance(node, cst.DictComp) else (node.elt,)
        for each in results:
            self._elsewhere(each, inner)

    # -- what uses names

    def _name(self, node: cst.Name, where: _Where) -> None:
        self.seen.append(Seen(node, [], where.scope, where.string, self._made))

    def _attribute(self, node: cst.Attribute, where: _Where) -> None:
        taken: list[cst.Attribute] = [node]
        while isinstance(head := taken[-1].value, cst.Attribute):
            taken.append(head)
        if isinstance(head, cst.Name):
            self.seen.append(Seen(head, taken[::-1], where.scope, where.string, self._made))
        else:
            self.visit(head, where)

    def _annotation(self, node: cst.Annotation, where: _Where) -> None:
        self.visit(node.annotation, _reading(where, Text.ANNOTATION))

    def _subscript(self, node: cst.Subscript, where: _Where) -> None:
        inner = _reading(where, self._typing.of_subscript(node.value, where.scope))
        self.visit(node.value, where)
        for each in node.slice:
            self.visit(each, inner)

    def _call(self, node: cst.Call, where: _Where) -> None:
        self.visit(node.func, _reading(where, Text.PLAIN))
        texts = self._typing.of_arguments(node.func, where.scope)
        for each in node.args:
            self.visit(each, _reading(where, next(texts)))

    def _string(self, node: cst.SimpleString, where: _Where) -> None:
        self._quoted(node, node.evaluated_value, where)

    def _concatenated(self, node: cst.ConcatenatedString, where: _Where) -> None:
        if not self._quoted(node, node.evaluated_value, where):
            self.visit(node.left, where)
            self.visit(node.right, where)

    def _quoted(self, node: cst.CSTNode, value: str | bytes | None, where: _Where) -> bool:
        """Read what is an annotation in a string; whether it may have been one."""
        if not where.text.is_code or not isinstance(value, str) or not value:
            return False
        with suppress(cst.ParserSyntaxError):
            self.visit(cst.parse_expression(value), where._replace(string=where.string or node))
        return True
