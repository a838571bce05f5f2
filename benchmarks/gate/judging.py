"""What the gate asks of the kit's statistics, and where it keeps what it measured. Measures nothing itself."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.gate.sample import FIGURES, RATE
from benchmarks.processes import ROOT, BenchmarkError
from netra_migrate.configuration import Performance
from netra_migrate.domain.performance import GateReport, Judgement, MachineClass, Recording
from netra_migrate.gate.comparison import LEVEL
from netra_migrate.gate.measuring import gate, gate_recorded, machine_class, record
from netra_migrate.gate.ranks import fewest

LEAST_PAIRS: Final = fewest(LEVEL, len(FIGURES))
"""With fewer pairs no result at all could reach the level: such a gate would always pass."""
USUAL_PAIRS: Final = LEAST_PAIRS + 3
WORSE_BY: Final = 0.05
"""The smallest loss that counts; the whole 95 % interval must lie beyond it."""
TIMEOUT_S: Final = 200.0
BASELINES: Final = ROOT / "bench-results" / "baselines"
"""Out of Git: a figure means something on its own class of machine only, and pairs need none."""

Progress = Callable[[int, int], None]


def performance(pairs: int) -> Performance:
    """What is run and how it is judged.

    Raises:
        BenchmarkError: so few pairs could show nothing.
    """
    if pairs < LEAST_PAIRS:
        raise BenchmarkError(
            f"{pairs} pairs can show nothing for {len(FIGURES)} figures: take {LEAST_PAIRS}."
        )
    return Performance(
        # By `env`, and -P: in a tree, its own `benchmarks` would come before the one that measures.
        command=("env", f"PYTHONPATH={ROOT}", sys.executable, "-P", "-m", "benchmarks.gate.sample"),
        pairs=pairs,
        lower_is_better={RATE: False},
        worse_by=WORSE_BY,
        timeout_s=TIMEOUT_S,
    )


def judge_pairs(*, base: Path, candidate: Path, pairs: int, progress: Progress) -> GateReport:
    """Measure both trees by turns; raises `BenchmarkError` or `MigrationError`."""
    return gate(performance(pairs), baseline=base, candidate=candidate, progress=progress)


def code(report: GateReport) -> int:
    """The exit code: a gate with a figure that could not have failed has not passed."""
    if any(each.judgement is Judgement.REGRESSION for each in report.comparisons):
        return 1
    return 0 if report.passed else 2


def keep(tree: Path, *, pairs: int, progress: Progress, folder: Path = BASELINES) -> Path:
    """Measure a tree alone and keep it as the baseline of this class of machine; where."""
    found = record(performance(pairs), tree=tree, progress=progress)
    path = place(found.machine, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    return path


def judge_kept(tree: Path, *, progress: Progress, folder: Path = BASELINES) -> GateReport:
    """Hold a tree against the baseline of this class of machine.

    Raises:
        BenchmarkError: there is none, or its file cannot be read.
        MigrationError: it was measured by other figures, or not on this class of machine.
    """
    baseline = kept(machine_class(), folder)
    wanted = performance(max(map(len, baseline.series.values()), default=0))
    return gate_recorded(wanted, baseline=baseline, candidate=record(wanted, tree=tree, progress=progress))


def kept(machine: MachineClass, folder: Path) -> Recording:
    """The baseline of a class of machine; raises `BenchmarkError`."""
    path = place(machine, folder)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Recording)
    except FileNotFoundError:
        raise BenchmarkError(
            "There is no baseline for this class of machine: run with --record first."
        ) from None
    except (OSError, msgspec.MsgspecError) as error:
        raise BenchmarkError(f"{path.name} cannot be read ({error}): run with --record again.") from None


def place(machine: MachineClass, folder: Path) -> Path:
    """The file of a class of machine."""
    words = f"{machine.cpu} {machine.cores} cores python {machine.python}".lower()
    return folder / f"{re.sub(r'[^a-z0-9.]+', '-', words).strip('-')}.json"
