"""Reads what the commands left in the state folder, and makes the material of report and dashboard of it."""

from collections import Counter
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from netra_migrate.apply.journal import read_journal
from netra_migrate.configuration import Configuration
from netra_migrate.domain.outcomes import TreeError
from netra_migrate.domain.performance import Comparison, GateReport, Judgement
from netra_migrate.domain.phases import PhaseOutcome
from netra_migrate.domain.plan import Plan
from netra_migrate.domain.references import Side
from netra_migrate.domain.shadow import Compared, ShadowReport
from netra_migrate.domain.survey import Survey
from netra_migrate.domain.verification import Check, Verification
from netra_migrate.report.causes import Failure
from netra_migrate.report.findings import of_check
from netra_migrate.report.journeys import Journey
from netra_migrate.report.material import CheckView, FigureView, Material, StepView, VerdictView
from netra_migrate.sources.files import digest, read
from netra_migrate.sources.state import RESULTS

T = TypeVar("T")


def gather(configuration: Configuration, root: Path, *, state: Path, written_at: str = "") -> Material:
    """Everything known of a migration.

    Raises:
        TreeError: the journal or a result is damaged.
    """
    survey = result(state, "scan", Survey)
    plan = result(state, "plan", Plan)
    journey = _journey(state, root, plan)
    shadow, gate = result(state, "shadow", ShadowReport), result(state, "gate", GateReport)
    verified = result(state, "verify", Verification)
    refused = (each for refusals in journey.refusals.values() for each in refusals)
    return Material(
        legacy=configuration.legacy.module,
        canonical=configuration.canonical.module,
        root=str(root),
        written_at=written_at,
        survey=survey,
        before=result(state, "before", dict[str, int]) or {},
        plan=plan,
        steps=tuple(journey.steps[number] for number in sorted(journey.steps)),
        verdicts=tuple(map(_verdict, shadow.compared)) if shadow else (),
        figures=tuple(_figure(each, gate.worse_by) for each in gate.comparisons) if gate else (),
        checks=tuple(map(check_view, verified.checks)) if verified else (),
        phases=result(state, "phases", tuple[PhaseOutcome, ...]) or (),
        tests=tuple(journey.tests),
        failures=(*journey.failures, *_wrong(shadow)),
        refusals=tuple(refused),
    )


def result(state: Path, name: str, kind: type[T]) -> T | None:
    """The last result of a command, or None before its first.

    Raises:
        TreeError: it cannot be read.
    """
    path = state / RESULTS / f"{name}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise TreeError(f"{path} cannot be read ({error}): delete it and run the command again.") from error


def signature(state: Path) -> Hashable:
    """Changes whenever `gather` would give something else."""
    paths = [state / "journal.jsonl", *sorted((state / RESULTS).glob("*.json"))]
    return tuple(_stamp(path) for path in paths)


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except OSError:
        return path.name, 0, 0
    return path.name, status.st_size, status.st_mtime_ns


def by_form(survey: Survey) -> dict[str, int]:
    """Legacy references by form, to be kept as they were before the work began."""
    return dict(Counter(reference.form.value for reference in survey.of(Side.LEGACY)))


def _journey(state: Path, root: Path, plan: Plan | None) -> Journey:
    def fetch(name: str, path: str) -> bytes:
        kept = state / "contents" / name
        if kept.exists():
            return kept.read_bytes()
        content = read(root, path)
        if digest(content) != name:
            raise FileNotFoundError(name)
        return content

    diffs = result(state, "diffs", dict[str, str]) or {}
    journey = Journey(_planned(plan), fetch=fetch, diffs=diffs)
    for noted in read_journal(state):
        journey.add(noted)
    return journey


def _planned(plan: Plan | None) -> Iterator[StepView]:
    for step in plan.steps if plan else ():
        yield StepView(number=step.number, paths=step.paths, references=step.references)


def _verdict(compared: Compared) -> VerdictView:
    return VerdictView(
        message=f"{compared.type} ({compared.source})",
        verdict=compared.verdict.value.replace("-", " "),
        good=compared.good,
        detail=compared.detail,
    )


def _wrong(shadow: ShadowReport | None) -> Iterator[Failure]:
    for each in shadow.compared if shadow else ():
        if not each.good:
            message = (
                f"shadow, {each.type}: {each.verdict.value}: legacy {each.legacy}, canonical {each.canonical}"
            )
            yield Failure(place=each.source, message=message)


def _figure(each: Comparison, limit: float) -> FigureView:
    good = each.judgement in (Judgement.SAME, Judgement.BETTER)
    return FigureView(
        name=each.figure,
        before=each.baseline,
        now=each.candidate,
        worse=each.ratio - 1,
        low=each.low - 1,
        high=each.high - 1,
        limit=limit,
        judgement=each.judgement.value.replace("-", " "),
        good=good,
    )


def check_view(check: Check) -> CheckView:
    """A condition as the page shows it."""
    return CheckView(
        name=f"{check.name}: {check.sentence}",
        good=check.ok,
        findings=of_check(check),
    )
