"""Text on its way to a terminal: made harmless, cut where markdown may be cut. Values only.

Models, tools and other people write this text. An escape sequence in it could retitle the window, write to
the clipboard or hide what was said, so none reaches the terminal.
"""

import json
import re
from typing import Any

# C0 but tab and newline, DEL, C1, and the marks that turn the direction of the text around them.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")


def clean(text: str) -> str:
    """Return `text` without control characters; tabs and newlines stay."""
    return _CONTROLS.sub("", text)


def as_text(value: Any, *, limit: int) -> str:
    """Return any JSON value as clean text of at most `limit` code points."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = clean(text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def settled(text: str) -> int:
    """Return how many code points at the front will not change their look when more text follows.

    They end after a blank line that is in no code fence: there markdown begins a new block.
    """
    end = position = 0
    fence: str | None = None
    for line in text.splitlines(keepends=True):
        position += len(line)
        mark = _FENCE.match(line)
        if fence is not None:
            fence = None if mark and mark[1].startswith(fence) else fence
        elif mark:
            fence = mark[1]
        elif not line.strip() and line.endswith("\n"):
            end = position
    return end
