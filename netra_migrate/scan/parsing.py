"""Text to a syntax tree: by `ast`, else by LibCST's newer grammar with the news taken out again."""

import ast

from netra_migrate.sources.nesting import too_deep


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
    if too_deep(text) is not None:
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
