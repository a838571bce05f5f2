"""Who is called: whether an expression is a handler that migrates, and of which kind.

Reads assignments, annotations, attributes set in the class, containers and loops; never guesses beyond the name.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

import libcst as cst
import libcst.matchers as m

from netra_migrate.rewrite.code import dotted, literal
from netra_migrate.rewrite.work import Work

_WORD = re.compile(r"[A-Za-z_]\w*")
_DEPTH = 6
"""How many assignments are followed: enough for `a = self.b`, `self.b = c`, `c = Handler()`."""

_ELEMENTS = frozenset({"get", "pop", "setdefault", "values", "items", "copy"})


@dataclass(frozen=True, slots=True)
class Known:
    """A handler. `symbol`: the legacy one that it is made from, where that is known."""

    symbol: str | None = None
    definition: cst.ClassDef | None = None
    adapted: bool = False
    guessed: bool = False
    """Only its name says so."""


@dataclass(frozen=True, slots=True)
class Other:
    """Surely something else."""


Kind: TypeAlias = Known | Other | None


def receiver(work: Work, node: cst.BaseExpression) -> Kind:
    """What an expression in front of `.handle(` is."""
    if m.matches(node, m.Call(func=m.Name("super"), args=[])) or dotted(node) in ("self", "cls"):
        owner = work.code.owner(node)
        return Known(work.migrated[owner], owner) if owner in work.migrated and owner is not None else Other()
    found = _kind(work, node, _DEPTH)
    if found is not None:
        return found
    name = (dotted(node) or "").rpartition(".")[2]
    if isinstance(node, cst.Subscript):
        name = (dotted(node.value) or "").rpartition(".")[2]
    return Known(guessed=True) if "handler" in name.lower() else None


def of_class(work: Work, node: cst.CSTNode) -> Kind:
    """What instances of a class are, by the class's name."""
    meanings = work.code.meanings(node)
    symbol = work.names.symbol(meanings)
    if symbol and work.names.adapted(symbol):
        return Known(symbol, adapted=True)
    if symbol and work.names.moved(symbol) and not work.names.only_adapters:
        return Known(symbol)
    own = work.code.classes.get(dotted(node) or "")
    if own is not None:
        return Known(work.migrated[own], own) if own in work.migrated else Other()
    return None


def _kind(work: Work, node: cst.CSTNode | None, depth: int) -> Kind:
    if depth == 0 or node is None:
        return None
    if isinstance(node, cst.Await):
        return _kind(work, node.expression, depth - 1)
    if isinstance(node, cst.Call):
        return _made(work, node, depth)
    if isinstance(node, cst.BooleanOperation):
        return _kind(work, node.left, depth - 1) or _kind(work, node.right, depth - 1)
    if isinstance(node, cst.IfExp):
        return _kind(work, node.body, depth - 1) or _kind(work, node.orelse, depth - 1)
    if isinstance(node, cst.NamedExpr):
        return _kind(work, node.value, depth - 1)
    if isinstance(node, cst.Subscript):
        return _element(work, node.value, depth - 1)
    return _by_what_it_is_given(work, node, depth)


def _by_what_it_is_given(work: Work, node: cst.CSTNode, depth: int) -> Kind:
    if isinstance(node, cst.Name | cst.Attribute):
        for value, annotation, element in _given(work, node):
            kind = _annotated(work, annotation) if annotation is not None else None
            kind = kind or (_element if element else _kind)(work, value, depth - 1)
            if kind is not None:
                return kind
    return None


def _made(work: Work, call: cst.Call, depth: int) -> Kind:
    made = of_class(work, call.func)
    if made is not None:
        return made
    if isinstance(call.func, cst.Attribute) and call.func.attr.value in _ELEMENTS:
        return _element(work, call.func.value, depth - 1)
    name = dotted(call.func) or ""
    for function in work.code.all(cst.FunctionDef):
        if function.name.value == name.rpartition(".")[2] and function.returns is not None:
            return _annotated(work, function.returns)
    return None


