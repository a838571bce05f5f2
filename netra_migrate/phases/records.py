"""How the tests of a plan end in each phase, as the plan says it. Reads the records; judges nothing."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from netra_migrate.domain.outcomes import ConfigurationError
from netra_migrate.domain.phases import PhaseOutcome
from netra_migrate.validation import Case, Outcome

SHOWN = 200
"""Characters of a command's complaint that a sentence quotes."""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one test ends on one subject; `reasons`: a failure names one of these, or any if there is none."""

    test: str
    phase: str
    outcome: Literal["passed", "failed", "skipped"] = "passed"
    reasons: tuple[str, ...] = ()

    def met_by(self, case: Case) -> bool:
        """Whether a result is the one that the plan expects, for the reason that it expects."""
        if self.outcome != "failed":
            return case.outcome.value == self.outcome
        return case.outcome.red and (
            not self.reasons or any(_plain(reason) in _plain(case.message) for reason in self.reasons)
        )


Records = Mapping[str, Record]
"""Of one subject, by test."""


def read(text: str, *, source: str) -> tuple[Record, ...]:
    """The records in a JSON text: all of it, or its last line where a command said something before.

    Raises:
        ConfigurationError: there are none. `source`: the key in `migration.toml` that they come from.
    """
    mistake = ""
    for part in (text, text.strip().rpartition("\n")[2]):
        try:
            found = msgspec.json.decode(part.encode("utf-8", "replace"), type=tuple[Record, ...])
        except msgspec.MsgspecError as error:
            mistake = mistake or str(error)
            continue
        if found:
            return found
        mistake = "there are none"
    raise ConfigurationError(f"{source}: this is no list of records ({mistake}): {text.strip()[-SHOWN:]!r}.")


def of_subject(records: Sequence[Record], subject: str) -> Records:
    """What is to be expected of one subject.

    Raises:
        ConfigurationError: nothing is said of it, so that nothing could be compared.
    """
    found = {record.test: record for record in records if record.phase == subject}
    if not found:
        known = ", ".join(sorted({record.phase for record in records}))
        raise ConfigurationError(f"suites.subjects: no record names {subject!r}; there are {known}.")
    return found


def judged(phase: str, tests: Mapping[str, Case], records: Records) -> tuple[PhaseOutcome, ...]:
    """Each test against its record; one without a record is to pass, one that did not run is none."""
    ran = [_outcome(phase, test, case, records.get(test) or _passing(test)) for test, case in tests.items()]
    missing = [
        PhaseOutcome(
            phase=phase,
            test=test,
            outcome="missing",
            expected=record.outcome,
            reason="it did not run",
            ok=False,
        )
        for test, record in records.items()
        if test not in tests
    ]
    return tuple(sorted((*ran, *missing)))


def _passing(test: str) -> Record:
    return Record(test=test, phase="")


def _outcome(phase: str, test: str, case: Case, record: Record) -> PhaseOutcome:
    ok = record.met_by(case)
    wanted = " or ".join(repr(reason) for reason in record.reasons)
    reason = case.message
    if case.outcome.red and not ok and wanted:
        reason = f"it was to name {wanted}, and said: {case.message}"
    return PhaseOutcome(
        phase=phase,
        test=test,
        outcome=case.outcome.value,
        expected=record.outcome,
        reason=reason,
        seconds=case.seconds,
        ok=ok,
    )


def _plain(text: str) -> str:
    """Words alone: where lines are broken differs between runners."""
    return " ".join(text.split())


def complaints(outcomes: Sequence[PhaseOutcome]) -> tuple[str, ...]:
    """What stands against a phase, a sentence for each test that did something else."""
    return tuple(
        f"{each.test}: was to be {each.expected}, and is {each.outcome}"
        + (f": {each.reason}" if each.reason else "")
        for each in outcomes
        if not each.ok
    )


def cases(outcomes: Sequence[PhaseOutcome]) -> dict[str, Case]:
    """Outcomes as results again, to compare later ones with."""
    known = {each.value for each in Outcome}
    return {
        each.test: Case(outcome=Outcome(each.outcome), seconds=each.seconds)
        for each in outcomes
        if each.outcome in known
    }
