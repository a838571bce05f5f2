"""Text to a syntax tree: by `ast`, else by LibCST's newer grammar with the news taken out again."""

import ast
import re

_DEEP = 100
"""Brackets within brackets. LibCST's native parser recurses on the stack of the process and would end it."""
_LONG = 5000


class Broken(ValueError):
    """The text is no Python that anybody here knows. `line`: where it stops being any."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.line = line


def parse(text: str) -> ast.Module:
    """The syntax tree; lines are those of the text, columns too where nothing had to be taken out.

    Raises:
        Broken: with the reason that `ast` gives.
    """
    try:
        return ast.parse(text)
    except SyntaxError as error:
        tree = _newer(text)
        if tree is None:
            raise Broken(error.msg, error.lineno or 1) from error
        return tree
    except (ValueError, RecursionError, MemoryError) as error:
        raise Broken(str(error) or "it is nested too deeply", 1) from error


def _newer(text: str) -> ast.Module | None:
    if _is_deep(text):
        return None
    from netra_migrate.scan.newer import (
        without_news,  # LibCST takes a quarter of a second, and is seldom needed
    )

    older = without_news(text)
    if older is None:
        return None
    try:
        return ast.parse(older)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_deep(text: str) -> bool:
    depth = deepest = 0
    for bracket in re.findall(r"[][(){}]", text):
        depth = max(0, depth + (1 if bracket in "([{" else -1))
        deepest = max(deepest, depth)
    return deepest > _DEEP or any(len(line) > _LONG for line in text.split("\n"))
