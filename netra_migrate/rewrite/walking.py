"""What of a tree is walked: all but its blanks, which are most of its nodes."""

import dataclasses
import re
from collections import defaultdict
from functools import cache

import libcst as cst

_LAYOUT = re.compile(
    r"whitespace|leading_lines|lines_after|^(lpar|rpar|header|footer|comma|semicolon|encoding)$"
)
"""Fields that hold blanks, brackets and line ends: most of a tree, and of no interest here."""

_PARTS: dict[type[cst.CSTNode], tuple[str, ...]] = {
    cst.AnnAssign: ("annotation", "value", "target"),
    cst.Arg: ("value",),
    cst.Assign: ("value", "targets"),
    cst.AugAssign: ("value", "target"),
    cst.ExceptHandler: ("type", "name", "body"),
    cst.ExceptStarHandler: ("type", "name", "body"),
    cst.For: ("iter", "target", "body", "orelse"),
    cst.MatchCase: ("pattern", "guard", "body"),
    cst.MatchKeywordElement: ("pattern",),
}
"""What is evaluated, in its order, where LibCST's order of fields is another one or has more."""

_TARGETS: dict[type[cst.CSTNode], str] = {
    cst.AnnAssign: "target",  # binds without a value as well: that makes a name local
    cst.AsName: "name",
    cst.AssignTarget: "target",
    cst.AugAssign: "target",
    cst.For: "target",
    cst.MatchAs: "name",
    cst.MatchMapping: "rest",
    cst.MatchStar: "name",
}
"""Where names are bound that are written as expressions."""


@cache
def fields(kind: type) -> tuple[str, ...]:
    """The fields of a type of nodes that hold other nodes, in LibCST's order of fields."""
    return tuple(field.name for field in dataclasses.fields(kind) if not _LAYOUT.search(field.name))


@cache
def parts(kind: type[cst.CSTNode]) -> tuple[tuple[str, bool], ...]:
    """The fields of a type of nodes in the order of evaluation, and whether what stands there is bound."""
    return tuple((name, _TARGETS.get(kind) == name) for name in _PARTS.get(kind) or fields(kind))


def collect(tree: cst.Module) -> tuple[dict[type, list[cst.CSTNode]], dict[cst.CSTNode, cst.CSTNode]]:
    """All nodes by type in their order, and what holds each; several times faster than LibCST's visitor."""
    kinds: dict[type, list[cst.CSTNode]] = defaultdict(list)
    parents: dict[cst.CSTNode, cst.CSTNode] = {}
    waiting: list[cst.CSTNode] = [tree]
    while waiting:
        node = waiting.pop()
        kinds[type(node)].append(node)
        inside: list[cst.CSTNode] = []
        for name in fields(type(node)):
            value = getattr(node, name)
            if isinstance(value, cst.CSTNode):
                inside.append(value)
            elif isinstance(value, list | tuple):
                inside.extend(each for each in value if isinstance(each, cst.CSTNode))
        for each in inside:
            parents[each] = node
        waiting.extend(reversed(inside))
    return kinds, parents
