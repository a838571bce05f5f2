"""Fails when too little is covered: `python -m tests.coverage_gate .coverage.json`.

Lines of the handler modules, branches of everything that decides without doing I/O.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Rule:
    """At least `least` percent of `kind` in the files below `folder`.

    `kind` is "lines", or "branches" for lines and branches together.
    """

    folder: str
    kind: str
    least: float


@dataclass(frozen=True, slots=True)
class Figure:
    """What a rule found. `missing`: places that nothing ran, as `file:line` or `file:from->to`."""

    rule: Rule
    covered: int
    total: int
    missing: tuple[str, ...]

    @property
    def percent(self) -> float:
        """Of nothing, nothing is covered: a folder that is not measured must not pass."""
        return 100 * self.covered / self.total if self.total else 0.0

    @property
    def good(self) -> bool:
        """Whether the rule holds."""
        return self.percent >= self.rule.least

    def __str__(self) -> str:
        part = f"{self.rule.folder} {self.rule.kind}"
        return f"{part}: {self.percent:.2f} % ({self.covered} of {self.total}), wanted {self.rule.least:g} %"


RULES = (
    Rule("netra_backend/websocket_core/", "lines", 95),
    Rule("netra_backend/protocol/", "branches", 100),
    Rule("netra_backend/domain/", "branches", 100),
)

SHOWN = 20
"""Places named in one line; more would hide the next line."""


def measure(report: Mapping[str, Any], rule: Rule) -> Figure:
    """Apply a rule to a report of coverage.py."""
    covered = total = 0
    missing: list[str] = []
    for name, file in sorted(report["files"].items()):
        path = name.replace("\\", "/")
        if not path.startswith(rule.folder):
            continue
        summary = file["summary"]
        if rule.kind == "lines":
            covered, total = covered + summary["covered_lines"], total + summary["num_statements"]
            missing += [f"{path}:{line}" for line in file["missing_lines"]]
        else:
            covered += summary["covered_lines"] + summary["covered_branches"]
            total += summary["num_statements"] + summary["num_branches"]
            missing += [f"{path}:{line}" for line in file["missing_lines"]]
            missing += [f"{path}:{start}->{end}" for start, end in file["missing_branches"]]
    return Figure(rule, covered, total, tuple(missing))


def main(arguments: list[str]) -> int:
    """Print the figures; the exit code."""
    try:
        report = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        figures = [measure(report, rule) for rule in RULES]
    except (IndexError, OSError, ValueError, KeyError, TypeError):
        print("netra: name the report of `coverage json` made with branch coverage.", file=sys.stderr)  # noqa: T201 - for the person at the terminal
        return 2
    for figure in figures:
        print(figure)  # noqa: T201 - the figures
    for figure in figures:
        if not figure.good:
            places = ", ".join(figure.missing[:SHOWN]) or "nothing there was measured"
            print(f"Too little: {figure.rule.folder} {figure.rule.kind}: {places}", file=sys.stderr)  # noqa: T201 - the misses
    return 0 if all(figure.good for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
