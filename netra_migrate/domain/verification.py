"""Whether a migration is done, condition by condition. Values only."""

from collections.abc import Mapping

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One place that stands against a condition. A `warning` is worth reading and holds nothing up."""

    path: str
    line: int
    sentence: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.sentence}"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of being done. `sentence` says what it demands, or why it was not looked at."""

    name: str
    sentence: str
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing but warnings was found."""
        return all(finding.warning for finding in self.findings)


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """All conditions, in a fixed order."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether the migration is done."""
        return all(check.ok for check in self.checks)


class Ratchet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of the old was left at the last time, by form of reference; committed with the tree."""

    version: int = 1
    counts: Mapping[str, int]
