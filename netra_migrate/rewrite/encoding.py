"""Bytes to text and back, so that every byte outside an edit stays as it was. Parses nothing."""

import codecs
import io
import re
import tokenize
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n?|\n")
_LONE_CR = re.compile(r"\r(?!\n)")
_LONE_FORM_FEED = re.compile(r"^\x0c(?=[\r\n])", re.MULTILINE)


class Undecodable(Exception):
    """The bytes are not text in the encoding that they name. `line` from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class Source:
    """A file's text without its mark of byte order.

    `parsed` has the same length, with lone carriage returns and form feeds made to what LibCST keeps,
    so that an offset into one is an offset into the other.
    """

    text: str
    encoding: str
    mark: bytes

    @property
    def parsed(self) -> str:
        """What LibCST is given."""
        return _LONE_FORM_FEED.sub(" ", _LONE_CR.sub("\n", self.text))

    @property
    def newline(self) -> str:
        """The line ending that most lines have."""
        ends = _LINE_END.findall(self.text)
        return max(sorted(set(ends)), key=ends.count) if ends else "\n"

    def encode(self, text: str) -> bytes:
        """A text as bytes, as this file was written."""
        return self.mark + text.encode(self.encoding)


def decode(content: bytes) -> Source:
    """Read as Python would: mark of byte order, then encoding cookie, then UTF-8.

    Raises:
        Undecodable: the cookie names no encoding, or the bytes are not in it.
    """
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    if b"\0" in content:
        raise Undecodable(content[: content.index(b"\0")].count(b"\n") + 1, "it has a NUL byte in it")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content.replace(b"\r", b"\n")).readline)
    except SyntaxError as error:
        raise Undecodable(1, f"its encoding cannot be told: {error.msg}") from None
    encoding = "utf-8" if encoding == "utf-8-sig" else encoding
    body = content[len(mark) :]
    try:
        source = Source(text=body.decode(encoding), encoding=encoding, mark=mark)
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        raise Undecodable(line, f"it is not {encoding}: {error.reason}") from None
    if source.encode(source.text) != content:
        raise Undecodable(1, f"it cannot be written back in {encoding} as it was")
    return source
