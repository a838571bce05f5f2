"""Which tests run which line, from one run of a room's tests under coverage."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coverage import CoverageData

from tests.mutants.mutant import Mutant
from tests.mutants.recording import RECORD
from tests.mutants.rooms import ROOT, Room


class NotGreenError(Exception):
    """The tests fail without any mutant."""


@dataclass(frozen=True)
class Cover:
    """What the run showed: seconds of each test, tests of each line, and the libraries that were imported."""

    seconds: Mapping[str, float]
    lines: Mapping[str, Mapping[int, frozenset[str]]]
    libraries: tuple[str, ...]

    def tests(self, file: str, mutant: Mutant) -> Mapping[str, float]:
        """The tests that run the mutant's lines, with their seconds.

        Lines that run at import belong to every test of the test modules that run anything of the module, for
        a test may look at a constant alone; or else to all.
        """
        known = self.lines.get(file, {})
        chosen = frozenset[str]().union(
            *(known.get(at, ()) for at in range(mutant.line, mutant.last_line + 1))
        )
        if not chosen:
            modules = {_module(test) for test in frozenset[str]().union(*known.values())}
            chosen = frozenset(test for test in self.seconds if not modules or _module(test) in modules)
        return {test: self.seconds[test] for test in chosen if test in self.seconds}


def _module(test: str) -> str:
    return test.partition("::")[0]


def cover(room: Room) -> Cover:
    """Run the room's tests once.

    Raises:
        NotGreenError: They do not all pass as the code is.
    """
    with tempfile.TemporaryDirectory() as folder:
        data, record = Path(folder, "coverage"), Path(folder, "record.json")
        ended = subprocess.run(  # noqa: S603 - our own Python and our own names
            [sys.executable, "-m", "pytest", *arguments(room), "-p", "tests.mutants.recording",
             f"--cov={room.code}", "--cov-context=test", "--cov-report="],
            cwd=ROOT, check=False, capture_output=True, text=True,
            env={**os.environ, **REPEATABLE, "COVERAGE_FILE": str(data), RECORD: str(record)},
        )  # fmt: skip
        if ended.returncode != 0:
            raise NotGreenError(
                f"{room.name}: mend the tests first, they fail as the code is:\n{ended.stdout[-3000:]}"
            )
        noted = json.loads(record.read_text(encoding="utf-8"))
        return Cover(noted["seconds"], _lines(data), tuple(noted["libraries"]))


REPEATABLE = {"CI": "1", "COVERAGE_CORE": "ctrace", "PYTHONHASHSEED": "0"}
"""Hypothesis takes the same examples each time in CI; only this core of coverage knows which test runs."""


def arguments(room: Room) -> list[str]:
    """Pytest's arguments for all tests of a room."""
    ignored = [f"--ignore={file}" for file in room.left_out]
    return ["-q", "-x", "-p", "no:cacheprovider", *ignored, *room.tests]


def _lines(data: Path) -> dict[str, dict[int, frozenset[str]]]:
    measured = CoverageData(basename=str(data))
    measured.read()
    return {
        str(Path(file).relative_to(ROOT)): {
            line: frozenset(context.rpartition("|")[0] for context in contexts if context)
            for line, contexts in measured.contexts_by_lineno(file).items()
        }
        for file in measured.measured_files()
    }
