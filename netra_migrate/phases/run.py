"""What the phases share: the tree, where the run stands, and how the suites are run on a subject."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from netra_migrate.commands.running import Session, remember
from netra_migrate.configuration import Suites
from netra_migrate.domain.phases import PhaseOutcome
from netra_migrate.phases import standing, suites
from netra_migrate.phases.records import Record, Records, judged, of_subject
from netra_migrate.phases.standing import Phase, Standing
from netra_migrate.phases.suites import Place
from netra_migrate.report.escaping import visible
from netra_migrate.validation import Case, Result, born


class Run:
    """One run of the phases on one tree. What it learns is kept before it goes on."""

    def __init__(self, session: Session, standing: Standing, *, jobs: int | None) -> None:
        self.session = session
        self.standing = standing
        self.jobs = jobs
        self._records: tuple[Record, ...] | None = None

    @property
    def suites(self) -> Suites | None:
        """What goes with the migration, if anything does."""
        return self.session.configuration.suites

    def change(self, **fields: object) -> None:
        """Keep something about the run."""
        self.standing = msgspec.structs.replace(self.standing, **fields)
        standing.save(self.session.state, self.standing)

    def keep(self, phase: Phase) -> None:
        """Keep a phase as it is by now, also for the report."""
        self.change(phases={**self.standing.phases, phase.name: phase})
        remember(self.session, "phases", self.standing.outcomes)

    def started(self, group: int) -> None:
        """Keep whom to end if this process is killed."""
        self.change(group=group, born=born(group))

    def subject(self, phase: str) -> str:
        """What `{subject}` stands for in a phase."""
        name: str = getattr(self.suites.subjects, phase) if self.suites else ""
        return name

    def expected(self, phase: str) -> Records | None:
        """How the suites' tests end in a phase; None where nobody says it."""
        if self.suites is None or not (self.suites.expected or self.suites.expected_file):
            return None
        if self._records is None:
            self._records = suites.recorded(self.suites, self._place) or ()
        return of_subject(self._records, self.subject(phase))

    def results(self, configured: Suites, phase: str, tests: Sequence[str]) -> Result:
        """Run suites on a phase's subject."""
        command = suites.command(configured, self._place, subject=self.subject(phase))
        return suites.ran(command, tests, on_start=self.started)

    def outcomes(self, phase: str, *, must_pass: bool = False) -> tuple[PhaseOutcome, ...]:
        """All suites on a phase's subject, each test against its record. `must_pass`: where there is none."""
        if self.suites is None:
            return ()
        expected = self.expected(phase)
        tests = self.results(self.suites, phase, self.suites.tests).tests
        if expected is not None or must_pass:
            return judged(phase, tests, expected or {})
        return as_they_are(phase, tests)

    @property
    def _place(self) -> Place:
        return Place(root=self.session.root, here=Path(self.standing.here))


def as_they_are(phase: str, tests: Mapping[str, Case]) -> tuple[PhaseOutcome, ...]:
    """Results of which nobody said what they should be."""
    return tuple(
        PhaseOutcome(
            phase=phase,
            test=test,
            outcome=case.outcome.value,
            expected=case.outcome.value,
            reason=case.message,
            seconds=case.seconds,
            ok=True,
        )
        for test, case in sorted(tests.items())
    )


def say(sentence: str) -> None:
    """Tell people where the run is, away from results."""
    sys.stderr.write(f"{visible(sentence)}\n")
    sys.stderr.flush()
