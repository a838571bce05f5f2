"""Bytes of Python source to text, as Python itself would read them."""

import codecs
import io
import re
import tokenize

_LINE = re.compile(r"\r\n|\r|\n")


class Undecodable(ValueError):
    """The bytes are not text in the encoding that the file declares; the text says which."""


def decode(content: bytes) -> str:
    """The text of a source file by its byte order mark or its cookie (PEP 263), else UTF-8.

    Raises:
        Undecodable: the encoding is unknown or the bytes do not fit it.
    """
    try:
        if content.isascii() and b"coding" not in content[:400]:
            return content.decode("ascii")
        head = content[:1000].replace(b"\r", b"\n")  # a cookie also counts before old line ends
        encoding, _ = tokenize.detect_encoding(io.BytesIO(head).readline)
        return content.decode(encoding)
    except (SyntaxError, LookupError, UnicodeError) as error:
        raise Undecodable(str(error)) from error


def forgive(content: bytes) -> str:
    """A text for any bytes at all, for finding names in files that cannot be decoded."""
    return content.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")


def lines(text: str) -> list[str]:
    """The lines as Python counts them: not at form feeds or Unicode separators."""
    return _LINE.split(text)
