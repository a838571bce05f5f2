"""What was red before anything was touched, and what a later run has made worse. Only that blocks."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from netra_migrate.domain.outcomes import ConfigurationError, MigrationError, TreeError
from netra_migrate.sources import files
from netra_migrate.validation.command import Command, run
from netra_migrate.validation.results import COMMAND, Ending, Outcome, Result


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One command's first result for one choice of tests. `flaky`: ids whose outcome differed by itself."""

    tests: tuple[str, ...]
    arguments: tuple[str, ...]
    result: Result
    flaky: tuple[str, ...] = ()

    @property
    def blind(self) -> bool:
        """Whether the command failed and named no test, so that nothing can be told from it later."""
        return self.result.red == (COMMAND,)


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """Everything recorded before the work began."""

    recorded: tuple[Recorded, ...]

    @property
    def red(self) -> tuple[str, ...]:
        """The ids of all tests that fail already."""
        return tuple(sorted({name for each in self.recorded for name in each.result.red}))

    def of(self, arguments: Sequence[str], tests: Sequence[str]) -> Recorded:
        """What was recorded for a command and its tests.

        Raises:
            ConfigurationError: nothing was: command or plan changed since.
        """
        for each in self.recorded:
            if each.arguments == tuple(arguments) and each.tests == tuple(tests):
                return each
        raise ConfigurationError(
            "validation.command: the baseline was recorded with another command or another plan: "
            "put it back, or roll all steps back and record the baseline again."
        )


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A result against the baseline.

    Attributes:
        new_failures: fail now and did not; among them tests that nobody knew.
        disappeared: passed, and now are skipped or not run at all.
        fixed: failed, and pass now.
        broken: why the command's run says nothing at all; empty where it does.
        seconds: of the run.
        output: the end of what the command printed, where anything stands against it.
    """

    new_failures: tuple[str, ...] = ()
    disappeared: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    broken: str = ""
    seconds: float = 0.0
    tests: int = 0
    output: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing got worse."""
        return not (self.new_failures or self.disappeared or self.broken)


def record(commands: Sequence[Command], *, choices: Sequence[Sequence[str]] = (), times: int = 1) -> Baseline:
    """Run every command before anything is touched.

    Args:
        commands: the quick one, if any, and the full one.
        choices: for commands with `{tests}`, the test files of each step; everything is recorded as well,
            for steps without tests of their own.
        times: with 2 or more, tests whose outcome differs between runs are known as flaky from then on.

    Raises:
        MigrationError: a command did not end properly, which is nothing to compare with.
    """
    recorded = [
        _recorded(command, tests, times)
        for command in commands
        for tests in (sorted({(), *map(tuple, choices)}) if command.takes_tests else [()])
    ]
    return Baseline(recorded=tuple(recorded))


def _recorded(command: Command, tests: tuple[str, ...], times: int) -> Recorded:
    results = [run(command, tests=tests) for _ in range(max(1, times))]
    for result in results:
        if result.ending is not Ending.EXITED:
            said = "\n".join(result.output.strip().splitlines()[-5:])
            raise MigrationError(
                f"There is no baseline: {result.reason}. Mend the command and try again.\n{said}".rstrip()
            )
    first, *again = results
    names = {name for result in results for name in result.tests}
    flaky = {name for name in names for other in again if _outcome(first, name) is not _outcome(other, name)}
    return Recorded(tests=tests, arguments=command.arguments, result=first, flaky=tuple(sorted(flaky)))


def _outcome(result: Result, name: str) -> Outcome | None:
    test = result.tests.get(name)
    return None if test is None else test.outcome


def compare(recorded: Recorded, result: Result, *, removed: Collection[str] = ()) -> Comparison:
    """What got worse.

    Args:
        recorded: of the same command and the same tests.
        result: of the run now.
        removed: paths of test files that were deleted on purpose; their tests may be gone.
    """
    if result.ending is not Ending.EXITED:
        return Comparison(broken=result.reason, seconds=result.seconds, output=result.output)
    failures = tuple(name for name in result.red if _is_new(name, recorded))
    gone = tuple(sorted(_gone(recorded, result, removed)))
    before = set(recorded.result.red)
    return Comparison(
        new_failures=failures,
        disappeared=gone,
        fixed=tuple(sorted(name for name in before if _outcome(result, name) is Outcome.PASSED)),
        seconds=result.seconds,
        tests=len(result.tests),
        output=result.output if failures or gone else "",
    )


def _is_new(name: str, recorded: Recorded) -> bool:
    known = recorded.result.tests.get(name)
    if name in recorded.flaky or (known is not None and known.outcome.red):
        return False
    if known is not None:
        return True
    # A file that could not be collected was red as a whole: its tests, now that they run, are no worse.
    return not _within(name, recorded.result.red)


def _gone(recorded: Recorded, result: Result, removed: Collection[str]) -> Iterator[str]:
    """Tests that passed and do not run now, unless their file cannot be collected, which is listed itself."""
    if not (recorded.result.complete and result.complete):
        return
    uncollected = {name for name in result.red if "::" not in name}
    for name, test in recorded.result.tests.items():
        ran = _outcome(result, name) not in (None, Outcome.SKIPPED)
        if ran or test.outcome is not Outcome.PASSED or name in recorded.flaky:
            continue
        if not any(belongs(name, path) for path in removed) and not _within(name, uncollected):
            yield name


def _within(name: str, modules: Collection[str]) -> bool:
    owner = name.partition("::")[0]
    return any(owner == module or owner.startswith(f"{module}.") for module in modules)


def belongs(name: str, path: str) -> bool:
    """Whether a test is one of a file's; ids start at pytest's root, which may lie above or below ours."""
    owner = name.partition("::")[0].removesuffix(".py").replace("/", ".") + "."
    parts = PurePosixPath(path).with_suffix("").parts
    if "." + ".".join(parts) + "." in "." + owner:
        return True
    # From a root below ours only the end of the path is there; what follows a module's name is a class.
    ends = (".".join(parts[start:]) + "." for start in range(1, len(parts)))
    return any(owner.startswith(end) and not owner[len(end) :][:1].islower() for end in ends)


def save(baseline: Baseline, path: Path) -> None:
    """Write the baseline as JSON; an existing one is replaced as a whole or not at all."""
    files.write(path, msgspec.json.encode(baseline))


def load(path: Path) -> Baseline:
    """Read a saved baseline.

    Raises:
        TreeError: there is none, or it cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Baseline)
    except FileNotFoundError as error:
        raise TreeError("There is no baseline yet: run `netra migrate baseline` first.") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise TreeError(f"The baseline cannot be read ({error}): record it again.") from error
