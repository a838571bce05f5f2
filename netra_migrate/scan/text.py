"""A file's text by lines, and the places in it as people count them: columns in characters. Pure."""

import ast
from typing import NamedTuple

from netra_migrate.sources.decoding import lines

LONGEST = 200
"""Characters of a line that are shown; minified lines would fill reports."""


class Place(NamedTuple):
    """A line from 1 and a column from 0."""

    line: int
    column: int


class Text:
    """The lines of one file."""

    def __init__(self, content: str) -> None:
        self.lines = lines(content)

    def place(self, node: ast.expr | ast.stmt | ast.alias) -> Place:
        """Where a node starts; `ast` counts columns in bytes."""
        line = self.lines[node.lineno - 1] if node.lineno <= len(self.lines) else ""
        column = node.col_offset
        if not line.isascii():
            column = len(line.encode(errors="surrogatepass")[:column].decode(errors="ignore"))
        return Place(node.lineno, column)

    def shown(self, line: int) -> str:
        """A line without its indentation, cut where nobody reads on."""
        return self.lines[line - 1].strip()[:LONGEST] if 0 < line <= len(self.lines) else ""

    def after(self, place: Place, word: str) -> Place:
        """Where the word after `word` starts, if `word` stands at the place; else the place."""
        line = self.lines[place.line - 1]
        rest = line[place.column :]
        if not rest.startswith(word):
            return place
        return Place(
            place.line, place.column + len(word) + len(rest) - len(word) - len(rest[len(word) :].lstrip())
        )
