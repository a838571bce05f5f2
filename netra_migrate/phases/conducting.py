"""`netra migrate run`: the four phases in order, from where the last run stopped. Stops at what is not as planned."""

import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from netra_migrate.commands.looking import reported
from netra_migrate.commands.running import Ended, Session
from netra_migrate.domain.outcomes import Exit
from netra_migrate.phases import standing
from netra_migrate.phases.beginning import Where, begun
from netra_migrate.phases.gradual import Going, gradual
from netra_migrate.phases.looking import adapter, baseline, final
from netra_migrate.phases.run import Run, say
from netra_migrate.phases.standing import Phase
from netra_migrate.report.escaping import visible
from netra_migrate.report.tables import said, table

WORDS: Final = {
    "baseline": "all suites on the tree as it is",
    "adapter": "all suites with the adapter in between",
    "gradual": "file by file",
    "final": "all suites on the migrated tree, and every proof",
}


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the phases. `root`: the tree that was migrated; `report`: the page about it."""

    root: str
    report: str
    phases: tuple[Phase, ...]

    @property
    def done(self) -> bool:
        """Whether all four have ended well."""
        return len(self.phases) == len(WORDS) and all(phase.done for phase in self.phases)


def conducted(session: Session, where: Where, going: Going, *, jobs: int | None) -> Ended:
    """Run what is left of the phases, and write the report, however it ends."""
    there, known = begun(session, where)
    say(f"The tree: {there.root}")
    with standing.held(there.state):
        standing.end_left_over(known)
        run = Run(there, known, jobs=jobs)
        rolled_back = False
        try:
            rolled_back = _all(run, going)
        finally:
            reported(there, output=None)
    report = RunReport(
        root=str(there.root),
        report=str(there.state / "report.html"),
        phases=tuple(run.standing.phases.values()),
    )
    failed = Exit.ROLLED_BACK if rolled_back else Exit.FINDINGS
    return Ended(code=Exit.DONE if report.done else failed, value=report, shown=_shown(report))


def _all(run: Run, going: Going) -> bool:
    """Until one does not end well; whether a step of it was put back."""
    rolled_back = False

    def steps(run: Run) -> Phase:
        nonlocal rolled_back
        phase, rolled_back = gradual(run, going)
        return phase

    phases: dict[str, Callable[[Run], Phase]] = {
        "baseline": baseline,
        "adapter": adapter,
        "gradual": steps,
        "final": final,
    }
    for number, (name, work) in enumerate(phases.items(), 1):
        if run.standing.done(name):
            say(f"Phase {number} of 4, {name}: done before")
        elif not _one(run, number, name, work):
            break
    return rolled_back


def _one(run: Run, number: int, name: str, work: Callable[[Run], Phase]) -> bool:
    say(f"Phase {number} of 4, {name}: {WORDS[name]}")
    began = time.monotonic()
    known = run.standing.phases.get(name)
    phase = work(run)
    seconds = time.monotonic() - began + (known.seconds if known else 0.0)
    run.keep(msgspec.structs.replace(phase, seconds=seconds))
    say(f"  {'done' if phase.done else 'not as planned'} after {time.monotonic() - began:.0f} s")
    return phase.done


def _shown(report: RunReport) -> RenderableType:
    rows = [_row(report.phases, name) for name in WORDS]
    parts: list[RenderableType] = [table("phase", "", ">as planned", ">seconds", rows=rows, total=len(rows))]
    against = [(phase.name, sentence) for phase in report.phases for sentence in phase.complaints]
    if against:
        parts.append(table("phase", "stands against it", rows=against, total=len(against)))
    words = "The migrated tree:" if report.done else "Start it again to go on in"
    parts += [Text(visible(f"{words} {report.root}")), Text(visible(f"The report: {report.report}"))]
    return Group(*parts)


def _row(phases: Sequence[Phase], name: str) -> tuple[object, ...]:
    phase = next((each for each in phases if each.name == name), None)
    if phase is None:
        return name, said("not begun", "dim"), "", ""
    state = said("done", "green") if phase.done else said("not as planned", "red")
    planned = sum(each.ok for each in phase.outcomes)
    return name, state, f"{planned} of {len(phase.outcomes)}", f"{phase.seconds:.0f}"
