import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from netra_migrate.sources.ignoring import Patterns

LINES = st.sampled_from(
    [
        *("*.log", "!keep.log", "/build/", "generated/", "a/b", "a/**/b", "**/a", "doc/**", "!doc/b"),
        *("b?", "[ab]", "*", "!*/", "# b", "", "a\\ b", "/b", "!a/b/", "*.b/"),
    ]
)
PARTS = st.sampled_from(["a", "b", "ab", "build", "generated", "doc", "x.log", "keep.log", "c.b", "a b"])


@given(st.lists(LINES, max_size=6), st.lists(PARTS, min_size=1, max_size=4), st.booleans())
def test_patterns_say_what_pathspec_says(lines: list[str], parts: list[str], is_folder: bool) -> None:
    """The shortcut changes no answer, whatever lines stand together."""
    path = "/".join(parts) + "/" * is_folder
    assert Patterns(lines).say(path) is GitIgnoreSpec.from_lines(lines).check_file(path).include


@pytest.mark.parametrize("lines", [[], ["", "# nothing"]])
def test_no_patterns_say_nothing(lines: list[str]) -> None:
    """Neither that a path is left out, nor that it is taken in again."""
    assert Patterns(lines).say("a.py") is None
