"""Imports that only code used that is gone: they go with it. What was unused before is not ours to judge."""

import re

import libcst as cst

from netra_migrate.rewrite.code import dotted, local_name
from netra_migrate.rewrite.imports import exported
from netra_migrate.rewrite.work import Item, Work


def drop_unused(work: Work) -> None:
    """Take out imports all of whose uses went away with replaced code."""
    code = work.code
    kept = exported(code)
    items = {(item.statement, item.alias): item for item in work.items}
    for statement in code.all(cst.ImportFrom):
        if isinstance(statement.names, cst.ImportStar) or dotted(statement.module) == "__future__":
            continue
        for alias in statement.names:
            name = local_name(alias)
            if name in kept or work.names.hands_on(code.module, name) or not _all_gone(work, statement, name):
                continue
            item = items.get((statement, alias))
            if item is not None and item.symbol is None and item.to:
                continue  # the module itself: its uses have been rewritten, not removed
            if item is None:
                item = Item(statement, alias, None, name)
                work.items.append(item)
            if item.local not in work.wanted.values():
                item.dropped = True


def _all_gone(work: Work, statement: cst.CSTNode, name: str) -> bool:
    code = work.code
    nodes = [
        use
        for assignment in code.scope(statement)[name]
        if assignment.node is statement
        for use in assignment.references
    ]
    for node in nodes:
        edit = work.edits.replaces(*code.span(node))
        if edit is None or (
            (edit.start, edit.end) == code.span(node) and isinstance(node, cst.Name | cst.SimpleString)
        ):
            if edit is None or edit.kind == "import" or re.search(rf"\b{re.escape(name)}\b", edit.text):
                return False
        elif re.search(rf"\b{re.escape(name)}\b", edit.text):
            return False
    return bool(nodes)
