"""Makes text of the target fit to be shown: a file's name must not move the cursor or turn a line around."""

import unicodedata
from pathlib import Path

import msgspec

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Controls, formats (which hold the marks that reverse text), halves of surrogates, separators of lines."""


def visible(text: str) -> str:
    r"""The text with everything that does not print as `\x1b`, `\u202e` and so on."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelled(each) if unicodedata.category(each) in _HIDDEN else each for each in text)


def _spelled(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file's name that is not UTF-8, as Python carries it
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def as_json(value: object) -> bytes:
    """The value as JSON for people and programs, ending with a line break."""
    return msgspec.json.format(encoded(value), indent=2) + b"\n"


def encoded(value: object) -> bytes:
    """The value as JSON, dense. Names that are not UTF-8 are spelled as in `visible`."""
    try:
        return msgspec.json.encode(value, enc_hook=_plain)
    except UnicodeEncodeError:  # seldom, and then all of it is gone through
        return msgspec.json.encode(_whole(msgspec.to_builtins(value, enc_hook=_plain)))


def _whole(value: object) -> object:
    match value:
        case str():
            return value if value.isascii() else "".join(map(_paired, value))
        case dict():
            return {_whole(key): _whole(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_whole(inner) for inner in value]
        case _:
            return value


def _paired(character: str) -> str:
    return _spelled(character) if unicodedata.category(character) == "Cs" else character


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    message = f"There is no JSON for {type(value).__name__}."
    raise NotImplementedError(message)
