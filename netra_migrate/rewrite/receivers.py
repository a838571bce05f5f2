"""Who is called: whether an expression is a handler that migrates, and of which kind.

Reads assignments, annotations, attributes set in the class, containers and loops; never guesses beyond the name.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import libcst as cst
import libcst.matchers as m

from netra_migrate.rewrite.code import dotted, last_name, literal
from netra_migrate.rewrite.giving import aliased, answers, given
from netra_migrate.rewrite.work import Work

_WORD = re.compile(r"[A-Za-z_]\w*")
_DEPTH = 6
"""How many assignments are followed: enough for `a = self.b`, `self.b = c`, `c = Handler()`."""

_MOCKS = frozenset(
    {"Mock", "MagicMock", "AsyncMock", "NonCallableMock", "NonCallableMagicMock", "create_autospec"}
)
_COPIES = frozenset({"list", "tuple", "sorted", "enumerate", "reversed", "iter", "set"})
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
    itself = of_class(work, node)
    found = itself if isinstance(itself, Known) else _kind(work, node, _DEPTH)
    if found is not None:
        return found
    name = last_name(node)
    if isinstance(node, cst.Subscript):
        name = last_name(node.value)
    return Known(guessed=True) if "handler" in name.lower() else None


def migrating(work: Work, kinds: Iterable[Kind]) -> Known | None:
    """The first that is a handler which migrates; its name alone says so only in files of the migration's."""
    for each in kinds:
        if isinstance(each, Known) and not each.adapted and (work.linked or not each.guessed):
            return each
    return None


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
        return _merged([_kind(work, each, depth - 1) for each in (node.left, node.right)])
    if isinstance(node, cst.IfExp):
        return _merged([_kind(work, each, depth - 1) for each in (node.body, node.orelse)])
    if isinstance(node, cst.NamedExpr):
        return _kind(work, node.value, depth - 1)
    if isinstance(node, cst.Subscript):
        return _element(work, node.value, depth - 1)
    return _by_what_it_is_given(work, node, depth)


def _merged(kinds: Iterable[Kind]) -> Kind:
    """One kind for what may be several: of two handlers, a handler of which no more is known."""
    found = list(dict.fromkeys(each for each in kinds if each is not None))
    handlers = [each for each in found if isinstance(each, Known)]
    if len(handlers) > 1:
        return Known(adapted=any(each.adapted for each in handlers))
    return handlers[0] if handlers else (found[0] if found else None)


def _by_what_it_is_given(work: Work, node: cst.CSTNode, depth: int) -> Kind:
    if not isinstance(node, cst.Name | cst.Attribute):
        return None
    kinds: list[Kind] = []
    for value, annotation, element in given(work, node):
        made = (_element if element else _kind)(work, value, depth - 1)
        told = _annotated(work, annotation) if annotation is not None else None
        kinds.append(made if isinstance(made, Known) and not element else told or made)
    return _merged(kinds)


def unseen(work: Work, node: cst.BaseExpression) -> bool:
    """Whether nothing at all tells what an expression is: no annotation, no import, no class of its own."""
    if isinstance(node, cst.Call):
        return not _is_made(node)
    if not isinstance(node, cst.Name | cst.Attribute):
        return isinstance(node, cst.Subscript) and unseen(work, node.value)
    if isinstance(node, cst.Name):
        bound = work.code.scope(node)[node.value]
        if not bound or any(work.code.imported(each) for each in bound):
            return False
    elif dotted(node.value) != "self":
        return False
    return not any(annotation or _is_made(value) for value, annotation, _ in given(work, node))


def _is_made(value: cst.CSTNode | None) -> bool:
    """Whether a value is an instance of a class, by how that is called, or a literal."""
    if isinstance(value, cst.Call):
        return last_name(value.func).lstrip("_")[:1].isupper()
    return isinstance(value, cst.BaseNumber | cst.BaseString | cst.Lambda)


def _made(work: Work, call: cst.Call, depth: int) -> Kind:
    made = _class(work, call.func, depth)
    if made is not None:
        return made
    if isinstance(call.func, cst.Attribute) and call.func.attr.value in _ELEMENTS:
        return _element(work, call.func.value, depth - 1)
    name = last_name(call.func)
    if name in _MOCKS:
        return _specified(work, call)
    if name == "cast" and len(call.args) == 2:
        return _annotated(work, call.args[0].value)
    for function in work.code.all(cst.FunctionDef):
        if function.name.value == name and function.returns is not None:
            return _annotated(work, function.returns)
        if function.name.value == name:
            return _merged([_kind(work, each, depth - 1) for each in answers(work, function)])
    return None


