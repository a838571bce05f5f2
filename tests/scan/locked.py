"""Reads what is locked: names, versions and, of npm, licences. Asks nobody."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

PYTHON: Final = "PyPI"
NODE: Final = "npm"
"""Ecosystems, by the names that advisory databases have for them."""

_PIN: Final = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)", re.MULTILINE
)
_MODULES: Final = "node_modules/"


class Package(NamedTuple):
    """A locked package. `licence` is what the lock file says, empty where it says nothing."""

    ecosystem: str
    name: str
    version: str
    licence: str = ""


def locked(root: Path) -> list[Package]:
    """Everything that any lock file pins, once each."""
    found = {package: None for file in _files(root) for package in _packages(file)}
    return sorted(found)


def _files(root: Path) -> Iterator[Path]:
    yield from sorted((root / "requirements").glob("*.txt"))
    for folder in ("web", "clients/typescript"):
        yield root / folder / "package-lock.json"


def _packages(file: Path) -> Iterator[Package]:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".txt":
        for pin in _PIN.finditer(text):
            yield Package(PYTHON, pin["name"].lower(), pin["version"])
        return
    for path, entry in json.loads(text)["packages"].items():
        if _MODULES in path and not entry.get("link"):
            name = entry.get("name") or path.rpartition(_MODULES)[2]
            yield Package(NODE, name, entry["version"], str(entry.get("license", "")))
