"""What a report says: zeros are zeros, a broken promise is named, a missed target is not a broken promise."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from netra_backend.chaos.measure import Recovery
from netra_backend.chaos.report import Recoveries, Report, Target, Times, show
from netra_backend.chaos.verdict import Verdict, Violation

LOST = Violation("I1", "lost", "acme/ada", "7-1 was accepted and is not in history")


def report(**changes: Any) -> Report:
    """The report of a campaign in which nothing went wrong."""
    fields: dict[str, Any] = {
        "again": "netra chaos --seed 7",
        "seed": 7,
        "seconds": 60.0,
        "took_s": 71.04,
        "verdict": Verdict(sent=2000, accepted=2000),
        "stored": 2000,
        "completed": 1900,
        "stopped": 100,
        "failed": 0,
        "worker_kill": Recoveries.of([Recovery(15.0, True), Recovery(16.0, True), Recovery(40.0, False)]),
        "gateway_kill": Recoveries.of([Recovery(0.5, True)]),
        "acceptance": Times.of([0.01]),
        "run": Times.of([]),
        "memory_growth_percent": {"gateway-1": 1.0},
        "targets": [Target("clients are back within 2 s", 2.0, 0.5)],
        "broken": [],
        "faults": [],
    }
    return Report(**fields | changes)


def shown(result: Report) -> str:
    """As people read it."""
    console = Console(file=io.StringIO(), width=120)
    show(result, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_all_held() -> None:
    """One sentence, zeros, and the command to see it again."""
    text = shown(report())
    assert "All promises held: 2000 messages accepted, each stored once and in order." in text
    assert "The same faults again: netra chaos --seed 7" in text
    assert report().ok


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"verdict": Verdict(sent=2000, accepted=2000, violations=[LOST])}, "I1 1 times"),
        ({"verdict": Verdict(sent=2000, accepted=2000, unfinished=1)}, "1 runs without an end"),
        ({"failed": 3}, "0.15 % failed, 0.1 % may"),
        ({"broken": ["worker-1 ended by itself with exit code 1"]}, "worker-1 ended by itself"),
    ],
)
def test_a_broken_promise_is_named(changes: dict[str, Any], why: str) -> None:
    """Whatever it is, the last sentence says which."""
    result = report(**changes)
    assert not result.ok
    assert result.as_json()["ok"] is False
    assert result.sentence().startswith("A promise was broken: ")
    assert why in result.sentence()
    for violation in result.verdict.violations:
        assert violation.evidence in shown(result)


def test_two_in_two_thousand_may_fail() -> None:
    """0.1 % is allowed, and shown."""
    assert report(failed=2).ok
    assert "2 (0.10 %)" in shown(report(failed=2))


def test_a_missed_target_breaks_no_promise() -> None:
    """A slow machine loses nothing; the sentence says what was slow."""
    late = report(targets=[Target("clients are back within 2 s", 2.0, 2.5)])
    assert late.ok
    assert late.sentence().endswith(" Missed: clients are back within 2 s.")
    assert late.as_json()["targets"] == [
        {"name": "clients are back within 2 s", "limit": 2.0, "value": 2.5, "met": False}
    ]


def test_json_has_every_figure() -> None:
    """One object with what the text says, and it can be written."""
    found = json.loads(json.dumps(report().as_json()))
    assert {name: found[name] for name in ("accepted", "lost", "duplicated", "out_of_order")} == {
        "accepted": 2000,
        "lost": 0,
        "duplicated": 0,
        "out_of_order": 0,
    }
    worker = found["recovery_s"]["worker_kill"]
    assert worker["alone"] == {"count": 2, "p50": 15.0, "p99": 16.0, "max": 16.0}
    assert worker["all"] == {"count": 3, "p50": 16.0, "p99": 40.0, "max": 40.0}
    assert found["run_s"] == {"count": 0, "p50": None, "p99": None, "max": None}
