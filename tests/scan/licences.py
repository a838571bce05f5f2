"""Holds the licence of every locked package against a list; what it does not know is a finding.

Licences of Python packages come from what is installed, those of npm packages from the lock file.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from typing import Final

from tests.scan.finding import Finding
from tests.scan.locked import PYTHON, Package

ALLOWED: Final = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CNRI-Python",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",  # binds its own files only, and none of them is changed here
        "PSF-2.0",
    }
)
"""SPDX identifiers, and `BSD` where a package does not say which one."""

OLD_WORDS: Final[Mapping[str, str]] = {
    "apache 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd license": "BSD",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "the mit license (mit)": "MIT",
}
"""What packages said before there were expressions, in lower case."""

ELSEWHERE: Final[Mapping[str, str]] = {
    "async-timeout": "Apache-2.0",  # before Python 3.11.3 only
    "colorama": "BSD-3-Clause",  # on Windows only
    "pyyaml-ft": "MIT",  # with Python 3.13 only
}
"""Locked for other systems, so that nothing installed here can be asked; said by their own metadata."""

NEVER: Final = frozenset({"httpx2-jsfetch"})
"""Locked by the resolver for a system that Netra cannot run on (emscripten): never installed by anybody."""

_EXPRESSION: Final = re.compile(r"[A-Za-z0-9.+-]+|[()]")


def licences(packages: Iterable[Package]) -> Iterator[Finding]:
    """Packages whose licence is unknown or not on the list."""
    for package in packages:
        if package.name in NEVER:
            continue
        said = _said(package)
        if not said:
            yield Finding(_place(package), "its licence is not known; look it up and add it to the scan")
        elif not allowed(said):
            yield Finding(
                _place(package), f"its licence {said[:60]!r} is not on the list; replace the package"
            )


def allowed(expression: str) -> bool:
    """Whether an SPDX expression, or an old word for a licence, can be met with licences of the list.

    Each part of an AND must be on the list, one part of an OR is enough; AND binds tighter.
    """
    known = OLD_WORDS.get(expression.strip().lower())
    words = [known] if known else _EXPRESSION.findall(expression)
    try:
        good, rest = _either(words)
    except IndexError:  # it ends in the middle
        return False
    return good and not rest


def _either(words: list[str]) -> tuple[bool, list[str]]:
    good, rest = _both(words)
    while rest and rest[0].upper() == "OR":
        other, rest = _both(rest[1:])
        good = good or other
    return good, rest


def _both(words: list[str]) -> tuple[bool, list[str]]:
    good, rest = _one(words)
    while rest and rest[0].upper() == "AND":
        other, rest = _one(rest[1:])
        good = good and other
    return good, rest


def _one(words: list[str]) -> tuple[bool, list[str]]:
    if words[0] != "(":
        return words[0] in ALLOWED, words[1:]
    good, rest = _either(words[1:])
    return good and rest[0] == ")", rest[1:]


def _said(package: Package) -> str:
    if package.ecosystem != PYTHON:
        return package.licence
    try:
        return _of_metadata(metadata(package.name))
    except PackageNotFoundError:
        return ELSEWHERE.get(package.name, "")


def _of_metadata(found: PackageMetadata) -> str:
    """The expression; else the classifiers, all of which count; else the first line of the old field."""
    if "License-Expression" in found:
        return found["License-Expression"]
    classifiers = [
        text.rpartition("::")[2].strip()
        for text in found.get_all("Classifier") or ()
        if text.startswith("License ::") and not text.endswith(("OSI Approved", "DFSG approved"))
    ]
    if classifiers:
        return " AND ".join(OLD_WORDS.get(text.lower(), text.replace(" ", "-")) for text in classifiers)
    text = str((found.get_all("License") or [""])[0])
    return (text.strip().splitlines() or [""])[0]


def _place(package: Package) -> str:
    return f"{package.ecosystem} {package.name} {package.version}"
