"""Checks on a frame's JSON text that the decoder does not make: depth, and keys given twice."""

import json
import re

from netra_backend.domain.errors import BadMessage

MAX_DEPTH = 32
"""Objects and arrays inside each other (docs/protocol.md): no honest frame comes near."""

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


def too_deep(text: str) -> bool:
    """Whether `text` opens more than `MAX_DEPTH` brackets inside each other."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _BRACKETS.finditer(_STRINGS.sub("", text)):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False


def check_keys(text: str) -> None:
    """Refuse an object that names a key twice: two readers could take it for two messages.

    Raises:
        BadMessage: with the key in its text.
    """
    _read(text)


def _unique(pairs: list[tuple[str, object]]) -> None:
    keys = {key for key, _ in pairs}
    if len(keys) < len(pairs):
        raise BadMessage("An object names a key twice.", path="$")


_read = json.JSONDecoder(object_pairs_hook=_unique).decode
