"""Imports in code that stands in a string: after `python -c`, in `exec`, in a block of a test. Pure."""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

_STATEMENT = re.compile(
    r"\bfrom[ \t]+[A-Za-z_][\w.]*[ \t]+import[ \t]+(?:\([^()]*\)|\*|[\w \t,]+)"
    r"|\bimport[ \t]+[A-Za-z_][\w.]*(?:[ \t]+as[ \t]+\w+)?(?:[ \t]*,[ \t]*[A-Za-z_][\w.]*(?:[ \t]+as[ \t]+\w+)?)*"
)
_BEFORE = re.compile(r"(?:^|[;:\"'`>({]|\belse|\\n)[ \t]*\Z")
"""What may stand before a statement on its line. After any other word `import` is a word of a sentence."""


class Embedded(NamedTuple):
    """An import statement within a string: its text and where it starts there."""

    text: str
    start: int
    node: ast.Import | ast.ImportFrom


def embedded(value: str) -> Iterator[Embedded]:
    """Every import statement of a string."""
    if "import" not in value:
        return
    for match in _STATEMENT.finditer(value):
        line = value[value.rfind("\n", 0, match.start()) + 1 : match.start()]
        if _BEFORE.search(line):
            node = _parsed(match.group().strip())
            if node is not None:
                yield Embedded(match.group().strip(), match.start(), node)


def _parsed(text: str) -> ast.Import | ast.ImportFrom | None:
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return None
    return body[0] if body and isinstance(body[0], (ast.Import, ast.ImportFrom)) else None


def names_of(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, tuple[tuple[str, str], ...], str]]:
    """Module, names and local name of each import of a statement, as `facts.Import` has them."""
    if isinstance(node, ast.ImportFrom):
        yield node.module or "", tuple((each.name, each.asname or each.name) for each in node.names), ""
    else:
        yield from ((each.name, (), each.asname or each.name) for each in node.names)
