"""What stands in for the legacy method in tests: names of its mocks, and what is asserted of their arguments.

An assertion is rewritten only where the same function makes the call itself, so that both sides change alike;
whoever else calls it, with which connection and message, is not known here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from netra_migrate.rewrite.classes import parameter_names
from netra_migrate.rewrite.code import dotted, last_name, literal
from netra_migrate.rewrite.receivers import Known, migrating, of_class, receiver
from netra_migrate.rewrite.work import Work

ASSERTED = frozenset(
    {
        "assert_called_with",
        "assert_called_once_with",
        "assert_awaited_with",
        "assert_awaited_once_with",
        "assert_any_call",
        "assert_any_await",
    }
)
TOLD = ASSERTED | {
    "assert_has_calls",
    "assert_has_awaits",
    "call_args",
    "call_args_list",
    "await_args",
    "await_args_list",
    "mock_calls",
    "method_calls",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A use of a mock that depends on its arguments: the attribute, and the handler whose method it stands for."""

    node: cst.Attribute
    kind: Known


def take_doubles(work: Work) -> list[Told]:
    """Uses of named mocks of the legacy method that depend on its arguments; refuses functions in its place."""
    found: list[Told] = []
    for call in work.code.all(cst.Call):
        kind = _patched(work, call)
        if kind is None:
            continue
        for value in _replacements(call):
            refuse_function(work, value)
        for name in _names(work, call):
            found += _told(work, name, kind)
    for assign in work.code.all(cst.Assign):
        found += _assigned(work, assign)
    return list({each.node: each for each in found}.values())


def refuse_function(work: Work, value: cst.BaseExpression) -> None:
    """A function that is called in place of the method must take what that takes."""
    for taken in _parameters(work, value):
        if len(taken) - (taken[:1] == ("self",)) == len(work.configuration.legacy.parameters):
            work.refuse(
                value,
                f"`{work.code.source(value)}` takes the arguments of `{work.configuration.legacy.method}`: "
                f"give it those of `{work.configuration.canonical.method}`.",
            )


def _parameters(work: Work, value: cst.BaseExpression) -> Iterator[tuple[str, ...]]:
    if isinstance(value, cst.Lambda):
        starred = isinstance(value.params.star_arg, cst.Param) or value.params.star_kwarg is not None
        if not starred:
            yield tuple(each.name.value for each in value.params.params)
    elif isinstance(value, cst.Name):
        for assignment in work.code.scope(value)[value.value]:
            node = assignment.node
            if isinstance(node, cst.FunctionDef) and not isinstance(node.params.star_arg, cst.Param):
                yield parameter_names(node)


def _patched(work: Work, call: cst.Call) -> Known | None:
    """The handler whose method a call replaces by a mock."""
    last = last_name(call.func)
    method = work.configuration.legacy.method
    if not call.args or call.args[0].star:
        return None
    first = call.args[0].value
    if last == "patch":
        place = work.names.place(literal(first) or "")
        moved = place and place.symbol and work.names.moved(place.symbol)
        return Known(place.symbol) if place and moved and place.rest == (method,) else None
    if last in ("object", "spy", "setattr") and len(call.args) > 1 and literal(call.args[1].value) == method:
        return migrating(work, (of_class(work, first), receiver(work, first)))
    return None


def _new(call: cst.Call) -> cst.BaseExpression | None:
    """What a patch puts in the place, when it is given."""
    last = last_name(call.func)
    at = 1 if last == "patch" else 2
    by_name = (each.value for each in call.args if each.keyword and each.keyword.value == "new")
    by_place = call.args[at : at + 1]
    return next(by_name, by_place[0].value if by_place and by_place[0].keyword is None else None)


def _replacements(call: cst.Call) -> Iterator[cst.BaseExpression]:
    new = _new(call)
    if new is not None:
        yield new
    yield from (each.value for each in call.args if each.keyword and each.keyword.value == "side_effect")


def _names(work: Work, call: cst.Call) -> Iterator[cst.CSTNode]:
    """Where the mock of a patch gets a name."""
    code, parent = work.code, work.code.parents[call]
    if isinstance(parent, cst.Decorator):
        parameter = _parameter(work, parent, call)
        if parameter is not None:
            yield parameter
    elif isinstance(parent, cst.WithItem) and parent.asname is not None:
        yield parent.asname.name
    elif isinstance(parent, cst.Attribute) and parent.attr.value == "start":
        started = code.parents[code.parents[parent]]
        if isinstance(started, cst.Assign):
            yield from (each.target for each in started.targets)
    elif isinstance(parent, cst.Assign):
        yield from (each.target for each in parent.targets)
    new = _new(call)
    if isinstance(new, cst.Name):
        yield from _defined(work, new)


def _defined(work: Work, name: cst.Name) -> Iterator[cst.CSTNode]:
    """Where a name gets its value."""
    for assignment in work.code.scope(name)[name.value]:
        if isinstance(assignment.node, cst.Name):
            yield assignment.node


def _parameter(work: Work, decorator: cst.Decorator, call: cst.Call) -> cst.Param | None:
    """The parameter that a patching decorator fills: the lowest fills the first."""
    function = work.code.parents[decorator]
    if not isinstance(function, cst.FunctionDef) or _new(call) is not None:
        return None
    place = 1 if work.code.owner(function) is not None else 0
    for each in reversed(function.decorators):
        if each is decorator:
            break
        inner = each.decorator
        if isinstance(inner, cst.Call) and _fills(inner):
            place += 1
    return function.params.params[place] if place < len(function.params.params) else None


def _fills(call: cst.Call) -> bool:
    name = dotted(call.func) or ""
    patches = name.rpartition(".")[2] == "patch" or name.endswith("patch.object")
    return patches and _new(call) is None


def _told(work: Work, name: cst.CSTNode, kind: Known) -> Iterator[Told]:
    plain = name.name if isinstance(name, cst.Param) else name
    if not isinstance(plain, cst.Name):
        return
    for scope in work.code.scopes:
        for assignment in scope.assignments:
            if assignment.node in (name, plain):
                for use in assignment.references:
                    yield from _use(work, use, kind)


def _use(work: Work, node: cst.CSTNode, kind: Known) -> Iterator[Told]:
    parent = work.code.parents.get(node)
    if not isinstance(parent, cst.Attribute) or parent.value is not node:
        return
    if parent.attr.value in TOLD:
        yield Told(parent, kind)
    outer = work.code.parents[parent]
    statement = work.code.parents.get(outer)
    if parent.attr.value == "side_effect" and isinstance(statement, cst.Assign):
        refuse_function(work, statement.value)


def _assigned(work: Work, assign: cst.Assign) -> Iterator[Told]:
    """`handler.handle = mock` and `handler.handle.side_effect = function`."""
    method = work.configuration.legacy.method
    for each in assign.targets:
        target: cst.BaseExpression = each.target
        if isinstance(target, cst.Attribute) and target.attr.value == "side_effect":
            target = target.value
        if not isinstance(target, cst.Attribute) or target.attr.value != method:
            continue
        kind = migrating(work, (receiver(work, target.value),))
        if kind is None:
            continue
        refuse_function(work, assign.value)
        names = [other.target for other in assign.targets if other is not each]
        if isinstance(assign.value, cst.Name):
            names += [node for node in _defined(work, assign.value) if isinstance(node, cst.Name)]
        for name in names:
            yield from _told(work, name, kind)
