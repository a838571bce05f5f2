"""Finds the two modules' names in any text, dotted or as a path. Names that only look alike are none."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from netra_migrate.domain.references import Side
from netra_migrate.scan.facts import Aim, Sought


class Match(NamedTuple):
    """A place in a text; see `facts.Mention`."""

    start: int
    side: Side
    module: str
    rest: str
    by: str
    word: str


_AFTER_PATH = r"(?![\w/\\])(?!\.\w)(?!-\w)"
_LEFT = re.compile(r"[\w./\\$(){}~@+-]*\Z")
_UP = re.compile(r"(?:\.{1,2}/)*")


@lru_cache(maxsize=8)
def _patterns(every: tuple[Sought, ...]) -> tuple[tuple[Sought, frozenset[str], "re.Pattern[str]"], ...]:
    return tuple((sought, last_names(sought), _pattern(sought)) for sought in every)


def last_names(sought: Sought) -> frozenset[str]:
    """One of them stands in every text that names the module."""
    return frozenset(name.rpartition(".")[2] for name in sought.names)


def _pattern(sought: Sought) -> "re.Pattern[str]":
    dotted = "|".join(sorted(map(re.escape, sought.names), key=len, reverse=True))
    folders = "|".join(_path(name, sought) for name in sought.names if "." in name or "/" not in sought.path)
    split = "|".join(
        rf"{re.escape(package)}\s+import\s+(?:\(\s*)?(?:\w+\s*,\s*)*{re.escape(name)}"
        for package, _, name in (each.rpartition(".") for each in sought.names)
        if package
    )
    parts = [
        rf"(?P<dotted>(?<![\w.]){'(?:' + dotted + ')'}(?!\w))(?:(?P<by>[.:])(?P<rest>[A-Za-z_]\w*))?",
        rf"(?P<path>(?<![\w-])(?:{folders or '(?!)'})(?:\.py[ciw]?)?{_AFTER_PATH})",
        rf"(?P<split>(?<![\w.])(?:{split or '(?!)'})(?!\w))",
    ]
    return re.compile("|".join(reversed(parts)))


def _path(name: str, sought: Sought) -> str:
    core = r"[\\/]+".join(re.escape(part) for part in name.split("."))
    return core + (r"(?:[\\/]+__init__)?" if sought.path.endswith("/__init__.py") else "")


def find(text: str, aim: Aim) -> Iterator[Match]:
    """Every place in a text that names one of the two modules."""
    for sought, tokens, pattern in _patterns(aim.sought):
        if not any(token in text for token in tokens):
            continue
        for match in pattern.finditer(text):
            found = _read(text, match, sought)
            if found is not None:
                yield found


def _read(text: str, match: "re.Match[str]", sought: Sought) -> Match | None:
    word = match.group()
    if match["path"]:
        ok = _starts_here(text[max(0, match.start() - 200) : match.start()])
        return Match(match.start(), sought.side, sought.names[0], "", "/", word) if ok else None
    if match["split"]:
        package, *_, name = re.split(r"[\s,(]+", word)
        return Match(match.start(), sought.side, f"{package}.{name}", "", " ", word)
    rest, by = match["rest"] or "", match["by"] or ""
    if (by == "." and rest in ("py", "pyc", "pyi")) or ("." not in match["dotted"] and not rest):
        return None
    return Match(match.start(), sought.side, match["dotted"], rest, by, match["dotted"])


def _starts_here(before: str) -> bool:
    """Whether a path that goes on to the left is still the one meant: from the root, or absolute."""
    left = _LEFT.search(before)
    start = left.group() if left else ""
    start = start.replace("\\", "/")
    if start.startswith(("/", "~/", "$", "{", "(", "@", "-")):
        return True
    return not _UP.sub("", start, count=1)
