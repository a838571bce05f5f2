"""Walks a tree without its blanks, which are most of its nodes."""

import dataclasses
import re
from collections import defaultdict

import libcst as cst

_LAYOUT = re.compile(
    r"whitespace|leading_lines|lines_after|^(lpar|rpar|header|footer|comma|semicolon|encoding)$"
)
"""Fields that hold blanks, brackets and line ends: most of a tree, and of no interest here."""


def _fields(kind: type, known: dict[type, tuple[str, ...]]) -> tuple[str, ...]:
    if kind not in known:
        names = (field.name for field in dataclasses.fields(kind))
        known[kind] = tuple(name for name in names if not _LAYOUT.search(name))
    return known[kind]


def collect(tree: cst.Module) -> tuple[dict[type, list[cst.CSTNode]], dict[cst.CSTNode, cst.CSTNode]]:
    """All nodes by type in their order, and what holds each; several times faster than LibCST's visitor."""
    kinds: dict[type, list[cst.CSTNode]] = defaultdict(list)
    parents: dict[cst.CSTNode, cst.CSTNode] = {}
    known: dict[type, tuple[str, ...]] = {}
    waiting: list[cst.CSTNode] = [tree]
    while waiting:
        node = waiting.pop()
        kinds[type(node)].append(node)
        inside: list[cst.CSTNode] = []
        for name in _fields(type(node), known):
            value = getattr(node, name)
            if isinstance(value, cst.CSTNode):
                inside.append(value)
            elif isinstance(value, list | tuple):
                inside.extend(each for each in value if isinstance(each, cst.CSTNode))
        for each in inside:
            parents[each] = node
        waiting.extend(reversed(inside))
    return kinds, parents
