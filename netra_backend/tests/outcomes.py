"""What a test of the plan does in each phase of a migration, beside the test; and the comparison with it.

`@outcome(legacy=Fails("…"))` on a test says that it fails on the unmigrated application, and why. The
words must be in the failure's type or message. Without a word about a phase the test passes in it.

    NETRA_SUBJECT=legacy NETRA_OUTCOMES=compare pytest …   a test passes if it does as it says
    NETRA_SUBJECT=legacy NETRA_OUTCOMES=report pytest …    tests pass and fail as they do

Both write `phase`, `expected`, `reason` and `met` into the JUnit properties of each test that has outcomes.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

ATTRIBUTE = "expected_outcomes"

Test = TypeVar("Test", bound=Callable[..., Any])


class Phase(StrEnum):
    """Which application the suites run on."""

    LEGACY = "legacy"
    ADAPTER = "adapter"
    MIGRATED = "migrated"
    CANONICAL = "canonical"


class Comparison(StrEnum):
    """What is done with the comparison."""

    REPORT = "report"
    COMPARE = "compare"


@dataclass(frozen=True, slots=True)
class Passes:
    """The test passes."""


@dataclass(frozen=True, slots=True)
class Fails:
    """The test fails, and `reason` is in the type or the message of what it raises.

    `or_else`: the same defect as it shows itself when the timing is another one.
    """

    reason: str
    or_else: str | None = None

    def names(self, failure: str) -> bool:
        """Whether this failure is the one that was meant."""
        return self.reason in failure or (self.or_else is not None and self.or_else in failure)


Outcome = Passes | Fails
PASSES = Passes()


def outcome(
    *, legacy: Outcome, adapter: Outcome, migrated: Outcome = PASSES, canonical: Outcome = PASSES
) -> Callable[[Test], Test]:
    """Say beside a test what it does in each phase."""
    expected = {
        Phase.LEGACY: legacy,
        Phase.ADAPTER: adapter,
        Phase.MIGRATED: migrated,
        Phase.CANONICAL: canonical,
    }

    def mark(test: Test) -> Test:
        setattr(test, ATTRIBUTE, expected)
        return test

    return mark


def fails_before(reason: str, or_else: str | None = None) -> Callable[[Test], Test]:
    """The usual: the test fails for one reason until the application is migrated."""
    failing = Fails(reason, or_else)
    return outcome(legacy=failing, adapter=failing)


def phase() -> Phase:
    """The phase that the runner chose; `canonical` if it did not."""
    return Phase(os.environ.get("NETRA_SUBJECT", Phase.CANONICAL))


def comparison() -> Comparison | None:
    """Whether outcomes are compared in this session."""
    asked = os.environ.get("NETRA_OUTCOMES")
    return Comparison(asked) if asked else None


def expected(test: object, phase: Phase) -> Outcome | None:
    """What the test says of a phase, or None if it says nothing at all."""
    outcomes: Mapping[Phase, Outcome] | None = getattr(test, ATTRIBUTE, None)
    return None if outcomes is None else outcomes[phase]


def difference(wanted: Outcome, failure: str | None) -> str | None:
    """Why what happened is not what was expected, or None. `failure`: type and message of what was raised."""
    match wanted, failure:
        case (Passes(), None):
            return None
        case (Passes(), str()):
            return f"It was to pass, and failed: {failure}"
        case (Fails(reason), None):
            return f"It was to fail ({reason}), and passed."
        case (Fails(), str()) if wanted.names(failure):
            return None
        case (Fails(reason), _):
            return f"It was to fail with {reason!r}, and failed otherwise: {failure}"
    return None
