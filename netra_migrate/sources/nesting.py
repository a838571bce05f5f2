"""How deep a text of Python is nested, seen from its signs alone: what has to be known before LibCST may have it.

LibCST's parser recurses on the stack of the process, and ends the process where that does.
"""

import re

DEEPEST = 200
"""Python's own limit of brackets in brackets."""
LONGEST = 1000
"""Operators in one expression, or `elif` after one `if`. Each is a level of the syntax tree."""

_NO_CODE = re.compile(
    r"\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|\"(?:\\.|[^\"\\\r\n])*\"|'(?:\\.|[^'\\\r\n])*'|#[^\r\n]*"
)
_SIGN = re.compile(
    r"(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<end>\\\r?\n|\r\n?|\n)|(?P<comma>[,;])"
    r"|(?P<operator>[-+*/%@&|^~<>=.!]|\b(?:and|or|not|if|else|lambda|await|in|is)\b)|(?P<elif>\belif\b)"
)


def too_deep(text: str) -> int | None:
    """The line from which on a text is nested too deeply for a parser that recurses; None if it is not."""
    text = _NO_CODE.sub(_blanked, text)
    levels, branches = [0], 0
    for sign in _SIGN.finditer(text):
        match sign.lastgroup:
            case "open":
                levels[-1] += 1
                levels.append(0)
            case "close":
                levels = levels[:-1] or [0]
            case "comma":
                levels[-1] = 0
            case "end" if len(levels) == 1 and not sign[0].startswith("\\"):
                levels[0] = 0
            case "operator":
                levels[-1] += 1
                branches = 0 if sign[0] == "if" and not _before(text, sign.start()) else branches
            case "elif":
                branches += 1
        if len(levels) > DEEPEST + 1 or levels[-1] > LONGEST or branches > LONGEST:
            return len(re.findall(r"\r\n?|\n", text[: sign.start()])) + 1
    return None


def _before(text: str, offset: int) -> str:
    """What stands before an offset on its line, without blanks."""
    return text[max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1 : offset].strip()


def _blanked(found: re.Match[str]) -> str:
    return re.sub(r"[^\r\n]", " ", found[0])
