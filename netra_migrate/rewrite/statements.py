"""Writes the import statements: what stays, what moves, what joins an import that is there already.

Runs last, when every other edit is known, so that names no longer used can leave with the code that used them.
"""

import re
from dataclasses import dataclass, field

import libcst as cst

from netra_migrate.rewrite.code import Code, dotted, local_name
from netra_migrate.rewrite.imports import spelled_module
from netra_migrate.rewrite.unused import drop_unused
from netra_migrate.rewrite.work import Item, Work

_WIDTH = 100
_HEAD = re.compile(r"from(\s*)([\w.\s\\]*?)(\s*)\bimport\b")


@dataclass(slots=True)
class _Name:
    """One name to import, and the comment it had."""

    name: str
    local: str
    comment: str = ""

    @property
    def text(self) -> str:
        return self.name if self.name == self.local else f"{self.name} as {self.local}"


@dataclass(slots=True)
class _Joined:
    """What is to be added to statements that exist."""

    names: dict[cst.ImportFrom, list[_Name]] = field(default_factory=dict)

    def has(self, code: Code, statement: cst.ImportFrom, name: _Name) -> bool:
        there = () if isinstance(statement.names, cst.ImportStar) else statement.names
        return any(
            dotted(each.name) == name.name and local_name(each) == name.local for each in there
        ) or any(each.text == name.text for each in self.names.get(statement, ()))

    def add(self, code: Code, statement: cst.ImportFrom, name: _Name) -> None:
        if not self.has(code, statement, name):
            self.names.setdefault(statement, []).append(name)


def write_imports(work: Work) -> None:
    """Drop what is not used any more, then write all statements that change."""
    collapsed = _collapse_fallbacks(work)
    drop_unused(work)
    joined = _Joined()
    statements = list({item.statement: None for item in work.items})
    for statement in statements:
        if statement not in collapsed:
            _write(work, statement, [item for item in work.items if item.statement is statement], joined)
    rest = {name: local for name, local in work.wanted.items() if not _joins(work, name, local, joined)}
    _new_statements(work, rest)
    for statement, names in joined.names.items():
        _extend(work, statement, names)


# -- one statement


def _write(work: Work, statement: cst.ImportFrom, items: list[Item], joined: _Joined) -> None:
    code = work.code
    for item in items:
        existing = _beside(work, statement, item.to) if item.to and not item.dropped else None
        if existing is not None and item.to is not None:
            module, _, name = item.to.rpartition(".")
            joined.add(code, existing, _Name(name, item.local))
            item.dropped = True
    moved = [item for item in items if item.to and not item.dropped]
    modules = {(item.to or "").rpartition(".")[0] for item in moved}
    aliases = () if isinstance(statement.names, cst.ImportStar) else statement.names
    if len(moved) == len(aliases) and len(modules) == 1 and not _twice(moved):
        _in_place(work, statement, moved, modules.pop(), joined)
        return
    leaving = [item.alias for item in items if item.to or item.dropped]
    if not leaving:
        return
    groups: dict[str, list[_Name]] = {}
    for item in moved:
        module, _, name = (item.to or "").rpartition(".")
        entry = _Name(name, item.local, _comment(code, item.alias))
        if entry.text not in [each.text for each in groups.setdefault(module, [])]:
            groups[module].append(entry)
    for module, names in groups.items():
        names += _wanted_for(work, statement, module)
    relative = bool(statement.relative)
    lines = [_spelled(code, module, names, relative=relative) for module, names in sorted(groups.items())]
    _put(work, statement, leaving, lines)


def _twice(moved: list[Item]) -> bool:
    return len({(item.to, item.local) for item in moved}) < len(moved)


def _put(
    work: Work, statement: cst.ImportFrom, leaving: list[cst.ImportAlias], lines: list[list[str]]
) -> None:
    code = work.code
    flat = [line for each in lines for line in each]
    aliases = () if isinstance(statement.names, cst.ImportStar) else statement.names
    if len(leaving) < len(aliases):
        _remove_aliases(code, work, statement, leaving)
        if flat:
            work.insert_after(code.parents[statement], flat, "import")
    elif not flat:
        work.delete_statement(statement, "import")
    else:
        one_line = isinstance(code.parents[statement], cst.SimpleStatementSuite)
        indent = code.indent_at(code.span(statement)[0])
        work.replace(statement, ("; " if one_line else code.newline + indent).join(flat), "import")


def _in_place(work: Work, statement: cst.ImportFrom, moved: list[Item], module: str, joined: _Joined) -> None:
    """All names go to one module: only names change, so comments and layout stay."""
    code = work.code
    start, end = code.span(statement)
    head = _HEAD.match(code.text[start:end])
    if head is None:
        return
    spelled = spelled_module(code, module, relative=bool(statement.relative))
    work.edits.add(start, start + head.end(), f"from {spelled} import", "import")
    for item in moved:
        name = (item.to or "").rpartition(".")[2]
        if name != dotted(item.alias.name) or item.local != local_name(item.alias):
            work.replace(item.alias, _Name(name, item.local).text, "import")
    for entry in _wanted_for(work, statement, module):
        joined.add(code, statement, entry)


