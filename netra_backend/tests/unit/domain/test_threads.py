from hypothesis import given
from hypothesis import strategies as st

from netra_backend.domain.threads import TITLE_LENGTH, title_of


def test_a_short_text_is_its_own_title() -> None:
    """On one line."""
    assert title_of("  Hello \n\t there ") == "Hello there"
    assert title_of("x" * TITLE_LENGTH) == "x" * TITLE_LENGTH


def test_a_long_text_is_cut_and_says_so() -> None:
    """Without a space before the ellipsis."""
    assert title_of("x" * (TITLE_LENGTH + 1)) == "x" * (TITLE_LENGTH - 1) + "…"
    assert title_of("x" * (TITLE_LENGTH - 2) + " tail") == "x" * (TITLE_LENGTH - 2) + "…"


@given(st.text())
def test_a_title_is_one_short_line(text: str) -> None:
    """Whatever was said."""
    title = title_of(text)
    assert len(title) <= TITLE_LENGTH
    assert title.split() == title.split(" ") or not title
