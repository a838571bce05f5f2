"""What a check found: violations by invariant, and the counts that are published."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from netra_backend.domain.ids import Owner

Invariant = Literal["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8"]
"""See the list of faults and attacks."""
Kind = Literal["lost", "duplicated", "out_of_order", "wrong"]
"""`wrong`: neither lost nor doubled nor late, but not as it must be."""

SHOWN = 20
"""Violations named in the text form; all are in the JSON form."""


class Violation(NamedTuple):
    """One broken promise, with what shows it in one line. `amount` messages or events are concerned."""

    invariant: Invariant
    kind: Kind
    user: str
    evidence: str
    amount: int = 1


def user_of(owner: Owner) -> str:
    """A user's name in evidence."""
    return f"{owner.tenant_id}/{owner.user_id}"


@dataclass(slots=True, kw_only=True)
class Verdict:
    """The result of one check.

    Attributes:
        frames: frames read, both ways.
        sent: messages that clients asked to store, each counted once however often it was sent.
        accepted: of these, how many got `accepted`.
        refused: of these, how many got an `error` and never `accepted`.
        unfinished: runs that have not ended.
        resyncs: times that a client was told to reload.
        violations: everything found.
    """

    frames: int = 0
    sent: int = 0
    accepted: int = 0
    refused: int = 0
    unfinished: int = 0
    resyncs: int = 0
    violations: list[Violation] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Messages and events that are missing."""
        return self._count("lost")

    @property
    def duplicated(self) -> int:
        """Messages and events that are there more than once."""
        return self._count("duplicated")

    @property
    def out_of_order(self) -> int:
        """Messages and events in the wrong place."""
        return self._count("out_of_order")

    @property
    def ok(self) -> bool:
        """Whether every promise was kept and every run has ended."""
        return not self.violations and not self.unfinished

    def by_invariant(self) -> dict[str, int]:
        """Violations of each invariant that has any."""
        return dict(sorted(Counter(each.invariant for each in self.violations).items()))

    def add(self, violations: Iterable[Violation]) -> None:
        """Take more violations."""
        self.violations.extend(violations)

    def as_json(self) -> dict[str, Any]:
        """The counts and every violation, ready for JSON."""
        counts = {name: getattr(self, name) for name in COUNTS}
        return {
            "ok": self.ok,
            **counts,
            "by_invariant": self.by_invariant(),
            "violations": [each._asdict() for each in self.violations],
        }

    def __str__(self) -> str:
        lines = [", ".join(f"{name.replace('_', ' ')} {getattr(self, name)}" for name in COUNTS)]
        lines += [f"{each.invariant} {each.user}: {each.evidence}" for each in self.violations[:SHOWN]]
        if len(self.violations) > SHOWN:
            lines.append(f"... and {len(self.violations) - SHOWN} more")
        return "\n".join(lines)

    def _count(self, kind: Kind) -> int:
        return sum(each.amount for each in self.violations if each.kind == kind)


COUNTS = (
    "frames",
    "sent",
    "accepted",
    "refused",
    "lost",
    "duplicated",
    "out_of_order",
    "unfinished",
    "resyncs",
)