def _specified(work: Work, call: cst.Call) -> Kind:
    """The class that a mock stands for: `AsyncMock(spec=Handler)`, `create_autospec(Handler)`."""
    for argument in call.args:
        keyword = argument.keyword.value if argument.keyword else ""
        if keyword in ("spec", "spec_set") or (not keyword and argument is call.args[0]):
            kind = of_class(work, argument.value)
            return kind if isinstance(kind, Known) else _kind(work, argument.value, 2)
    return None


def _class(work: Work, node: cst.CSTNode | None, depth: int) -> Kind:
    """What instances of a class are, when it may have gone through a name or a container."""
    if node is None or depth == 0:
        return None
    kind = of_class(work, node)
    if kind is not None:
        return kind
    if isinstance(node, cst.Subscript):
        return _class(work, node.value, depth - 1)
    if isinstance(node, cst.Dict | cst.List | cst.Tuple | cst.Set):
        return _merged([_class(work, each.value, depth - 1) for each in node.elements])
    if (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value in _ELEMENTS
    ):
        return _class(work, node.func.value, depth - 1)
    if not isinstance(node, cst.Name | cst.Attribute):
        return None
    return _merged(
        [_class(work, value, depth - 1) for value, annotation, _ in given(work, node) if annotation is None]
    )


def _element(work: Work, node: cst.CSTNode | None, depth: int) -> Kind:
    """What the values of a container are."""
    if depth == 0 or node is None:
        return None
    if isinstance(node, cst.Dict | cst.List | cst.Tuple | cst.Set):
        return _merged([_kind(work, each.value, depth - 1) for each in node.elements])
    if isinstance(node, cst.ListComp | cst.SetComp | cst.GeneratorExp):
        return _kind(work, node.elt, depth - 1)
    if isinstance(node, cst.DictComp):
        return _kind(work, node.value, depth - 1)
    if isinstance(node, cst.Subscript):
        return _element(work, node.value, depth - 1)
    if isinstance(node, cst.Call):
        return _element(work, _container(node), depth - 1)
    if isinstance(node, cst.Name | cst.Attribute):
        found = [
            (_annotated(work, annotation) if annotation is not None else None)
            or _element(work, value, depth - 1)
            for value, annotation, _ in given(work, node)
        ]
        return next((each for each in found if each is not None), None) or _stored(work, node, depth)
    return None


def _container(call: cst.Call) -> cst.BaseExpression | None:
    """What a call takes its elements from: `handlers` of `handlers.values()` and of `sorted(handlers)`."""
    if isinstance(call.func, cst.Attribute) and call.func.attr.value in _ELEMENTS:
        return call.func.value
    return call.args[0].value if call.args and dotted(call.func) in _COPIES else None


def _stored(work: Work, node: cst.Name | cst.Attribute, depth: int) -> Kind:
    """What is put into a container by `container[key] = value`, anywhere in the file."""
    return _merged(
        _kind(work, statement.value, depth - 1)
        for statement in work.code.all(cst.Assign)
        for target in statement.targets
        if isinstance(target.target, cst.Subscript) and dotted(target.target.value) == dotted(node)
    )


def _one_of(work: Work, parts: list[cst.CSTNode], found: Known) -> Kind:
    """Of a union of handlers no more is known than that it is one."""
    kinds = [of_class(work, each) for each in parts if isinstance(each, cst.Attribute | cst.Name)]
    return _merged([found, *(each for each in kinds if isinstance(each, Known))])


def _annotated(work: Work, annotation: cst.CSTNode, depth: int = 3) -> Kind:
    """What an annotation says, also within `Optional[…]`, `dict[str, …]`, strings and aliases."""
    parts = list(work.code.inside(annotation))
    for node in parts:
        if isinstance(node, cst.Attribute | cst.Name) and isinstance(found := of_class(work, node), Known):
            return _one_of(work, parts, found)
    for node in parts:
        meant = aliased(work, node) if isinstance(node, cst.Name) and depth else None
        if meant is not None and (kind := _annotated(work, meant, depth - 1)) is not None:
            return kind
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
