import pytest

from netra_backend.domain.identity import NAME_LENGTH, valid_name


@pytest.mark.parametrize("name", ["a", "Ada Lovelace", "auth0|5f7", "名", "x" * NAME_LENGTH])
def test_any_issuers_name_is_taken(name: str) -> None:
    """Printable, of a sane length."""
    assert valid_name(name)


@pytest.mark.parametrize(
    "name", ["", "x" * (NAME_LENGTH + 1), "a\x1fb", "a\nb", "a\x00", "\ud800", "\u2028", None, 7, b"a"]
)
def test_what_could_break_a_setting_or_a_key_is_not(name: object) -> None:
    """U+001F separates tenants in the database's setting."""
    assert not valid_name(name)
