"""Running the target's validation command, reading its results test by test, and comparing with a baseline."""

from netra_migrate.validation.baseline import (
    Baseline,
    Comparison,
    Recorded,
    belongs,
    compare,
    load,
    record,
    save,
)
from netra_migrate.validation.checking import Checker, together
from netra_migrate.validation.command import Command, pytest_at, run
from netra_migrate.validation.process import born, clean_environment, kill_group, run_command
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
    "belongs",
    "born",
    "clean_environment",
    "compare",
    "kill_group",
    "load",
    "pytest_at",
    "record",
    "run",
    "run_command",
    "save",
    "together",
]
