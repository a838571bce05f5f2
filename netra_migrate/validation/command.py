"""The validation command: its placeholders, what pytest gets beside them, and its results read.

Nothing of it is written into the target's tree: reports and caches go to a folder of their own.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath

import msgspec

from netra_migrate.validation.junit import UnreadableReport, read_junit
from netra_migrate.validation.lines import plain, read_lines
from netra_migrate.validation.process import Ended, clean_environment, run_command
from netra_migrate.validation.results import COMMAND, Case, Ending, Outcome, Result, explained

_PYTEST = ("pytest", "py.test")
_STARTERS = (
    "uv",
    "uvx",
    "poetry",
    "pdm",
    "pipenv",
    "hatch",
    "rye",
    "coverage",
    "env",
    "nice",
    "timeout",
    "xvfb-run",
)
"""Programs that run another one named among their arguments."""
_BROKEN_PYTEST = (3, 4)
"""Pytest's exit codes for an internal error and for wrong usage."""
_INTERRUPTED = 2
NO_XDIST = "validation.jobs needs pytest-xdist where the command runs: install it there, or set jobs to 1"
_SIGNAL_EXIT = 128
"""Above it, an exit code is a shell's way to say that a signal ended the command."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command as configured, and where it runs. `environment` is added to the kit's own, cleaned.

    `jobs`: test files at once, by pytest-xdist of the command's own Python; for pytest only.
    """

    arguments: tuple[str, ...]
    folder: Path
    timeout_s: float = 900
    jobs: int = 1
    environment: Mapping[str, str] = {}

    @property
    def takes_tests(self) -> bool:
        """Whether it is told which tests to run, and so says nothing about others."""
        return any("{tests}" in argument for argument in self.arguments)


def run(
    command: Command, *, tests: Sequence[str] = (), on_start: Callable[[int], None] = lambda _: None
) -> Result:
    """Run the command once and read its results. Never raises for what the command does.

    Args:
        command: what to run.
        tests: paths for `{tests}`; without any the argument is dropped, which for most runners means all.
        on_start: is told the process group's id.
    """
    with tempfile.TemporaryDirectory(prefix="netra-migrate-") as name:
        report = Path(name) / "junit.xml"
        arguments = expanded(command.arguments, tests=tests, report=report, jobs=command.jobs)
        try:
            ended = run_command(
                arguments,
                folder=command.folder,
                environment=clean_environment(os.environ, command.environment),
                timeout_s=command.timeout_s,
                on_start=on_start,
            )
        except (OSError, ValueError) as error:
            reason = f"`{command.arguments[0]}` cannot be started ({error}): mend validation.command"
            return Result(tests={}, ending=Ending.NOT_FOUND, exit_code=None, reason=reason)
        reports = any(str(report) in argument for argument in arguments)
        return _read(
            ended, report if reports else None, pytest=pytest_at(arguments) is not None, command=command
        )


def expanded(arguments: Sequence[str], *, tests: Sequence[str], report: Path, jobs: int = 1) -> list[str]:
    """`arguments` with the placeholders filled, and pytest's own options added.

    Pytest writes its report and its cache outside the tree, goes on after a first failure (`-x` would
    hide all that comes after a failure that is known), and after files that cannot be collected. With
    several jobs the tests of one file stay together, in their order.
    """
    filled: list[str] = []
    for argument in arguments:
        if argument == "{tests}":
            filled += tests
        elif "{tests}" in argument:
            filled.append(argument.replace("{tests}", " ".join(tests)))
        else:
            filled.append(argument.replace("{junit}", str(report)))
    at = pytest_at(filled)
    if at is None:
        return filled
    # Last of all options, since the last of its kind holds; what follows `--` is no option.
    end = filled.index("--", at) if "--" in filled[at:] else len(filled)
    own = ["-o", f"cache_dir={report.with_name('cache')}", "--maxfail=0", "--continue-on-collection-errors"]
    if jobs > 1:
        own += [f"--numprocesses={jobs}", "--dist=loadfile"]
    if not any(str(report) in argument for argument in filled):
        own.append(f"--junitxml={report}")
    return [*filled[:end], *own, *filled[end:]]


def pytest_at(arguments: Sequence[str]) -> int | None:
    """Where in a command pytest is named as the program to run; None in any other command."""
    for index, argument in enumerate(arguments):
        if PurePath(argument).name in _PYTEST and (index == 0 or _starts(arguments[:index])):
            return index
    return None


def _starts(before: Sequence[str]) -> bool:
    """Whether what stands before a word makes it the program that runs."""
    first = PurePath(before[0]).name
    starter = first in _STARTERS or first.startswith("python")
    return before[-1] == "-m" or (starter and before[-1] != "-c")


def _read(ended: Ended, report: Path | None, *, pytest: bool, command: Command) -> Result:
    text = plain(ended.output)
    result = Result(tests={}, exit_code=ended.code, seconds=ended.seconds, output=text)
    if ended.code is None:
        reason = f"the command did not end within {command.timeout_s:g} s and was killed"
        return _broken(result, Ending.TIMEOUT, reason)
    if ended.code < 0 or ended.code > _SIGNAL_EXIT:
        number = -ended.code if ended.code < 0 else ended.code - _SIGNAL_EXIT
        return _broken(result, Ending.KILLED, f"the command was ended by signal {number}")
    if pytest and command.jobs > 1 and "unrecognized arguments: --numprocesses" in text:
        return _broken(result, Ending.GARBAGE, NO_XDIST)
    if pytest and ended.code in _BROKEN_PYTEST:
        return _broken(result, Ending.GARBAGE, f"pytest itself failed with {ended.code}; its output says why")
    if report is None:
        return _by_lines(result, ended.code, cut=ended.cut)
    return _by_report(result, ended.code, report, pytest=pytest)


def _by_report(result: Result, code: int, report: Path, *, pytest: bool) -> Result:
    try:
        tests = read_junit(report)
    except UnreadableReport as error:
        return _broken(result, Ending.GARBAGE, f"the command ended with {code}, but {error}")
    if pytest and code == _INTERRUPTED and not any(test.outcome.red for test in tests.values()):
        return _broken(result, Ending.GARBAGE, "pytest was interrupted before its end; its output says why")
    nothing_to_run = pytest and code == 5 and not tests
    return msgspec.structs.replace(result, tests={} if nothing_to_run else explained(tests, code))


def _by_lines(result: Result, code: int, *, cut: bool) -> Result:
    """The exit code is all that is sure here, so `COMMAND` always stands beside what the lines name."""
    tests = read_lines(result.output)
    whole = Case(outcome=Outcome.FAILED if code else Outcome.PASSED, seconds=result.seconds)
    named = bool(tests) and not cut
    return msgspec.structs.replace(result, tests={**tests, COMMAND: whole}, complete=named)


def _broken(result: Result, ending: Ending, reason: str) -> Result:
    return msgspec.structs.replace(result, ending=ending, reason=reason)
