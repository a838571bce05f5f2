"""Finds secrets in the files that are, or would be, committed. Says where and what kind, never which."""

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.scan.finding import Finding

LARGEST: Final = 2_000_000
"""Bytes of a file that is read; pictures and generated estates beyond it hold no key that a person pasted."""

KINDS: Final[Mapping[str, re.Pattern[str]]] = {
    "a private key": re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*(?:\\n)?\s*(?P<secret>[A-Za-z0-9+/=]{24,})"
    ),
    "a password in an address": re.compile(
        r"[a-z][a-z0-9+.-]*://[^\s/:@\"'`<>$]*:(?P<secret>[^\s/@\"'`<>{]+)@"
    ),
    "a token of AWS": re.compile(r"\b(?P<secret>(?:AKIA|ASIA)[0-9A-Z]{16})\b"),
    "a token of GitHub": re.compile(r"\b(?P<secret>gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{40,})\b"),
    "a token of GitLab": re.compile(r"\b(?P<secret>glpat-[\w-]{20,})"),
    "a token of Slack": re.compile(r"\b(?P<secret>xox[abeoprs]-[\w-]{10,})"),
    "a key of a model provider": re.compile(r"\b(?P<secret>sk-(?:[a-z]+-)*[A-Za-z0-9]{20,})"),
    "a key of Google": re.compile(r"\b(?P<secret>AIza[\w-]{35})\b"),
    "a token of a package registry": re.compile(r"\b(?P<secret>npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,})"),
    "a signed token": re.compile(r"\b(?P<secret>eyJ[\w-]{10,}\.eyJ[\w-]{5,}\.[\w-]{3,})"),
    "a secret given as a text": re.compile(
        r"(?i)\b(?:password|passwd|secret|api_?key|access_?key|auth_?token)\w*\s*[:=]\s*"
        r"[\"'](?P<secret>(?=[^\"']*\d)(?=[^\"']*[A-Za-z])[A-Za-z0-9+/_=-]{24,})[\"']"
    ),
}

HARMLESS: Final[Mapping[str, str]] = {
    "…": "the documents' dots",
    "password": "the documents' word for one",
    "secret": "a test's word for one",
    "hunter2": "what tests of redaction hide",
    "canary": "what tests of redaction hide",
    "canary-9f1c-pw": "what a test of redaction hides",
    "p%40ss": "a test of addresses with a quoted password",
    "a": "a test's address",
    "b": "a test's address",
    "c": "a test's address",
    "d": "a test's address",
    "x": "a test's address that nobody answers",
    "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2ln": "signed with three letters: what tests of redaction hide",
}
"""Secrets that are none, and why. A new one is added here by whoever commits it, in sight of the reviewer."""


def tracked(root: Path) -> list[Path]:
    """Files of the index, and those that nothing ignores: what a commit would hold.

    Raises:
        OSError, subprocess.CalledProcessError: there is no Git, or no repository.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout  # noqa: S603 - fixed words
    return [root / name for name in sorted(listed.decode().split("\0")) if name]


def secrets(root: Path, files: Iterable[Path]) -> Iterator[Finding]:
    """Every secret in text files, with its line."""
    for file in files:
        if not file.is_file() or file.stat().st_size > LARGEST:
            continue
        raw = file.read_bytes()
        if b"\0" not in raw:
            yield from _in_text(str(file.relative_to(root)), raw.decode(errors="replace"))


def _in_text(name: str, text: str) -> Iterator[Finding]:
    for kind, pattern in KINDS.items():
        for match in pattern.finditer(text):
            if match["secret"] not in HARMLESS:
                line = text.count("\n", 0, match.start()) + 1
                yield Finding(f"{name}:{line}", f"{kind}; take it out and make it invalid where it holds")
