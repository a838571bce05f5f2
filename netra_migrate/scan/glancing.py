"""The cheap first look at a file's bytes, which decides whether anybody has to read it. No syntax trees.

Searches are `in` and `find` on purpose: they run at memory speed, sixty times faster than `re`.
"""

import re
from collections.abc import Iterator

from netra_migrate.scan.facts import Aim, Glance
from netra_migrate.sources.naming import Names

_IMPORT = re.compile(rb"\bfrom\s+([.\w]+)\s+import\s+\(?([\w \t\n,]*)|\bimport[ \t]+([\w. \t,]+)", re.ASCII)
_LOOKUP = re.compile(rb"\s*(?:\w+\s*=\s*)?[rbuf]?[\"']([A-Za-z_][\w.:]*)[\"']")
_LOOKUPS = (b"patch(", b"setattr(", b"_module(", b"import_string(")
"""Ends of the names of functions whose first argument may be a dotted path to a name in another module."""


class Glancer:
    """Glances at files for one scan."""

    def __init__(self, aim: Aim, names: Names, tops: frozenset[str]) -> None:
        """`tops`: first parts of module names that the tree has; no others are worth telling."""
        self._names = names
        self._tops = tops
        self._sought = _tokens(aim)
        methods = {aim.configuration.legacy.method.encode(), aim.configuration.canonical.method.encode()}
        self._methods = tuple(part + each + b"(" for each in methods for part in (b"def ", b"."))

    def python(self, path: str, content: bytes) -> Glance:
        """A Python file."""
        return Glance(
            tuple(sorted(self._modules(path, content))),
            any(each.may_be_in(path, content) for each in self._sought),
            any(each in content for each in self._methods),
        )

    def data(self, content: bytes) -> Glance:
        """Any other file."""
        return Glance((), any(each.last in content for each in self._sought))

    def _modules(self, path: str, content: bytes) -> set[str]:
        found: set[str] = set()
        for module, names in {*_imported(content), *((each, "") for each in _looked_up(content))}:
            level = len(module) - len(module.lstrip("."))
            if not level and module.partition(".")[0] not in self._tops:
                continue
            absolute = self._names.absolute(path, module[level:], level)
            if absolute:
                found.add(absolute)
                found.update(f"{absolute}.{name}" for name in names.split())
        return found


class _Token:
    """Decides whether a file can name a module: by its last name, and by the one before it or its place."""

    def __init__(self, name: str, path: str) -> None:
        package, _, last = name.rpartition(".")
        self.last = last.encode()
        self._before = package.rpartition(".")[2].encode()
        self._near = _near(self._before, self.last)
        folder = path.removesuffix("/__init__.py").rpartition("/")[0]
        self._folder = folder + "/" if folder else ""
        self._path = path

    def may_be_in(self, path: str, content: bytes) -> bool:
        if path == self._path:
            return True
        if self.last not in content:
            return False
        if path.startswith(self._folder):
            return True
        return self._before in content and self._near.search(content) is not None


def _near(before: bytes, last: bytes) -> "re.Pattern[bytes]":
    """Both names where they can mean one thing: side by side, also over quotes and lines, or imported."""
    one, other = re.escape(before), re.escape(last)
    return re.compile(
        one + rb"\W{0,40}" + other + rb"|\b" + one + rb"(?:\s+(?:import|as)\b|[\"']\s*\))|"
        rb"\b" + other + rb"[\"'][^()]{0,80}" + one
    )


def _tokens(aim: Aim) -> tuple[_Token, ...]:
    """One for each way to end a name of the two modules: `app.x.y` and `x.y` end alike."""
    ends = {
        tuple(name.split(".")[-2:]): (name, each.path) for each in aim.sought for name in reversed(each.names)
    }
    return tuple(_Token(name, path) for name, path in ends.values())


def _imported(content: bytes) -> Iterator[tuple[str, str]]:
    """Modules of lines that hold an import, with the names taken from them."""
    end = at = 0
    while (at := content.find(b"import ", end)) >= 0:
        start = content.rfind(b"\n", 0, at) + 1
        end = content.find(b"\n", at)
        if content.endswith(b"(", at, end):
            end = content.find(b")", end)
        end = len(content) if end < 0 else end
        for module, names, plain in _IMPORT.findall(content[start:end]):
            if module:
                yield module.decode(), names.decode().replace(",", " ")
            for each in plain.decode().split(","):
                yield each.strip().partition(" ")[0], ""


def _looked_up(content: bytes) -> Iterator[str]:
    for lookup in _LOOKUPS:
        at = content.find(lookup)
        while at >= 0:
            match = _LOOKUP.match(content, at + len(lookup))
            if match:
                yield match[1].decode().replace(":", ".").rpartition(".")[0]
            at = content.find(lookup, at + 1)
