"""What `.gitignore` files and further patterns say about a path. Means what pathspec means, in less time. No I/O."""

import re
from collections.abc import Iterable

from pathspec import GitIgnoreSpec

_ANYWHERE = "^(?:.+/)?"
"""How a pattern that holds in every folder begins. Said once for all of them, a path is tried but once."""
_MARK = re.compile(r"\(\?P<\w+>")
"""Each pattern names the same group; all in one expression, they may not."""


class Patterns:
    """Lines in gitignore's syntax; paths are relative to the folder where the lines stand."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Lines that are no patterns say nothing."""
        self._spec = GitIgnoreSpec.from_lines(lines)
        written = [each.regex.pattern for each in self._spec.patterns if each.regex is not None]
        self._any = re.compile(_either(_MARK.sub("(?:", each) for each in written))

    def say(self, path: str) -> bool | None:
        """Whether the path is left out (True) or taken in again (False); None if no line is about it.

        `path` of a folder ends with `/`.
        """
        if not self._any.search(path):  # nearly always, and many times faster than to ask line by line
            return None
        return self._spec.check_file(path).include


def _either(expressions: Iterable[str]) -> str:
    """One expression that matches where any of these does; none at all match nowhere."""
    anywhere: list[str] = []
    others: list[str] = []
    for each in expressions:
        if each.startswith(_ANYWHERE):
            anywhere.append(f"(?:{each.removeprefix(_ANYWHERE)})")
        else:
            others.append(f"(?:{each})")
    if anywhere:
        others.append(f"(?:{_ANYWHERE}(?:{'|'.join(anywhere)}))")
    return "|".join(others) or r"(?!)"
