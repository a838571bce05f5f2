"""A plugin of pytest that writes each result as it comes, for the dashboard: `-p netra_backend.testing.report_log`.

The lines are those of pytest-reportlog, without what a test printed. Where to is said by `--results FILE.jsonl`.
"""

import json
from pathlib import Path
from typing import Any, TextIO

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option."""
    parser.addoption("--results", type=Path, metavar="FILE", help="Write each result as a line, as it comes.")


def pytest_configure(config: pytest.Config) -> None:
    """Writes nothing without the option."""
    path: Path | None = config.getoption("--results")
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        config.pluginmanager.register(_Log(path.open("w", encoding="utf-8", buffering=1)))


class _Log:
    """Each line is in the file when its test is over."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def pytest_sessionstart(self) -> None:
        self._write({"$report_type": "SessionStart"})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            seen = {name: getattr(report, name) for name in ("nodeid", "when", "outcome", "duration")}
            self._write({"$report_type": "TestReport", **seen})

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self._write({"$report_type": "SessionFinish", "exitstatus": int(exitstatus)})

    def pytest_unconfigure(self) -> None:
        self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
