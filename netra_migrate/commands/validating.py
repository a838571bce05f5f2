"""The validation commands of a session, their baseline, and the use case that records it."""

from pathlib import Path
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from netra_migrate.commands.looking import measured
from netra_migrate.commands.running import Ended, Session, remember
from netra_migrate.commands.scanning import shown_progress, surveyed
from netra_migrate.domain.outcomes import ConfigurationError, Exit
from netra_migrate.planning.plan import plan
from netra_migrate.report.gathering import by_form
from netra_migrate.report.tables import table
from netra_migrate.sources.state import prepared
from netra_migrate.validation import Baseline, Checker, Command, load, pytest_at, record, save

_NAME: Final = "baseline.json"


def commands(session: Session) -> tuple[Command, ...]:
    """The quick command, if there is one, and the full one, which alone is worth several jobs.

    Raises:
        ConfigurationError: there is none, or it cannot be split into jobs.
    """
    validation = session.configuration.validation
    wanted = [arguments for arguments in (validation.quick, validation.command) if arguments]
    if not wanted:
        raise ConfigurationError(
            "validation.command: name the command that must not get redder, or apply with --no-validation."
        )
    if validation.jobs > 1 and pytest_at(validation.command) is None:
        raise ConfigurationError(
            "validation.jobs: only pytest's tests are run side by side; set it to 1, and give your runner its own option."
        )
    return tuple(
        Command(
            arguments=arguments,
            folder=session.root,
            timeout_s=validation.timeout_s,
            jobs=validation.jobs if arguments == validation.command else 1,
            environment=validation.environment,
        )
        for arguments in wanted
    )


def checker(session: Session) -> Checker:
    """The commands with what was recorded of them.

    Raises:
        TreeError: there is no baseline yet.
    """
    return Checker(commands=commands(session), baseline=load(_place(session)))


def _place(session: Session) -> Path:
    return session.state / _NAME


def baselined(session: Session, *, jobs: int | None, times: int) -> Ended:
    """Run the validation before anything is touched; measure performance, if a command for it is set."""
    wanted = commands(session)
    survey = surveyed(session, jobs=jobs)
    remember(session, "before", by_form(survey))
    choices = [step.tests for step in plan(survey, session.configuration).steps if step.tests]
    with shown_progress("Recording the baseline") as tell:
        tell(0, 1, " ".join(wanted[-1].arguments))
        baseline = record(wanted, choices=choices, times=times)
    prepared(session.state)
    save(baseline, _place(session))
    figures = measured(session) if session.configuration.performance else 0
    return Ended(code=Exit.DONE, value=baseline, shown=_shown(baseline, figures))


def _shown(baseline: Baseline, figures: int) -> Group:
    ran = {name for each in baseline.recorded for name in each.result.tests}
    seconds = sum(each.result.seconds for each in baseline.recorded)
    flaky = sorted({name for each in baseline.recorded for name in each.flaky})
    words = f"{len(ran)} results in {seconds:.1f} s, of which {len(baseline.red)} fail already; these block nothing."
    parts: list[RenderableType] = [Text(words)]
    if figures:
        parts.append(Text(f"{figures} figures of performance are recorded."))
    if any(each.blind for each in baseline.recorded):
        parts.append(
            Text("The command fails and names no test, so nothing can be told from it later.", "red")
        )
    if baseline.red:
        parts.append(table("fails already", rows=[(name,) for name in baseline.red], total=len(baseline.red)))
    if flaky:
        parts.append(table("changes by itself", rows=[(name,) for name in flaky], total=len(flaky)))
    return Group(*parts)