def _spelled(code: Code, module: str, names: list[_Name], *, relative: bool) -> list[str]:
    head = f"from {spelled_module(code, module, relative=relative)} import"
    line = f"{head} {', '.join(each.text for each in names)}"
    if len(line) <= _WIDTH and not any(each.comment for each in names):
        return [line]
    unit = code.tree.default_indent
    rows = [f"{unit}{each.text},{'  ' + each.comment if each.comment else ''}" for each in names]
    return [f"{head} (", *rows, ")"]


def _comment(code: Code, alias: cst.ImportAlias) -> str:
    end = code.span(alias)[1]
    found = re.match(r"[ \t]*,?[ \t]*(#[^\r\n]*)", code.text[end : code.line_end(end)])
    return found[1].rstrip() if found and "\n" in code.source(code.parents[alias]) else ""


def _remove_aliases(
    code: Code, work: Work, statement: cst.ImportFrom, leaving: list[cst.ImportAlias]
) -> None:
    """Take names out of a list, with their line and its comment where they have one of their own."""
    aliases = [] if isinstance(statement.names, cst.ImportStar) else list(statement.names)
    for index, alias in enumerate(aliases):
        if alias not in leaving:
            continue
        start, end = code.span(alias)
        before = code.text[code.line_start(start) : start]
        after = re.match(r"[ \t]*,?[ \t]*(#[^\r\n]*)?(?=\r|\n)", code.text[end:])
        if not before.strip() and after:
            work.edits.add(code.line_start(start), code.line_end(end), "", "import")
        elif any(each not in leaving for each in aliases[index + 1 :]):
            work.edits.add(start, code.span(aliases[index + 1])[0], "", "import")
        else:
            kept = max(at for at, each in enumerate(aliases) if each not in leaving)
            work.edits.add(code.span(aliases[kept])[1], end, "", "import")


# -- statements that are there already


def _beside(work: Work, statement: cst.ImportFrom, to: str) -> cst.ImportFrom | None:
    """An import of the same module in the same block, before the first use of what would join it."""
    code = work.code
    module = to.rpartition(".")[0]
    block = code.parents[code.parents[statement]]
    legacy = {item.statement for item in work.items if item.to}
    for other in code.all(cst.ImportFrom):
        same = other is not statement and other not in legacy and code.absolute(other) == module
        if (
            not same
            or isinstance(other.names, cst.ImportStar)
            or code.parents[code.parents[other]] is not block
        ):
            continue
        if code.line(other) < code.line(statement) or not _between(code, statement, other):
            return other
    return None


def _between(code: Code, first: cst.CSTNode, last: cst.CSTNode) -> bool:
    """Whether anything but imports stands between two statements of a block."""
    block = code.parents[code.parents[first]]
    start, end = code.line(first), code.line(last)
    for each in getattr(block, "body", ()):
        simple = isinstance(each, cst.SimpleStatementLine)
        if start < code.line(each) < end and not (
            simple and all(isinstance(part, cst.Import | cst.ImportFrom) for part in each.body)
        ):
            return True
    return False


def _wanted_for(work: Work, statement: cst.ImportFrom, module: str) -> list[_Name]:
    """Names that the top of the module needs from where this statement now takes its own."""
    if not isinstance(work.code.parents[work.code.parents[statement]], cst.Module):
        return []
    names = [name for name in work.wanted if name.rpartition(".")[0] == module]
    return [_Name(name.rpartition(".")[2], work.wanted.pop(name)) for name in names]


def _joins(work: Work, name: str, local: str, joined: _Joined) -> bool:
    code = work.code
    module, _, last = name.rpartition(".")
    for other in code.all(cst.ImportFrom):
        at_top = isinstance(code.parents[code.parents[other]], cst.Module)
        if at_top and not isinstance(other.names, cst.ImportStar) and code.absolute(other) == module:
            if any(item.statement is other for item in work.items):
                continue
            joined.add(code, other, _Name(last, local))
            return True
    return False


