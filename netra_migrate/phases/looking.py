"""The phases that change nothing: baseline, adapter and final. Each says what stands against it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from netra_migrate.commands.looking import gated, shadowed, verified
from netra_migrate.commands.running import Ended
from netra_migrate.commands.validating import baselined, checker
from netra_migrate.domain.performance import GateReport, Judgement
from netra_migrate.domain.phases import PhaseOutcome
from netra_migrate.domain.shadow import ShadowReport
from netra_migrate.domain.verification import Verification
from netra_migrate.phases.records import complaints
from netra_migrate.phases.run import Run, as_they_are, say
from netra_migrate.phases.standing import Phase
from netra_migrate.validation import Baseline, Case, Comparison, belongs


def baseline(run: Run) -> Phase:
    """The tree as it is: which tests fail and how, how fast it is, and whether the failures are those meant."""
    recorded = baselined(run.session, jobs=run.jobs, times=1).value
    own: dict[str, Case] = {}
    blind = False
    if isinstance(recorded, Baseline):
        own = {name: case for each in recorded.recorded for name, case in each.result.tests.items()}
        blind = any(each.blind for each in recorded.recorded)
    outcomes = run.outcomes("baseline")
    against = [*complaints(outcomes), *_harmless(run, outcomes)]
    if blind:
        against.append(
            "validation.command: it fails and names no test, so nothing can be told from it later."
        )
    return _phase("baseline", (*as_they_are("baseline", own), *outcomes), against)


def _harmless(run: Run, outcomes: Sequence[PhaseOutcome]) -> Iterator[str]:
    """Suites that are to fail before the migration, and do not: they would pass whatever happens."""
    suites = run.suites
    named = suites.fails_before if suites else ()
    for path in (suites.tests if named is None else named) if suites else ():
        found = [each for each in outcomes if belongs(each.test, path)]
        if not any(each.outcome in ("failed", "error") for each in found):
            yield f"{path}: nothing fails in it before the migration, so that it proves nothing after it."


def adapter(run: Run) -> Phase:
    """The legacy handlers behind the adapter, in the suites that know it."""
    outcomes = run.outcomes("adapter")
    return _phase("adapter", outcomes, complaints(outcomes))


def final(run: Run) -> Phase:
    """The migrated tree: all suites, as often as configured, its own tests, and every proof there is."""
    heard: dict[str, Case] = {}
    own = msgspec.structs.replace(checker(run.session), hear=lambda result: heard.update(result.tests))
    done = own.check()
    known = {name: case for each in own.baseline.recorded for name, case in each.result.tests.items()}
    outcomes = [*_own(heard, known, done)]
    against = [*complaints(outcomes), *(f"{test}: it does not run any more." for test in done.disappeared)]
    if done.broken:
        against.append(f"validation.command: {done.broken}.")
    runs = [*([run.standing.removal] if run.standing.removal else [])]
    while run.suites is not None and len(runs) < run.suites.runs:
        say(f"  suites on the migrated tree, run {len(runs) + 1} of {run.suites.runs}")
        runs.append(run.outcomes("final", must_pass=True))
    outcomes += runs[-1] if runs else ()
    against += [sentence for each in runs for sentence in complaints(each)]
    against += _unstable(runs)
    return _phase("final", outcomes, [*dict.fromkeys(against), *_proofs(run)])


def _own(tests: Mapping[str, Case], known: Mapping[str, Case], done: Comparison) -> Iterator[PhaseOutcome]:
    for test, case in sorted(tests.items()):
        before = known.get(test)
        yield PhaseOutcome(
            phase="final",
            test=test,
            outcome=case.outcome.value,
            expected=before.outcome.value if before and not case.outcome.red else "passed",
            reason=case.message,
            seconds=case.seconds,
            ok=test not in done.new_failures,
        )


def _unstable(runs: Sequence[Sequence[PhaseOutcome]]) -> Iterator[str]:
    first = {each.test: each.outcome for each in runs[0]} if runs else {}
    for again in runs[1:]:
        for each in again:
            if first.get(each.test) != each.outcome:
                yield f"{each.test}: is {first.get(each.test)} in one run and {each.outcome} in another."


def _proofs(run: Run) -> Iterator[str]:
    """Shadow, verify and gate, as far as they are configured."""
    session, before = run.session, Path(run.standing.before)
    if session.configuration.shadow is not None:
        say("  shadow run")
        yield from _shadow(shadowed(session, jobs=run.jobs, python=None, before=before))
    say("  verify")
    yield from _verify(verified(session, jobs=run.jobs, update=False, may_rise=False))
    if session.configuration.performance is not None:
        say("  performance, by turns with the tree as it was")
        yield from _gate(gated(session, before=before))


def _shadow(ended: Ended) -> Iterator[str]:
    report = ended.value
    for each in report.compared if isinstance(report, ShadowReport) else ():
        if not each.good:
            yield f"shadow: {each.type} from {each.source}: {each.verdict.value}: {each.detail}"


def _verify(ended: Ended) -> Iterator[str]:
    report = ended.value
    for check in report.checks if isinstance(report, Verification) else ():
        for finding in () if check.ok else check.findings:
            if not finding.warning:
                yield f"verify: {finding}"


def _gate(ended: Ended) -> Iterator[str]:
    report = ended.value
    for each in report.comparisons if isinstance(report, GateReport) else ():
        if each.judgement not in (Judgement.SAME, Judgement.BETTER):
            yield f"gate: {each.sentence}"


def _phase(name: str, outcomes: Sequence[PhaseOutcome], against: Sequence[str]) -> Phase:
    return Phase(name=name, done=not against, outcomes=tuple(outcomes), complaints=tuple(against))
