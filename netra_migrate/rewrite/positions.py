"""Where the nodes of a file stand. LibCST knows the place of a node only by writing the code before it again.

So that is done once, without places, for every top-level statement, and with places only for those asked about.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Self

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

LINE_END = re.compile(r"\r\n?|\n")
_LAST = re.compile(rf"(?:{LINE_END.pattern})\Z")


class _Part(cst.Module):
    """A file of one statement."""

    def visit(self, _visitor: cst.CSTVisitorT) -> Self:
        """LibCST walks a whole tree for providers that share one walk, also when there are none."""
        return self


class Positions:
    """The places of a tree's nodes, in characters of `text`.

    Args:
        tree: with no node twice.
        text: what it was read from.
        starts: of the lines of `text`.
        parents: what holds each node.
    """

    def __init__(
        self,
        tree: cst.Module,
        text: str,
        *,
        starts: Sequence[int],
        parents: Mapping[cst.CSTNode, cst.CSTNode],
    ) -> None:
        self._tree, self._starts, self._parents = tree, starts, parents
        self._alone = _Part([], default_indent=tree.default_indent, default_newline=tree.default_newline)
        parts = (*tree.header, *tree.body, *tree.footer)
        codes = [tree.code_for_node(part) for part in parts]
        lines = itertools.accumulate((len(LINE_END.findall(code)) for code in codes), initial=0)
        self._above: dict[cst.CSTNode, int] = dict(zip(parts, lines, strict=False))
        self._known: dict[cst.CSTNode, Mapping[cst.CSTNode, CodeRange]] = {}
        whole = "".join(codes)  # with an end of line that the file may not have
        self.faithful = text == (whole if tree.has_trailing_newline else _LAST.sub("", whole))

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Start and end; without blanks, comments and brackets around."""
        above, at = self._found(node)
        start, end = (self._starts[above + each.line - 1] + each.column for each in (at.start, at.end))
        return start, end

    def line(self, node: cst.CSTNode) -> int:
        """The line that a node starts on, from 1."""
        above, at = self._found(node)
        return above + int(at.start.line)

    def _found(self, node: cst.CSTNode) -> tuple[int, CodeRange]:
        """The lines above the top-level statement that a node is in, and the node's place within that."""
        part = node
        while (holder := self._parents[part]) is not self._tree:
            part = holder
        if part not in self._known:
            wrapper = MetadataWrapper(self._alone.with_changes(body=[part]), unsafe_skip_copy=True)
            self._known[part] = wrapper.resolve(PositionProvider)
        return self._above[part], self._known[part][node]
