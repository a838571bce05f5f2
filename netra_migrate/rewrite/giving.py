"""What names are given: values and annotations that can be seen for a name, an attribute of `self` or a parameter.

Reads assignments, loops, properties, and what pytest passes to tests; says nothing of what the values are.
"""

import re
from typing import TypeAlias

import libcst as cst

from netra_migrate.rewrite.code import dotted, literal
from netra_migrate.rewrite.work import Work

_WORD = re.compile(r"[A-Za-z_]\w*")
_HOLDERS = (cst.ClassDef, cst.FunctionDef, cst.Lambda)

Given: TypeAlias = tuple[cst.CSTNode | None, cst.Annotation | None, bool]
"""A value, an annotation, and whether the value is a container of what is meant."""


def given(work: Work, node: cst.Name | cst.Attribute) -> list[Given]:
    """What a name or an attribute of `self` is given, anywhere it can be seen."""
    code = work.code
    if isinstance(node, cst.Name):
        return [
            given
            for assignment in code.scope(node)[node.value]
            if (target := assignment.node) is not None
            for given in _by_target(work, target)
        ]
    found: list[Given] = []
    if dotted(node.value) == "self" and (owner := code.owner(node)) is not None:
        targets: list[cst.AssignTarget | cst.AnnAssign] = [
            *code.all(cst.AssignTarget),
            *code.all(cst.AnnAssign),
        ]
        for target in targets:
            in_method = dotted(target.target) == dotted(node) and owner in code.ancestors(target)
            in_class = dotted(target.target) == node.attr.value and code.within(target, *_HOLDERS) is owner
            if in_method or in_class:
                found += _by_target(work, target.target)
        found += [
            (value, method.returns, False)
            for method in code.all(cst.FunctionDef)
            if method.name.value == node.attr.value and code.owner(method) is owner and method.decorators
            for value in (*answers(work, method), None)
        ]
    return found


def _by_target(work: Work, target: cst.CSTNode) -> list[Given]:
    code = work.code
    if isinstance(target, cst.Param):
        return [(target.default, target.annotation, False), *_injected(work, target)]
    parent = code.parents.get(target)
    if isinstance(parent, cst.Param):
        return [(parent.default, parent.annotation, False), *_injected(work, parent)]
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


def _injected(work: Work, parameter: cst.Param) -> list[Given]:
    """What pytest gives a parameter: what a fixture of the file returns, or the values of `parametrize`."""
    code, name = work.code, parameter.name.value
    function = code.function(parameter)
    if function is None or parameter.annotation is not None:
        return []
    if not function.name.value.startswith("test") and not is_fixture(function):
        return []
    values: list[Given] = [
        (value, fixture.returns, False)
        for fixture in code.all(cst.FunctionDef)
        if fixture.name.value == name and fixture is not function and is_fixture(fixture)
        for value in answers(work, fixture)
    ]
    for decorator in function.decorators:
        call = decorator.decorator
        if isinstance(call, cst.Call) and (dotted(call.func) or "").endswith("parametrize"):
            values += _parametrized(call, name)
    return values


def is_fixture(function: cst.FunctionDef) -> bool:
    """Whether pytest gives what the function returns to those who name it."""
    for each in function.decorators:
        called = each.decorator.func if isinstance(each.decorator, cst.Call) else each.decorator
        if (dotted(called) or "").endswith("fixture"):
            return True
    return False


def _parametrized(call: cst.Call, name: str) -> list[Given]:
    if len(call.args) < 2 or not isinstance(call.args[1].value, cst.List | cst.Tuple):
        return []
    told = call.args[0].value
    listed = [each.value for each in told.elements] if isinstance(told, cst.List | cst.Tuple) else [told]
    names = [name for each in listed for name in _WORD.findall(literal(each) or "")]
    rows = [each.value for each in call.args[1].value.elements]
    if name not in names:
        return []
    found: list[Given] = []
    for row in rows:
        parts: list[cst.BaseExpression] = [row]
        if isinstance(row, cst.Call) and (dotted(row.func) or "").endswith("param"):
            parts = [each.value for each in row.args if each.keyword is None]
        elif len(names) > 1 and isinstance(row, cst.Tuple | cst.List):
            parts = [each.value for each in row.elements]
        if len(parts) == len(names):
            found.append((parts[names.index(name)], None, False))
    return found


def answers(work: Work, function: cst.FunctionDef) -> list[cst.BaseExpression]:
    """What a function returns or yields."""
    values = [(each, each.value) for each in work.code.all(cst.Return)]
    yields = [(each, each.value) for each in work.code.all(cst.Yield)]
    return [
        value
        for each, value in (*values, *yields)
        if isinstance(value, cst.BaseExpression) and work.code.function(each) is function
    ]


def aliased(work: Work, node: cst.Name) -> cst.BaseExpression | None:
    """What a name of the module stands for when it is given a value once: `Alias = Union[A, B]`."""
    for assignment in work.code.top[node.value]:
        target = work.code.parents.get(assignment.node or node)
        statement = work.code.parents.get(target) if isinstance(target, cst.AssignTarget) else target
        if isinstance(statement, cst.Assign | cst.AnnAssign | cst.TypeAlias):
            return statement.value
    return None
