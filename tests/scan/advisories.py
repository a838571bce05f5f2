"""Asks an advisory database for known vulnerabilities of what is locked. Sends names and versions, nothing else.

The database is OSV's (https://google.github.io/osv.dev/api/), which knows PyPI and npm alike.
"""

import itertools
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tests.scan.finding import Finding
from tests.scan.locked import Package

DATABASE: Final = "https://api.osv.dev/v1/querybatch"
AT_ONCE: Final = 500
"""Packages in one question; a thousand are taken."""
PATIENCE_S: Final = 20.0

ACCEPTED: Final[Mapping[str, str]] = {}
"""Advisories that do not concern Netra, by id, and why. Empty is how it should be."""


class UnreachableError(Exception):
    """The database gave no answer; the message says why."""


def advisories(packages: Sequence[Package], *, database: str = DATABASE) -> Iterator[Finding]:
    """Packages with a known vulnerability.

    Raises:
        UnreachableError: nobody answered, or not as the database does.
    """
    remaining = iter(packages)
    while batch := list(itertools.islice(remaining, AT_ONCE)):
        for package, found in zip(batch, _ask(database, batch), strict=True):
            wanted = sorted(set(found) - set(ACCEPTED))
            if wanted:
                where = f"{package.ecosystem} {package.name} {package.version}"
                yield Finding(where, f"{', '.join(wanted)}; take a version without, and `make lock`")


def _ask(database: str, packages: Sequence[Package]) -> list[list[str]]:
    queries = [
        {"package": {"ecosystem": each.ecosystem, "name": each.name}, "version": each.version}
        for each in packages
    ]
    request = urllib.request.Request(  # noqa: S310 - the address is ours or of the command line
        database, json.dumps({"queries": queries}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310 - as above
            results = json.load(answer)["results"]
            found = [[str(each["id"]) for each in result.get("vulns", ())] for result in results]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = getattr(error, "reason", None) or error
        raise UnreachableError(f"{type(error).__name__}: {reason}") from error
    if len(found) != len(packages):
        raise UnreachableError(f"it answered {len(found)} of {len(packages)} questions")
    return found
