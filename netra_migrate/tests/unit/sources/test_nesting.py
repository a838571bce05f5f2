"""What is too deep for a parser that recurses, and what only looks so."""

import pytest

from netra_migrate.sources.nesting import LONGEST, too_deep

_MANY = 20_000


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * _MANY + ")" * _MANY,
        "x = " + "not " * _MANY + "1",
        "x = " + "-" * _MANY + "1",
        "x = " + " and ".join("a" * _MANY),
        "x = " + "+\\\n".join("a" * _MANY),
        "x = a" + ".b()" * _MANY,
        "x = " + "lambda: " * _MANY + "1",
        "if a: pass\n" + "elif b: pass\n" * _MANY,
    ],
)
def test_a_text_that_would_end_the_process_is_too_deep(text: str) -> None:
    """Each of these is a level of the tree for each sign, and LibCST's parser dies of it."""
    assert too_deep(text + "\n") is not None


@pytest.mark.parametrize(
    "text",
    [
        "x = [" + "-1, " * _MANY + "]",
        "x = {" + "'a': b.c,\n" * _MANY + "}",
        "x = 1 + 2\n" * _MANY,
        "x = '" + "(" * _MANY + "'",
        "# " + "(" * _MANY,
        "if a: pass\nelif b: pass\n" * _MANY,
        "x = " + "(" * 100 + ")" * 100,
    ],
)
def test_what_is_only_long_is_not_deep(text: str) -> None:
    """Tables, long files, strings and comments are flat."""
    assert too_deep(text + "\n") is None


def test_the_line_is_told() -> None:
    """People are sent to where it begins to be too much."""
    assert too_deep("a = 1\n\nx = " + "-" * (LONGEST + 1) + "1\n") == 3
