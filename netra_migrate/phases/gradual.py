"""The third phase: file by file, each validated by the tree's own command and by the suites."""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from netra_migrate.apply import Applied, Options, State
from netra_migrate.apply.files import shown
from netra_migrate.apply.session import NamesGroup
from netra_migrate.commands.moving import Wanted, migrated
from netra_migrate.commands.validating import checker
from netra_migrate.configuration import Suites
from netra_migrate.domain.phases import PhaseOutcome
from netra_migrate.phases.records import cases, complaints
from netra_migrate.phases.run import Run
from netra_migrate.phases.standing import Phase
from netra_migrate.validation import Case, Comparison, Recorded, Result, belongs, compare, together

NAME = "gradual"


class Going(msgspec.Struct, frozen=True, kw_only=True):
    """What the options ask of this phase; see `apply.Options`."""

    keep_going: bool = False
    allow_dirty: bool = False


def gradual(run: Run, going: Going) -> tuple[Phase, bool]:
    """Migrate what is left, and delete the legacy module; and whether a step failed and was put back."""
    wanted = Wanted(
        options=Options(
            write=True,
            keep_going=going.keep_going,
            allow_dirty=going.allow_dirty or run.standing.own,
            branch=run.standing.branch,
        ),
        jobs=run.jobs,
    )
    check = _Check(run)
    applied = migrated(run.session, wanted, check)
    against = tuple(_against(applied))
    outcomes = tuple(sorted(check.seen.values()))
    failed = any(step.state is State.FAILED for step in applied.steps)
    return Phase(name=NAME, done=not against, outcomes=outcomes, complaints=against), failed


def _against(applied: Applied) -> Sequence[str]:
    """What keeps the phase from being done, a sentence each."""
    found: list[str] = []
    for step in applied.steps:
        if step.state is State.APPLIED:
            continue
        where = ", ".join(map(shown, step.paths))
        if step.refusals:
            found += [f"{shown(each.path)}:{each.line} {each.reason}" for each in step.refusals]
        elif step.reason or step.state is State.FAILED:
            found.append(f"{where}: {step.reason}")
            found += [f"{where}: {test}" for test in (*step.new_failures, *step.disappeared)]
        else:
            found.append(f"{where}: is not migrated yet.")
    return found


class _Check:
    """See `apply.Checks`. `seen`: how each test ended last in this phase."""

    def __init__(self, run: Run) -> None:
        self._run = run
        known = run.standing.phases.get(NAME)
        self.seen = {outcome.test: outcome for outcome in known.outcomes} if known else {}

    def __call__(self, tests: Sequence[str], *, removed: Collection[str], on_start: NamesGroup) -> Comparison:
        heard: dict[str, Case] = {}
        own = msgspec.structs.replace(
            checker(self._run.session), hear=lambda result: heard.update(result.tests)
        )
        done = own.check(tests, removed=removed, on_start=on_start)
        self._note(heard, done)
        suites = self._run.suites
        if not done.good or suites is None:
            return done
        then = self._final(removed) if removed else self._still(suites)
        return together(done, then)

    def _still(self, suites: Suites) -> Comparison:
        """Nothing that passed with the adapter fails now; what failed there may pass by now."""
        paths = suites.tests if suites.each_file is None else suites.each_file
        if not paths and suites.tests:
            return Comparison()
        before = cases(self._run.standing.phases["adapter"].outcomes)
        chosen = {test: case for test, case in before.items() if _of(test, paths)}
        result = self._run.results(suites, NAME, paths)
        done = compare(Recorded(tests=paths, arguments=(), result=Result(tests=chosen)), result)
        self._note(result.tests, done, before=chosen)
        return done

    def _final(self, removed: Collection[str]) -> Comparison:
        """Without the legacy module the suites end as they are to end after the migration."""
        outcomes = self._run.outcomes("final", must_pass=True)
        against = complaints(outcomes)
        if not against:
            self._run.change(removal=outcomes)
        return Comparison(
            new_failures=against,
            seconds=sum(each.seconds for each in outcomes),
            tests=len(outcomes),
            output="\n".join((f"after the removal of {', '.join(removed)}:", *against)) if against else "",
        )

    def _note(
        self, tests: Mapping[str, Case], done: Comparison, before: Mapping[str, Case] | None = None
    ) -> None:
        for test, case in tests.items():
            known = (before or {}).get(test)
            self.seen[test] = PhaseOutcome(
                phase=NAME,
                test=test,
                outcome=case.outcome.value,
                expected=known.outcome.value if known else "passed",
                reason=case.message,
                seconds=case.seconds,
                ok=test not in done.new_failures,
            )
        self._run.keep(Phase(name=NAME, outcomes=tuple(sorted(self.seen.values()))))


def _of(test: str, paths: Sequence[str]) -> bool:
    return not paths or any(belongs(test, path) for path in paths)
