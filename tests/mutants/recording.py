"""Pytest's plugins: one notes how long each test takes, the other runs the chosen tests, the fastest first."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

RECORD: Final = "NETRA_MUTANTS_RECORD"
"""The environment variable that names the file of the record."""
OURS: Final = ("netra_", "tests", "conftest")

_durations: dict[str, float] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up setup, call and teardown, in seconds."""
    _durations[report.nodeid] = _durations.get(report.nodeid, 0.0) + report.duration


def pytest_sessionfinish() -> None:
    """Write the times, and which libraries a process needs that runs these tests."""
    libraries = [name for name in sys.modules if not name.startswith((*OURS, "__"))]
    Path(os.environ[RECORD]).write_text(
        json.dumps({"seconds": _durations, "libraries": libraries}), encoding="utf-8"
    )


class Chosen:
    """Runs only these tests; `seconds` says how long each takes."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self._seconds = seconds

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the chosen, the fastest first."""
        kept = [item for item in items if item.nodeid in self._seconds]
        items[:] = sorted(kept, key=lambda item: self._seconds[item.nodeid])