def _extend(work: Work, statement: cst.ImportFrom, names: list[_Name]) -> None:
    code = work.code
    aliases = [] if isinstance(statement.names, cst.ImportStar) else list(statement.names)
    last = aliases[-1]
    start, end = code.span(statement)
    text = ", ".join(each.text for each in names)
    if code.line(last) != code.line(statement):  # one name a line
        indent = code.indent_at(code.span(last)[0])
        comma = "" if isinstance(last.comma, cst.Comma) else ","
        tail = code.text[code.span(last)[1] : end]
        if "\n" in tail or "\r" in tail:
            if comma:
                work.insert(code.span(last)[1], comma, "import")
            work.insert_lines(
                code.line_end(code.span(last)[1]), [f"{each.text}," for each in names], indent, "import"
            )
            return
    comma = "" if isinstance(last.comma, cst.Comma) else ","
    width = code.line_end(max(0, end - 1)) - code.line_start(start) + len(text)
    if width > _WIDTH and not statement.lpar:
        unit, base = code.tree.default_indent, code.indent_at(start)
        first = code.span(aliases[0])[0]
        every = [_as_written(work, each) for each in aliases] + [each.text for each in names]
        rows = code.newline.join(f"{base}{unit}{each}," for each in every)
        work.edits.add(first, end, f"({code.newline}{rows}{code.newline}{base})", "import")
        return
    work.insert(code.span(last)[1], f"{',' if comma else ', '}{' ' if comma else ''}{text}", "import")


def _as_written(work: Work, alias: cst.ImportAlias) -> str:
    """A name of an import as it will stand: it may have been given another one already."""
    edit = work.edits.replaces(*work.code.span(alias))
    return edit.text if edit else work.code.source(alias)


def _new_statements(work: Work, wanted: dict[str, str]) -> None:
    code = work.code
    groups: dict[str, list[_Name]] = {}
    for name, local in sorted(wanted.items()):
        module, _, last = name.rpartition(".")
        groups.setdefault(module, []).append(_Name(last, local))
    lines = [
        line
        for module, names in sorted(groups.items())
        for line in _spelled(code, module, names, relative=False)
    ]
    if lines:
        _insert(work, lines)


def _insert(work: Work, lines: list[str]) -> None:
    code = work.code
    anchor: cst.CSTNode | None = None
    first: cst.CSTNode | None = None
    for statement in code.tree.body:
        simple = isinstance(statement, cst.SimpleStatementLine)
        parts = statement.body if isinstance(statement, cst.SimpleStatementLine) else ()
        if simple and all(isinstance(part, cst.Import | cst.ImportFrom) for part in parts):
            anchor = statement
        elif isinstance(statement, cst.FunctionDef | cst.ClassDef):
            first = first or statement
            break
        else:
            first = first or statement
    if anchor is None and code.tree.get_docstring() is not None:
        anchor = code.tree.body[0]
        lines = ["", *lines]
    if anchor is not None:
        work.insert_lines(code.line_end(max(0, code.span(anchor)[1] - 1)), lines, "", "import")
    elif first is not None:
        defines = isinstance(first, cst.FunctionDef | cst.ClassDef)
        offset = code.above(first) if defines else code.line_start(code.span(first)[0])
        work.insert_lines(offset, [*lines, "", ""] if defines else [*lines, ""], "", "import")


# -- try: new except ImportError: old


def _collapse_fallbacks(work: Work) -> set[cst.ImportFrom]:
    """Of `try: import` and `except ImportError: import` that now say the same, one is left."""
    code = work.code
    gone: set[cst.ImportFrom] = set()
    for attempt in code.all(cst.Try):
        blocks = [attempt.body, *(handler.body for handler in attempt.handlers)]
        if attempt.orelse or attempt.finalbody or len(blocks) < 2:
            continue
        bindings = [_bindings(work, block) for block in blocks]
        first = bindings[0]
        inside = [item for item in work.items if attempt in code.ancestors(item.statement)]
        if not inside or not first or any(each != first for each in bindings):
            continue
        groups: dict[str, list[_Name]] = {}
        for name, local in sorted(first):
            module, _, last = name.rpartition(".")
            groups.setdefault(module, []).append(_Name(last, local))
        relative = bool(inside[0].statement.relative)
        lines = [
            line
            for module, names in groups.items()
            for line in _spelled(code, module, names, relative=relative)
        ]
        work.replace(attempt, (code.newline + code.indent_at(code.span(attempt)[0])).join(lines), "import")
        gone |= {item.statement for item in inside}
    return gone


def _bindings(work: Work, block: cst.BaseSuite) -> frozenset[tuple[str, str]] | None:
    """What a block of nothing but `from` imports binds in the end; None for any other block."""
    found: set[tuple[str, str]] = set()
    items = {(item.statement, item.alias): item for item in work.items}
    for line in block.body:
        for statement in line.body if isinstance(line, cst.SimpleStatementLine) else (line,):
            if not isinstance(statement, cst.ImportFrom) or isinstance(statement.names, cst.ImportStar):
                return None
            base = work.code.absolute(statement)
            for alias in statement.names:
                item = items.get((statement, alias))
                name = item.to if item and item.to else f"{base}.{dotted(alias.name)}"
                found.add((name, item.local if item else local_name(alias)))
    return frozenset(found)
