"""What the transformations of one file share: the code, the edits, the refusals, and names to be imported."""

from dataclasses import dataclass, field
from functools import cache

import libcst as cst
import pathspec

from netra_migrate.configuration import Configuration
from netra_migrate.domain.rewriting import Refusal
from netra_migrate.rewrite.code import Code, dotted, local_name
from netra_migrate.rewrite.edits import Edits
from netra_migrate.rewrite.names import Names


@cache
def _tests(patterns: tuple[str, ...]) -> pathspec.GitIgnoreSpec:
    return pathspec.GitIgnoreSpec.from_lines(patterns)


@dataclass(slots=True)
class Item:
    """One name of an import that leads to the legacy side.

    `to` is None as long as it stays. `local` is what it is called in the file in the end.
    """

    statement: cst.ImportFrom
    alias: cst.ImportAlias
    symbol: str | None
    local: str
    to: str | None = None
    dropped: bool = False


@dataclass(slots=True)
class Work:
    """The state of one rewrite."""

    code: Code
    names: Names
    edits: Edits = field(default_factory=Edits)
    refusals: set[Refusal] = field(default_factory=set)
    items: list[Item] = field(default_factory=list)
    wanted: dict[str, str] = field(default_factory=dict)
    """Dotted names that the module needs at its top, to what they are called there."""
    migrated: dict[cst.ClassDef, str | None] = field(default_factory=dict)
    """Classes of the file whose method changes, to the legacy symbol among their bases."""
    methods: set[cst.FunctionDef] = field(default_factory=set)
    """Their methods."""
    calls: set[cst.Call | None] = field(default_factory=set)
    """Calls of the legacy method that become calls of the canonical one."""
    lent: dict[cst.FunctionDef, str] = field(default_factory=dict)
    """Test functions that got a connection, to what it is called there."""
    unadaptable: bool = False
    """Whether a use of an adapted handler cannot be given the new interface, so that none is wrapped."""

    @property
    def configuration(self) -> Configuration:
        """What is migrated."""
        return self.names.configuration

    @property
    def is_test(self) -> bool:
        """Whether the file is one of the tests."""
        return _tests(self.configuration.project.tests).match_file(self.code.path)

    @property
    def linked(self) -> bool:
        """Whether the file has to do with the migration: by an import, a class of its own, or as one that hands on."""
        if self.items or self.migrated or self.code.module in self.names.modules:
            return True
        plain = (each for node in self.code.all(cst.Import) for each in node.names)
        return any((dotted(each.name) or "") in self.names.modules for each in plain)

    def refuse(self, node: cst.CSTNode | int, reason: str, *, can_adapt: bool = False) -> None:
        """Note a place, by node or by line, that stands against the rewrite."""
        line = node if isinstance(node, int) else self.code.line(node)
        adaptable = can_adapt and self.configuration.adapter is not None
        self.refusals.add(Refusal(path=self.code.path, line=line, reason=reason, can_adapt=adaptable))

    # -- edits

    def replace(self, node: cst.CSTNode, text: str, kind: str) -> None:
        """Put a text in place of a node."""
        self.edits.add(*self.code.span(node), text, kind)

    def insert(self, offset: int, text: str, kind: str) -> None:
        """Put a text in at an offset."""
        self.edits.add(offset, offset, text, kind)

    def insert_after(self, statement: cst.CSTNode, lines: list[str], kind: str) -> None:
        """New statements after one, in its block; on its line where the block is on one line."""
        code = self.code
        end = code.span(statement)[1]
        if isinstance(code.parents.get(statement), cst.SimpleStatementSuite):
            self.insert(end, "".join(f"; {line}" for line in lines), kind)
            return
        self.insert_lines(
            code.line_end(max(0, end - 1)), lines, code.indent_at(code.span(statement)[0]), kind
        )

    def insert_lines(self, offset: int, lines: list[str], indent: str, kind: str) -> None:
        """Whole lines at the start of a line, or at the end of a text without a last line ending."""
        newline = self.code.newline
        at_start = offset == 0 or self.code.text[offset - 1] in "\r\n"
        body = newline.join(indent + line if line else "" for line in lines)
        self.insert(offset, body + newline if at_start else newline + body, kind)

    def delete_statement(self, statement: cst.BaseSmallStatement, kind: str) -> None:
        """Take a statement out with its line; `pass` stays where the block would be empty."""
        code = self.code
        line = code.parents[statement]
        start, end = code.span(statement)
        block = code.parents.get(line)
        shared = not isinstance(line, cst.SimpleStatementLine) or len(line.body) > 1
        alone = isinstance(block, cst.IndentedBlock) and all(
            each is line or self.edits.replaces(*code.span(each)) for each in block.body
        )
        if shared or alone:
            self.edits.add(start, end, "pass", kind)
        else:
            after = code.line_end(max(start, end - 1))
            first = isinstance(block, cst.IndentedBlock | cst.Module) and block.body[0] is line
            if first and not code.text[after : code.line_end(after)].strip():
                after = code.line_end(after)  # a block does not begin with a blank line
            self.edits.add(code.line_start(start), after, "", kind)

    # -- names at the top of the module

    def want(self, name: str, *, annotation: bool = False) -> str:
        """The name under which a dotted name can be used at the top of this module; imported if need be."""
        module, _, last = name.rpartition(".")
        if not module or module == self.code.module:
            return last
        if name in self.wanted:
            return self.wanted[name]
        for item in self.items:
            if item.to == name and not item.dropped and self._at_top(item.statement, annotation=annotation):
                return item.local
        local = self._imported(name, annotation=annotation)
        if local is None:
            taken = self.code.bound | {item.local for item in self.items} | set(self.wanted.values())
            local = last if last not in taken else f"Canonical{last}"
            self.wanted[name] = local
        return local

    def _imported(self, name: str, *, annotation: bool) -> str | None:
        for assignment in self.code.top.assignments:
            node = assignment.node
            if isinstance(node, cst.ImportFrom) and self.code.imported(assignment) == name:
                alone = len(self.code.top[assignment.name]) == 1
                if alone and self._at_top(node, annotation=annotation):
                    return assignment.name
        return None

    def _at_top(self, statement: cst.CSTNode, *, annotation: bool) -> bool:
        """Whether an import holds for the whole module, and when it runs as well."""
        line = self.code.parents[statement]
        block = self.code.parents.get(line)
        if isinstance(block, cst.Module):
            return True
        holder = self.code.parents.get(block) if block else None
        checking = isinstance(holder, cst.If) and "TYPE_CHECKING" in self.code.source(holder.test)
        return annotation and checking and self.lazy_annotations

    @property
    def lazy_annotations(self) -> bool:
        """Whether annotations are never evaluated here."""
        return any(
            isinstance(each.module, cst.Name)
            and each.module.value == "__future__"
            and not isinstance(each.names, cst.ImportStar)
            and any(local_name(alias) == "annotations" for alias in each.names)
            for each in self.code.all(cst.ImportFrom)
        )
