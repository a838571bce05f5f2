"""One parsed file: its tree, where each node stands, what holds it, and what a name in it means.

Only answers questions; never changes anything.
"""

import bisect
import re
from collections.abc import Iterator
from functools import cached_property
from typing import TypeVar

import libcst as cst

from netra_migrate.rewrite.binding import read
from netra_migrate.rewrite.encoding import Source
from netra_migrate.rewrite.lookups import Names
from netra_migrate.rewrite.positions import LINE_END, Positions
from netra_migrate.rewrite.scopes import Assignment, Scope
from netra_migrate.rewrite.walking import collect

Node = TypeVar("Node", bound=cst.CSTNode)
_BLANKS = re.compile(r"[ \t\x0c]*")


class Code:
    """A file. Offsets are in characters of its text.

    Raises (on construction):
        cst.ParserSyntaxError: LibCST cannot read it.
    """

    def __init__(self, source: Source, *, path: str, module: str) -> None:
        self.text = source.parsed
        self.newline = source.newline
        self.path = path
        self.module = module
        self.package = module if path.endswith("__init__.py") else module.rpartition(".")[0]
        self.tree = cst.parse_module(self.text)
        self._starts = [0, *(end.end() for end in LINE_END.finditer(self.text))]
        self._kinds, self.parents = collect(self.tree)

    @cached_property
    def _positions(self) -> Positions:
        return Positions(self.tree, self.text, starts=self._starts, parents=self.parents)

    @cached_property
    def _names(self) -> Names:
        return read(self.tree)

    @property
    def faithful(self) -> bool:
        """Whether LibCST's view of the file is the file."""
        return self._positions.faithful

    def all(self, kind: type[Node]) -> list[Node]:
        """All nodes of a type, in their order."""
        return self._kinds.get(kind, [])  # type: ignore[return-value]  # filled by type

    # -- places

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Start and end, as offsets; without blanks, comments and brackets around."""
        return self._positions.span(node)

    def source(self, node: cst.CSTNode) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.text[start:end]

    def line(self, node: cst.CSTNode) -> int:
        """The line that a node starts on, from 1."""
        return self._positions.line(node)

    def line_at(self, offset: int) -> int:
        """The line of an offset, from 1."""
        return bisect.bisect_right(self._starts, offset)

    def line_start(self, offset: int) -> int:
        """Where the line of an offset starts."""
        return self._starts[self.line_at(offset) - 1]

    def line_end(self, offset: int) -> int:
        """Where the next line starts, or the end of the text."""
        line = self.line_at(offset)
        return self._starts[line] if line < len(self._starts) else len(self.text)

    def indent_at(self, offset: int) -> str:
        """The blanks that the line of an offset begins with."""
        found = _BLANKS.match(self.text, self.line_start(offset))
        return found[0] if found else ""

    def above(self, statement: cst.CSTNode) -> int:
        """The start of the line where the comments and blank lines above a statement begin."""
        first: cst.CSTNode = statement
        if isinstance(statement, cst.FunctionDef | cst.ClassDef) and statement.decorators:
            first = statement.decorators[0]
        lines = getattr(statement, "leading_lines", ())
        return self._starts[max(0, self.line(first) - 1 - len(lines))]

    # -- what holds a node

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """What holds a node, from the inside."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def within(self, node: cst.CSTNode, *kinds: type[cst.CSTNode]) -> cst.CSTNode | None:
        """The nearest holder of one of these types."""
        return next((holder for holder in self.ancestors(node) if isinstance(holder, kinds)), None)

    def function(self, node: cst.CSTNode) -> cst.FunctionDef | None:
        """The function that a node is in."""
        found = self.within(node, cst.FunctionDef)
        return found if isinstance(found, cst.FunctionDef) else None

    def owner(self, node: cst.CSTNode) -> cst.ClassDef | None:
        """The class that a node is in."""
        found = self.within(node, cst.ClassDef)
        return found if isinstance(found, cst.ClassDef) else None

    def statement(self, node: cst.CSTNode) -> cst.CSTNode:
        """The statement in a block that a node belongs to."""
        while (parent := self.parents.get(node)) is not None:
            if isinstance(parent, cst.IndentedBlock | cst.SimpleStatementSuite | cst.Module):
                return node
            node = parent
        return node

    # -- what a name means

    def scope(self, node: cst.CSTNode) -> Scope:
        """Where the names of a node are looked up."""
        places, holder = self._names.places, node
        while holder not in places and holder in self.parents:
            holder = self.parents[holder]
        return places.get(holder, self.top)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """All scopes of the file."""
        return self._names.scopes

    @property
    def top(self) -> Scope:
        """The module's own scope."""
        return self._names.top

    @property
    def free(self) -> frozenset[str]:
        """Names that are used without any meaning: what a star import may bring."""
        return self._names.free

    @cached_property
    def bound(self) -> frozenset[str]:
        """Every name that is given a meaning anywhere in the file."""
        return frozenset(name for scope in self.scopes for name in scope.bound)

    def absolute(self, statement: cst.ImportFrom) -> str | None:
        """The module that a `from` names; None when it climbs out of the tree."""
        return self.resolved(dotted(statement.module) or "", len(statement.relative))

    def resolved(self, name: str, level: int) -> str | None:
        """A module's name behind that many dots, absolute."""
        if not level:
            return name
        parts = self.package.split(".") if self.package else []
        if level - 1 > len(parts) or not parts:
            return None
        return ".".join(part for part in [*parts[: len(parts) - level + 1], name] if part)

    def imports(self) -> list[tuple[int, str]]:
        """All that is imported, by line, absolute."""
        found = [
            (self.line(node), dotted(each.name) or "") for node in self.all(cst.Import) for each in node.names
        ]
        for node in self.all(cst.ImportFrom):
            aliases = () if isinstance(node.names, cst.ImportStar) else node.names
            found += [(self.line(node), f"{self.absolute(node)}.{dotted(each.name)}") for each in aliases]
        return found

    def inside(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """A node and all that it holds."""
        waiting = [node]
        while waiting:
            yield (current := waiting.pop())
            waiting += [each for each in current.children if each in self.parents]

    def imported(self, assignment: Assignment) -> str | None:
        """What a name bound by an import stands for, absolute."""
        node = assignment.node
        if isinstance(node, cst.ImportFrom):
            base = self.absolute(node)
            for alias in () if isinstance(node.names, cst.ImportStar) else node.names:
                if local_name(alias) == assignment.name and base is not None:
                    return f"{base}.{dotted(alias.name)}"
            return None
        if not isinstance(node, cst.Import):
            return None
        for alias in node.names:
            if alias.asname and local_name(alias) == assignment.name:
                return dotted(alias.name)
        return assignment.name  # `import a.b` binds `a`, which is `a`

    def meanings(self, node: cst.CSTNode) -> frozenset[str]:
        """The absolute dotted names that an expression `a.b.c` may stand for, by imports and definitions."""
        chain = dotted(node)
        if chain is None:
            return frozenset()
        head, dot, rest = chain.partition(".")
        found = set()
        for assignment in self.scope(node)[head]:
            meant = self.imported(assignment)
            if assignment.node is None:
                meant = f"builtins.{head}"
            elif isinstance(assignment.node, cst.ClassDef | cst.FunctionDef):
                meant = f"{self.module}.{head}" if assignment.scope is self.top else f"<local>.{head}"
            if meant:
                found.add(meant + dot + rest)
        return frozenset(found)

    @cached_property
    def classes(self) -> dict[str, cst.ClassDef]:
        """Classes of the file by name; of two with one name the last."""
        return {each.name.value: each for each in self.all(cst.ClassDef)}


def dotted(node: cst.CSTNode | None) -> str | None:
    """`a.b.c` as text, or None for any other expression."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr.value}" if before else None
    return None


def last_name(node: cst.CSTNode) -> str:
    """The last part of a dotted name, whatever it is reached through; empty for what is no name."""
    return (dotted(node) or "").rpartition(".")[2]


def local_name(alias: cst.ImportAlias) -> str:
    """The name that an import binds; of `import a.b` that is `a`."""
    if alias.asname and isinstance(alias.asname.name, cst.Name):
        return alias.asname.name.value
    return (dotted(alias.name) or "").partition(".")[0]


def literal(node: cst.CSTNode | None) -> str | None:
    """The value of a plain string literal."""
    if isinstance(node, cst.SimpleString) and "f" not in node.prefix.lower():
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return None
