"""What a remembered record depends on besides its file: the kit's own code, Python, and what is sought."""

import hashlib
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import msgspec

from netra_migrate.scan.facts import Aim

_OURS = ("scan", "sources", "domain")


def key(aim: Aim, tops: Iterable[str]) -> str:
    """A digest that changes whenever the same bytes could be read differently."""
    sought = msgspec.json.encode((aim, sorted(tops)), order="sorted")
    return hashlib.blake2b(_code() + sys.version.encode() + sought, digest_size=16).hexdigest()


@cache
def _code() -> bytes:
    """A digest of the code that reads: a version number would not change while the kit is developed."""
    package = Path(__file__).parent.parent
    digest = hashlib.blake2b(digest_size=16)
    for folder in _OURS:
        for file in sorted((package / folder).glob("*.py")):
            digest.update(file.read_bytes())
    return digest.digest()
