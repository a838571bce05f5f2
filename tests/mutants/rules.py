"""What a defect looks like: for one node of a syntax tree, the nodes that a mistake might have put there.

Knows no file and runs nothing. Each rule makes a change that some caller could notice.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Final

Change = tuple[str, ast.AST]
"""The rule's name, and what stands in place of the node."""

_COMPARED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_COMPUTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_OPPOSITE: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
UNSEEN: Final = frozenset({"frozen", "slots", "kw_only", "eq", "gc"})
"""Keywords of dataclasses and structs that only stop a programmer's slip."""


def changes(node: ast.AST) -> Iterator[Change]:
    """Every change of this node itself; its children have their own."""
    for rule in _RULES.get(type(node), ()):
        yield from rule(node)


def _compare(node: ast.Compare) -> Iterator[Change]:
    operators = [*node.ops]
    operators[0] = _COMPARED[type(node.ops[0])]()
    yield "comparison", _with(node, ops=operators)


def _negated(node: ast.If | ast.While | ast.IfExp) -> Iterator[Change]:
    if isinstance(node.test, ast.Compare) and type(node.test.ops[0]) not in {
        ast.Lt,
        ast.LtE,
        ast.Gt,
        ast.GtE,
    }:
        return  # the comparison's own change is the same
    if isinstance(node.test, ast.UnaryOp):
        return  # so is leaving out its `not`
    yield "condition", _with(node, test=ast.UnaryOp(ast.Not(), node.test))


def _all_accepted(node: ast.comprehension) -> Iterator[Change]:
    if node.ifs:
        yield "filter", _with(node, ifs=[])


def _connective(node: ast.BoolOp) -> Iterator[Change]:
    yield "connective", _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())


def _without_not(node: ast.UnaryOp) -> Iterator[Change]:
    if isinstance(node.op, ast.Not | ast.USub):
        yield "sign", node.operand


def _computed(node: ast.BinOp | ast.AugAssign) -> Iterator[Change]:
    if type(node.op) in _COMPUTED:
        yield "arithmetic", _with(node, op=_COMPUTED[type(node.op)]())


def _constant(node: ast.Constant) -> Iterator[Change]:
    match node.value:
        case bool() as value:
            yield "constant", ast.Constant(not value)
        case int() | float() as value:
            yield "constant", ast.Constant(value + 1)
        case str() as value:
            yield "constant", ast.Constant("" if value else "mutant")
        case bytes() as value:
            yield "constant", ast.Constant(b"" if value else b"mutant")


def _text(node: ast.JoinedStr) -> Iterator[Change]:
    yield "constant", ast.Constant("")


def _returned(node: ast.Return) -> Iterator[Change]:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield "result", _with(node, value=ast.Constant(None))


def _left_out(node: ast.Expr | ast.Raise | ast.Delete) -> Iterator[Change]:
    value = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(value, ast.Constant):
        yield "left out", ast.Pass()


def _kept(node: ast.Assign) -> Iterator[Change]:
    if isinstance(node.targets[0], ast.Attribute | ast.Subscript):
        yield "left out", ast.Pass()


def _other_way(node: ast.Break | ast.Continue) -> Iterator[Change]:
    yield "loop", ast.Continue() if isinstance(node, ast.Break) else ast.Break()


def _not_caught(node: ast.ExceptHandler) -> Iterator[Change]:
    if not (len(node.body) == 1 and isinstance(node.body[0], ast.Raise) and node.body[0].exc is None):
        yield "not caught", _with(node, body=[ast.Raise()])


def _called(node: ast.Call) -> Iterator[Change]:
    if isinstance(node.func, ast.Name) and node.func.id in _OPPOSITE:
        yield "opposite", _with(node, func=ast.Name(_OPPOSITE[node.func.id], ast.Load()))
    for index, keyword in enumerate(node.keywords):
        if keyword.arg is not None and keyword.arg not in UNSEEN:
            yield (
                f"without {keyword.arg}",
                _with(node, keywords=node.keywords[:index] + node.keywords[index + 1 :]),
            )


def _undecorated(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[Change]:
    for index in range(len(node.decorator_list)):
        yield (
            "decorator",
            _with(node, decorator_list=node.decorator_list[:index] + node.decorator_list[index + 1 :]),
        )


def _guard(node: ast.match_case) -> Iterator[Change]:
    if node.guard is not None:
        yield "guard", _with(node, guard=None)


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


_RULES: Final[dict[type[ast.AST], tuple[Callable[..., Iterator[Change]], ...]]] = {
    ast.Compare: (_compare,),
    ast.If: (_negated,),
    ast.While: (_negated,),
    ast.IfExp: (_negated,),
    ast.comprehension: (_all_accepted,),
    ast.BoolOp: (_connective,),
    ast.UnaryOp: (_without_not,),
    ast.BinOp: (_computed,),
    ast.AugAssign: (_computed,),
    ast.Constant: (_constant,),
    ast.JoinedStr: (_text,),
    ast.Return: (_returned,),
    ast.Expr: (_left_out,),
    ast.Raise: (_left_out,),
    ast.Delete: (_left_out,),
    ast.Assign: (_kept,),
    ast.Break: (_other_way,),
    ast.Continue: (_other_way,),
    ast.ExceptHandler: (_not_caught,),
    ast.Call: (_called,),
    ast.FunctionDef: (_undecorated,),
    ast.AsyncFunctionDef: (_undecorated,),
    ast.ClassDef: (_undecorated,),
    ast.match_case: (_guard,),
}
