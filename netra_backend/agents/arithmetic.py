"""Finds the arithmetic in what a person writes. Reads text only; working it out is the calculator's."""

import ast
import re
from typing import Final

from netra_backend.agents.calculator import FUNCTIONS, MAX_LENGTH, CalculatorError, parse, plain_signs

_WORDS: Final = (
    (re.compile(r"\b(?:multiplied by|times)\b", re.IGNORECASE), "*"),
    (re.compile(r"\bdivided by\b", re.IGNORECASE), "/"),
    (re.compile(r"\b(?:to the power of)\b", re.IGNORECASE), "**"),
    (re.compile(r"\bplus\b", re.IGNORECASE), "+"),
    (re.compile(r"\bminus\b", re.IGNORECASE), "-"),
    (re.compile(r"\bsquare root of (\d+(?:\.\d+)?)", re.IGNORECASE), r"sqrt(\1)"),
    (re.compile(r"(?<=\d)\s*x\s*(?=\d)"), "*"),
    (re.compile(r"(?<=\d),(?=\d{3}\b)"), ""),  # 1,000,000
)
_DATE: Final = re.compile(r"\b\d{4}-\d{1,2}-\d{1,2}\b|\b\d{1,2}/\d{1,2}/\d{2,4}\b")
_NAMES: Final = "|".join(sorted([*FUNCTIONS, "pi", "tau", "e"], key=len, reverse=True))
_RUN: Final = re.compile(
    rf"(?<![\w.])(?<!\w-)(?:(?:{_NAMES})(?!\w)|\d+(?:\.\d+)?(?!\w)|\.\d+(?!\w)|[-+*/%^(),]|\s)+"
)
_SCAN: Final = 4_000
"""Characters of a message that are looked at; arithmetic in the middle of an essay is not a question."""


def find_arithmetic(text: str) -> str | None:
    """The longest arithmetic expression in `text`, or None.

    A lone number is none, and neither is a date. "What is 12 times (3 + 4)?" gives `12 * (3 + 4)`.
    """
    text = _DATE.sub(" ; ", plain_signs(text[:_SCAN]))
    for pattern, sign in _WORDS:
        text = pattern.sub(sign, text)
    found = [run for match in _RUN.finditer(text) if (run := _trimmed(match.group())) is not None]
    return max(found, key=len, default=None)


def _trimmed(run: str) -> str | None:
    """The run without what the sentence around it left, if an operation is in it."""
    run = " ".join(run.split()).strip(" ,%*/^+")
    run = run.rstrip(" -(")
    if len(run) > MAX_LENGTH:
        return None
    for candidate in (run, run.strip("()"), run.lstrip("- ")):
        try:
            tree = parse(candidate)
        except CalculatorError:
            continue
        if any(isinstance(node, (ast.BinOp, ast.Call)) for node in ast.walk(tree)):
            return candidate.strip()
    return None
