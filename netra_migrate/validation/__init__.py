"""Running the target's validation command, reading its results test by test, and comparing with a baseline."""

from netra_migrate.validation.baseline import Baseline, Comparison, Recorded, compare, load, record, save
from netra_migrate.validation.checking import Checker
from netra_migrate.validation.command import Command, run
from netra_migrate.validation.process import kill_group
from netra_migrate.validation.results import COMMAND, Case, Ending, Outcome, Result

__all__ = [
    "COMMAND",
    "Baseline",
    "Case",
    "Checker",
    "Command",
    "Comparison",
    "Ending",
    "Outcome",
    "Recorded",
    "Result",
    "compare",
    "kill_group",
    "load",
    "record",
    "run",
    "save",
]
