"""Runs the target's performance command in both trees by turns, and reads what it prints.

The command runs in its own process group, which is ended with it. Nothing is imported, nothing written.
"""

import contextlib
import json
import math
import os
import platform
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from netra_migrate.configuration import Performance
from netra_migrate.domain.outcomes import MigrationError
from netra_migrate.domain.performance import GateReport, MachineClass, Recording
from netra_migrate.gate.comparison import Series, compare

Progress = Callable[[int, int], None]
"""Called with how many runs are done, and of how many."""


def gate(performance: Performance, *, baseline: Path, candidate: Path, progress: Progress) -> GateReport:
    """Measure two trees, before and now, in pairs A B, B A, A B, … after a pair that only warms up.

    Turns cancel what drifts: a machine that gets warmer or busier hits both sides alike.

    Raises:
        MigrationError: the command fails, hangs, or prints something else than one JSON object of numbers.
    """
    trees = (baseline, candidate)
    before: list[Mapping[str, float]] = []
    now: list[Mapping[str, float]] = []
    runs = 2 * (performance.pairs + 1)
    for pair in range(performance.pairs + 1):
        figures = {}
        for turn in (0, 1) if pair % 2 == 0 else (1, 0):
            figures[turn] = _run(performance, trees[turn])
            progress(2 * pair + len(figures), runs)
        if pair:
            before.append(figures[0])
            now.append(figures[1])
    return compare(performance, _series(before), _series(now), machine=machine_class())


def record(performance: Performance, *, tree: Path, progress: Progress) -> Recording:
    """Measure one tree alone, to compare with later on a machine of the same class.

    Raises:
        MigrationError: as `gate`.
    """
    runs = []
    for run in range(performance.pairs + 1):
        runs.append(_run(performance, tree))
        progress(run + 1, performance.pairs + 1)
    return Recording(
        machine=machine_class(), series={name: tuple(values) for name, values in _series(runs[1:]).items()}
    )


def gate_recorded(performance: Performance, *, baseline: Recording, candidate: Recording) -> GateReport:
    """Compare two recordings. Weaker than `gate`: what changed on the machine in between counts as change.

    Raises:
        MigrationError: they come from machines of different classes, or do not fit one another.
    """
    if baseline.machine != candidate.machine:
        raise MigrationError(
            f"The baseline was recorded on {_words(baseline.machine)}, and this is {_words(candidate.machine)}; "
            "record a baseline for this class of machine."
        )
    return compare(performance, baseline.series, candidate.series, machine=candidate.machine)


def machine_class() -> MachineClass:
    """The class of this machine."""
    return MachineClass(cpu=_cpu(), cores=os.cpu_count() or 1, python=platform.python_version())


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux; the standard library knows less, but something
    return platform.processor() or platform.machine()


def _words(machine: MachineClass) -> str:
    return f"{machine.cpu} with {machine.cores} cores and Python {machine.python}"


def _series(runs: list[Mapping[str, float]]) -> Series:
    names = set().union(*runs)
    for number, run in enumerate(runs, 1):
        if missing := sorted(names - set(run)):
            raise MigrationError(
                f"performance.command: run {number} printed no {missing[0]!r}, another run did."
            )
    return {name: [run[name] for run in runs] for name in names}


def _run(performance: Performance, tree: Path) -> Mapping[str, float]:
    try:
        process = subprocess.Popen(  # noqa: S603 - the owner of the tree wrote this command in migration.toml
            performance.command,
            cwd=tree,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise MigrationError(f"performance.command: it cannot be started: {error.strerror}.") from error
    try:
        printed, complaint = process.communicate(timeout=performance.timeout_s)
    except subprocess.TimeoutExpired:
        raise MigrationError(
            f"performance.command: it ran for more than {performance.timeout_s:g} s in {tree.name} and was ended; "
            "mend it or raise performance.timeout_s."
        ) from None
    finally:
        _end(process)
    if process.returncode:
        last = complaint.decode(errors="replace").strip().rpartition("\n")[2][:200]
        raise MigrationError(
            f"performance.command: it ended with {process.returncode} in {tree.name}: {last!r}"
        )
    return _figures(printed.decode(errors="replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: also a server that the command left behind."""
    with contextlib.suppress(ProcessLookupError):  # all gone already
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _figures(printed: str) -> Mapping[str, float]:
    """The whole output, or else its last line: tools like to say something first."""
    for text in (printed, printed.strip().rpartition("\n")[2]):
        try:
            figures = json.loads(text)
        except ValueError:
            continue
        if isinstance(figures, dict) and figures and all(map(_is_figure, figures.values())):
            return {name: float(value) for name, value in figures.items()}
    raise MigrationError(
        f"performance.command: it must print one JSON object of finite numbers, not {printed.strip()[-80:]!r}."
    )


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
