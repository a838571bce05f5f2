"""The programs that `make test` calls before and after the tests decide what passes, so they are tested."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import browser_setup, coverage_gate

BRANCHES = {"covered_branches": 4, "num_branches": 4, "covered_lines": 9, "num_statements": 9}


def report(folder: Path, **handlers: Any) -> list[str]:
    """A coverage report in which all is well, but for what is said about the handlers' file."""
    good = {"summary": BRANCHES, "missing_lines": [], "missing_branches": []}
    files = {
        "netra_backend/protocol/a.py": good,
        "netra_backend/domain/a.py": good,
        "netra_backend/websocket_core/handlers.py": {**good, **handlers},
    }
    path = folder / "coverage.json"
    path.write_text(json.dumps({"files": files}), encoding="utf-8")
    return [str(path)]


def test_gate_passes_and_prints_three_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Enough is enough."""
    assert coverage_gate.main(report(tmp_path)) == 0
    assert [line.rpartition("(")[2] for line in capsys.readouterr().out.splitlines()] == [
        "9 of 9), wanted 95 %",
        "13 of 13), wanted 100 %",
        "13 of 13), wanted 100 %",
    ]


def test_gate_fails_and_names_the_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a miss, with the places."""
    summary = {**BRANCHES, "covered_lines": 8}
    assert coverage_gate.main(report(tmp_path, summary=summary, missing_lines=[7])) == 1
    misses = capsys.readouterr().err.splitlines()
    assert misses == [
        "Too little: netra_backend/websocket_core/ lines: netra_backend/websocket_core/handlers.py:7"
    ]


def test_gate_fails_on_what_was_not_measured(tmp_path: Path) -> None:
    """A folder without figures, as after a rename, does not pass; neither does a missing report."""
    (tmp_path / "empty.json").write_text('{"files": {}}', encoding="utf-8")
    assert coverage_gate.main([str(tmp_path / "empty.json")]) == 1
    assert coverage_gate.main([str(tmp_path / "none.json")]) == 2


def test_named_browser_is_the_one(tmp_path: Path) -> None:
    """NETRA_BROWSER is taken before everything else, and never replaced by another when it is wrong."""
    program = tmp_path / "browser"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    assert browser_setup.find_browser({"NETRA_BROWSER": str(program)}) == program
    assert browser_setup.find_browser({"NETRA_BROWSER": str(tmp_path / "none")}) is None


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_no_browser_fails_only_in_ci(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, ci: str, code: int
) -> None:
    """Without a browser the build goes on with one line of advice, except with CI=true."""
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("NETRA_BROWSER", str(tmp_path / "none"))
    assert browser_setup.main() == code
    assert browser_setup.MISSING in capsys.readouterr().err.splitlines()