def _element(work: Work, node: cst.CSTNode | None, depth: int) -> Kind:
    """What the values of a container are."""
    if depth == 0 or node is None:
        return None
    if isinstance(node, cst.Dict | cst.List | cst.Tuple | cst.Set):
        for each in node.elements:
            kind = _kind(work, each.value, depth - 1)
            if kind is not None:
                return kind
        return None
    if (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value in _ELEMENTS
    ):
        return _element(work, node.func.value, depth - 1)
    if (
        isinstance(node, cst.Call)
        and node.args
        and dotted(node.func) in ("list", "tuple", "sorted", "enumerate")
    ):
        return _element(work, node.args[0].value, depth - 1)
    if isinstance(node, cst.Name | cst.Attribute):
        for value, annotation, _ in _given(work, node):
            kind = (_annotated(work, annotation) if annotation is not None else None) or _element(
                work, value, depth - 1
            )
            if kind is not None:
                return kind
        return _stored(work, node, depth)
    return None


def _stored(work: Work, node: cst.Name | cst.Attribute, depth: int) -> Kind:
    """What is put into a container by `container[key] = value`."""
    name = dotted(node)
    for statement in work.code.all(cst.Assign):
        for target in statement.targets:
            if isinstance(target.target, cst.Subscript) and dotted(target.target.value) == name:
                kind = _kind(work, statement.value, depth - 1)
                if kind is not None:
                    return kind
    return None


_Given: TypeAlias = tuple[cst.CSTNode | None, cst.Annotation | None, bool]
"""A value, an annotation, and whether the value is a container of what is meant."""


def _given(work: Work, node: cst.Name | cst.Attribute) -> list[_Given]:
    """What a name or an attribute of `self` is given, anywhere it can be seen."""
    code = work.code
    if isinstance(node, cst.Name):
        return [
            given
            for assignment in code.scope(node)[node.value]
            if (target := getattr(assignment, "node", None)) is not None
            for given in _by_target(work, target)
        ]
    found: list[_Given] = []
    if dotted(node.value) == "self" and (owner := code.owner(node)) is not None:
        targets: list[cst.AssignTarget | cst.AnnAssign] = [
            *code.all(cst.AssignTarget),
            *code.all(cst.AnnAssign),
        ]
        for target in targets:
            if dotted(target.target) == dotted(node) and owner in code.ancestors(target):
                found += _by_target(work, target.target)
            elif isinstance(target, cst.AnnAssign) and dotted(target.target) == node.attr.value:
                found += _by_target(work, target.target) if code.owner(target) is owner else []
    return found


def _by_target(work: Work, target: cst.CSTNode) -> list[_Given]:
    code = work.code
    if isinstance(target, cst.Param):
        return [(target.default, target.annotation, False)]
    parent = code.parents.get(target)
    if isinstance(parent, cst.Param):
        return [(parent.default, parent.annotation, False)]
    if isinstance(parent, cst.AssignTarget):
        statement = code.parents[parent]
        return [(statement.value, None, False)] if isinstance(statement, cst.Assign) else []
    if isinstance(parent, cst.AnnAssign):
        return [(parent.value, parent.annotation, False)]
    if isinstance(parent, cst.NamedExpr):
        return [(parent.value, None, False)]
    if isinstance(parent, cst.For | cst.CompFor):
        return [(parent.iter, None, True)]
    if isinstance(parent, cst.Element) and isinstance(
        loop := code.within(target, cst.For, cst.CompFor), cst.For | cst.CompFor
    ):
        return [(loop.iter, None, True)]
    return []


def _annotated(work: Work, annotation: cst.CSTNode) -> Kind:
    """What an annotation says, also within `Optional[…]`, `dict[str, …]` and strings."""
    parts = list(work.code.inside(annotation))
    for node in parts:
        if isinstance(node, cst.Attribute | cst.Name) and isinstance(found := of_class(work, node), Known):
            return found
    for string in parts:
        if isinstance(string, cst.SimpleString):
            for name in _WORD.findall(literal(string) or ""):
                if isinstance(found := _by_name(work, string, name), Known):
                    return found
    return None


def _by_name(work: Work, at: cst.CSTNode, name: str) -> Kind:
    if name in work.code.classes:
        own = work.code.classes[name]
        return Known(work.migrated[own], own) if own in work.migrated else Other()
    for assignment in work.code.scope(at)[name]:
        symbol = work.names.symbol([work.code.imported(assignment) or ""])
        if symbol and (work.names.adapted(symbol) or work.names.moved(symbol)):
            return Known(symbol, adapted=work.names.adapted(symbol))
    return None
