"""What the report and the dashboard show, gathered from the other rooms. Values only; reads nothing itself."""

from enum import StrEnum

import msgspec

from netra_migrate.domain.phases import PhaseOutcome
from netra_migrate.domain.plan import Plan
from netra_migrate.domain.rewriting import Refusal
from netra_migrate.domain.survey import Survey
from netra_migrate.report.causes import Failure
from netra_migrate.report.findings import Finding


class State(StrEnum):
    """Where a step stands; words of the page and classes of its style."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    REFUSED = "refused"
    ROLLED_BACK = "rolled-back"


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the plan and what became of it. `seconds` of validation included, 0 while it waits."""

    number: int
    paths: tuple[str, ...]
    references: int = 0
    state: State = State.WAITING
    diff: str = ""
    new_failures: tuple[str, ...] = ()
    reason: str = ""
    seconds: float = 0.0


class VerdictView(msgspec.Struct, frozen=True, kw_only=True):
    """What both handlers did with one message. `verdict`: the shadow run's own word; `detail`: its diff."""

    message: str
    verdict: str
    good: bool
    detail: str = ""


class FigureView(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of the gate. `worse`, `low`, `high`: the loss and its interval, as shares; below 0 is a gain.

    `limit`: the loss from which on it counts. `judgement`: the gate's own word.
    """

    name: str
    before: float
    now: float
    worse: float
    low: float
    high: float
    limit: float
    judgement: str
    good: bool


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of being done. `findings`: what stands against it."""

    name: str
    good: bool
    sentence: str = ""
    findings: tuple[Finding, ...] = ()


class CaseView(msgspec.Struct, frozen=True, kw_only=True):
    """One result of the validation command. `step`: the step's number, 0 outside of one."""

    test: str
    outcome: str
    good: bool
    step: int = 0
    seconds: float = 0.0


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of a migration as far as it is known. What is None or empty has not been run yet.

    Attributes:
        written_at: when, in words; comes in by argument.
        before: legacy references by form when the work began, for comparison with `survey`.
        failures: everything that went wrong, in order, to be grouped by cause.
    """

    legacy: str
    canonical: str
    root: str
    written_at: str
    survey: Survey | None = None
    before: dict[str, int] = {}
    plan: Plan | None = None
    steps: tuple[StepView, ...] = ()
    verdicts: tuple[VerdictView, ...] = ()
    figures: tuple[FigureView, ...] = ()
    checks: tuple[CheckView, ...] = ()
    phases: tuple[PhaseOutcome, ...] = ()
    tests: tuple[CaseView, ...] = ()
    failures: tuple[Failure, ...] = ()
    refusals: tuple[Refusal, ...] = ()
