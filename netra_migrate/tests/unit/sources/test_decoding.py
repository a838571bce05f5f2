import pytest

from netra_migrate.sources.decoding import Undecodable, decode, forgive, lines


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"x = 1\n", "x = 1\n"),
        ("é".encode(), "é"),
        ("# coding: latin-1\né".encode("latin-1"), "# coding: latin-1\né"),
        (b"\xef\xbb\xbfx", "x"),
    ],
)
def test_source_is_decoded_as_python_does(content: bytes, expected: str) -> None:
    """PEP 263, byte order marks, UTF-8."""
    assert decode(content) == expected


@pytest.mark.parametrize("content", [b"\xff\xfe", b"# coding: nothing-such\n"])
def test_what_python_refuses_is_refused(content: bytes) -> None:
    """But a text can be had of it."""
    with pytest.raises(Undecodable):
        decode(content)
    assert isinstance(forgive(content), str)


def test_lines_end_where_python_ends_them() -> None:
    """Not at form feeds."""
    assert lines("a\r\nb\rc\nd\x0ce\u2028f") == ["a", "b", "c", "d\x0ce\u2028f"]
