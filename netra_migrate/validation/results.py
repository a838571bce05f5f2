"""What one run of the validation command came to, test by test. No I/O."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

COMMAND = "(command)"
"""The test that stands for the command as a whole, where its end is not explained by any test."""
MESSAGE_LIMIT = 500
"""Characters kept of a failure: enough to group failures by cause, small enough for 10,000 of them."""


class Outcome(StrEnum):
    """What became of one test."""

    PASSED = "passed"
    SKIPPED = "skipped"
    FAILED = "failed"
    ERROR = "error"

    @property
    def red(self) -> bool:
        """Whether this is a failure of the test or of what surrounds it."""
        return self in (Outcome.FAILED, Outcome.ERROR)


_WORSE = list(Outcome)


class Ending(StrEnum):
    """How the command ended. Anything but `EXITED` says nothing about the tests, and fails a step."""

    EXITED = "exited"
    TIMEOUT = "timeout"
    KILLED = "killed"
    GARBAGE = "garbage"
    """It ended, but what it left as results cannot be read, or it says itself that it broke."""
    NOT_FOUND = "not-found"


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One test. `message` is what a failure says, at most `MESSAGE_LIMIT` characters, printable."""

    outcome: Outcome
    seconds: float = 0.0
    message: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One run.

    Attributes:
        tests: by id: `module.path.Class::name` from JUnit, else as the command prints it.
        complete: whether every test that ran is named; False where only failures are.
        exit_code: of the command; None where it did not end by itself.
        reason: of an ending other than `EXITED`, one plain sentence.
        output: the end of what it printed, printable.
    """

    tests: Mapping[str, Case]
    complete: bool = True
    ending: Ending = Ending.EXITED
    exit_code: int | None = 0
    seconds: float = 0.0
    reason: str = ""
    output: str = ""

    @property
    def red(self) -> tuple[str, ...]:
        """The ids of all tests that failed, sorted."""
        return tuple(sorted(name for name, test in self.tests.items() if test.outcome.red))


def merged(found: Iterable[tuple[str, Case]]) -> dict[str, Case]:
    """Tests by id; of several entries for one id (a call and its teardown, subtests) the worst holds."""
    tests: dict[str, Case] = {}
    for name, test in found:
        known = tests.get(name)
        if known is None or _WORSE.index(test.outcome) > _WORSE.index(known.outcome):
            tests[name] = test
    return tests


def explained(tests: Mapping[str, Case], exit_code: int) -> dict[str, Case]:
    """`tests`, and `COMMAND` as failed where the command failed though none of them did."""
    if exit_code == 0 or any(test.outcome.red for test in tests.values()):
        return dict(tests)
    message = f"the command ended with {exit_code} though no test failed"
    return {**tests, COMMAND: Case(outcome=Outcome.FAILED, message=message)}


def printable(text: str) -> str:
    """`text` with every control character but line ends and tabs written as an escape sequence."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else ascii(character)[1:-1]
        for character in text
    )
