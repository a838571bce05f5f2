"""Replacements in a text: in order, once each, and never two of one place."""

import pytest

from netra_migrate.domain.rewriting import Change
from netra_migrate.rewrite.edits import Conflict, Edit, Edits


def _edits(*each: tuple[int, int, str]) -> Edits:
    edits = Edits()
    for start, end, text in each:
        edits.add(start, end, text, "call")
    return edits


@pytest.mark.parametrize(
    ("edits", "after"),
    [
        ([(2, 3, "C"), (0, 1, "A")], "AbCdef"),
        ([(0, 1, "A"), (0, 1, "A")], "Abcdef"),
        ([(1, 1, "x"), (1, 1, "x")], "axxbcdef"),
        ([(1, 1, "x"), (1, 1, "y"), (1, 2, "B")], "axyBcdef"),
        ([(1, 2, "B"), (2, 2, "x")], "aBxcdef"),
        ([(0, 4, "-"), (1, 2, "B"), (1, 1, "x"), (4, 4, "y")], "-yef"),
        ([(0, 4, "-"), (0, 1, "A"), (3, 4, "D")], "-ef"),
        ([(0, 1, "A"), (1, 2, "B")], "ABcdef"),
        ([(2, 4, ""), (6, 6, "!")], "abef!"),
        ([(1, 1, "")], "abcdef"),
    ],
)
def test_edits_are_made_at_once(edits: list[tuple[int, int, str]], after: str) -> None:
    """Those inside another go with it; insertions at its edges stay."""
    assert _edits(*edits).apply("abcdef")[0] == after


@pytest.mark.parametrize(
    ("edits", "offset"),
    [([(0, 3, "x"), (2, 5, "y")], 2), ([(1, 3, "x"), (1, 3, "y")], 1), ([(0, 4, "x"), (0, 4, "y")], 0)],
)
def test_edits_that_want_different_things_of_one_place_are_told(
    edits: list[tuple[int, int, str]], offset: int
) -> None:
    """Nobody could say which is meant."""
    with pytest.raises(Conflict, match=rf"^two edits meet at offset {offset}$") as raised:
        _edits(*edits).apply("abcdef")
    assert raised.value.offset == offset


def test_an_edit_replaces_what_is_within_it() -> None:
    """An insertion replaces nothing."""
    edits = _edits((1, 4, "x"), (5, 5, "y"))

    assert edits.replaces(1, 4) == edits.replaces(2, 2) == Edit(1, 4, "x", "call")
    assert edits.replaces(0, 4) is edits.replaces(1, 5) is edits.replaces(5, 5) is None


def test_changes_are_told_by_line_and_kind() -> None:
    """Edits of one line are one change, whole new lines have no line before, and what stays the same is none."""
    text = "one\ntwo\nthree\nfour\n"
    edits = Edits()
    edits.add(0, 1, "O", "import")
    edits.add(2, 3, "E", "call")
    edits.add(8, 8, "new\n", "method")
    edits.add(9, 10, "h", "call")
    edits.add(14, 19, "FOUR\nFIVE\n", "return")

    assert edits.apply(text) == (
        "OnE\ntwo\nnew\nthree\nFOUR\nFIVE\n",
        (
            Change(line=1, kind="call", before="one", after="OnE"),
            Change(line=1, kind="import", before="one", after="OnE"),
            Change(line=3, kind="method", before="", after="new\n".strip()),
            Change(line=4, kind="return", before="four", after="FOUR\nFIVE"),
        ),
    )


def test_lines_end_in_any_way() -> None:
    """A lone carriage return ends one, too."""
    assert [each.line for each in _edits((8, 9, "C")).apply("a\rb\r\nc\n\rd\r")[1]] == [5]


def test_a_change_over_several_lines_is_one() -> None:
    """With the lines that other edits in it touch."""
    changes = _edits((0, 5, "x\ny"), (6, 7, "W")).apply("one\ntwo\nthree")[1]

    assert changes == (Change(line=1, kind="call", before="one\ntwo", after="x\nywW"),)
