"""The folder of reports: what stands in it, what changed, and what cannot be read."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from netra_backend.observability.report_files import (
    MAX_NAMED,
    Figure,
    Migration,
    Performance,
    Results,
    Step,
    UnreadableReportError,
    read_json,
    read_lines,
    read_xml,
)
from netra_backend.observability.reports import MAX_BYTES, Reports
from netra_migrate.apply.journal import Journal
from netra_migrate.apply.records import (
    Began,
    Cause,
    Closed,
    Declined,
    Done,
    Entry,
    Kind,
    Opened,
    Undo,
    Undone,
)
from netra_migrate.domain.performance import Comparison, GateReport, Judgement, MachineClass

SUITE = """
import pytest

def test_good(): pass

def test_bad(): assert 1 == 2, "canary-4714"

@pytest.mark.skip
def test_skipped(): pass

@pytest.fixture
def broken():
    yield
    raise RuntimeError

def test_torn(broken): pass
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A folder with a suite of four tests, of which one passes."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "test_it.py").write_text(SUITE)
    return folder


def ran(folder: Path, *arguments: str) -> None:
    """Run the suite as anybody would."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, str(folder)]
    subprocess.run(command, check=False, capture_output=True, cwd=folder)  # noqa: S603 - our own arguments


def test_a_report_log_and_junit_xml_say_the_same(suite: Path, tmp_path: Path) -> None:
    """Of a real run: one passed, one skipped, two failed of which one in its tear-down; nothing printed is kept."""
    reports = tmp_path / "reports"
    plugin = ("-p", "netra_backend.testing.report_log", "--results", str(reports / "live.jsonl"))
    ran(suite, *plugin, f"--junitxml={reports / 'junit.xml'}")
    found, unread = Reports(reports).read()
    assert unread == []
    results = {each.name: each.report for each in found}
    for name, prefix in (("live.jsonl", "test_it.py::"), ("junit.xml", "test_it::")):
        result = results[name]
        assert isinstance(result, Results)
        assert (result.passed, result.failed, result.skipped, result.finished) == (1, 2, 1, True)
        assert sorted(result.failures) == [f"{prefix}test_bad", f"{prefix}test_torn"]
    assert b"canary-4714" not in (reports / "live.jsonl").read_bytes()


def log(*lines: object) -> bytes:
    """A report log."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def line(test: str, outcome: str = "passed", when: str = "call") -> dict[str, object]:
    """One line of it."""
    return {"$report_type": "TestReport", "nodeid": test, "when": when, "outcome": outcome, "duration": 0.5}


def test_results_are_counted_as_they_arrive() -> None:
    """Half a line at the end is not there yet; the last test is named; no end has come."""
    arrived = log({"$report_type": "SessionStart"}, line("a"), line("b", "failed"))
    result = read_lines(arrived + b'{"$report_type": "TestRep')
    assert result == Results(passed=1, failed=1, seconds=1.0, failures=["b"], last="b")
    ended = read_lines(arrived + log({"$report_type": "SessionFinish", "exitstatus": 1}))
    assert isinstance(ended, Results)
    assert ended.finished


def test_names_are_bounded() -> None:
    """However many tests fail, and however long their names are."""
    result = read_lines(log(*(line(f"{n}" * 1000, "failed") for n in range(200))))
    assert isinstance(result, Results)
    assert (result.failed, len(result.failures), max(map(len, result.failures))) == (200, MAX_NAMED, 300)


def test_the_gates_own_report_is_read() -> None:
    """As the gate writes it."""
    comparison = Comparison(
        figure="accept_ms", pairs=12, baseline=2.0, candidate=2.5, ratio=1.25, low=1.2, high=1.3, p=0.001,
        corrected=0.002, effect=1.0, judgement=Judgement.REGRESSION, sentence="Slower.",
    )  # fmt: skip
    machine = MachineClass(cpu="x", cores=2, python="3.11")
    report = GateReport(machine=machine, level=0.01, worse_by=0.05, comparisons=(comparison,))
    assert read_json(msgspec.json.encode(report)) == Performance(
        [Figure("accept_ms", 2.0, 2.5, 1.25, 1.2, 1.3, "regression")]
    )


def test_the_kits_own_journal_is_retold(tmp_path: Path) -> None:
    """Every state that a step can be in, from records that the kit wrote."""
    journal = Journal(tmp_path, now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    journal.append(Opened(steps=tuple((f"{name}.py",) for name in "abcdef")))

    def begin(action: int, number: int, kind: Kind = Kind.STEP, undoes: tuple[Undo, ...] = ()) -> None:
        entry = Entry(path=f"{'_abcdef'[number]}.py")
        journal.append(Began(action=action, kind=kind, number=number, entries=(entry,), undoes=undoes))

    for action in (1, 2, 3, 4):
        begin(action, action)
    journal.append(Done(action=1))
    journal.append(Done(action=2))
    journal.append(Undone(action=3, cause=Cause.FAILED, reason="canary"))
    begin(5, 0, Kind.ROLLBACK, (Undo(action=2, path="b.py"),))
    journal.append(Done(action=5))
    journal.append(Declined(number=5, paths=("e.py",)))
    begin(6, 0, Kind.REMOVAL)
    journal.append(Done(action=6))
    journal.append(Closed())
    journal.close()
    (found,), unread = Reports(tmp_path).read()
    assert unread == []
    assert isinstance(found.report, Migration)
    assert [(step.number, step.state) for step in found.report.steps] == [
        (1, "done"), (2, "rolled back"), (3, "failed"), (4, "working"), (5, "refused"), (6, "waiting"), (0, "done"),
    ]  # fmt: skip
    assert found.report.steps[0] == Step(number=1, paths=["a.py"], state="done")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.json", b"{", "It is not JSON, or only a part: write it again."),
        ("a.jsonl", b"{\n{}\n", "A line of it is not JSON: remove it."),
        ("a.xml", b"<testsuite>", "It is not XML, or only a part: write it again."),
        (
            "a.xml",
            b'<!DOCTYPE x [<!ENTITY a "aaaa">]><testsuite><testcase name="&a;"/></testsuite>',
            "It has a document type, which no report of tests has: remove it.",
        ),
        (
            "a.json",
            b" " * (MAX_BYTES + 1),
            f"It is larger than {MAX_BYTES} bytes: move it out of the folder.",
        ),
        (
            "a.jsonl",
            b'{"record": {"what": 1}}\n',
            "It is the journal of another version of the kit: show it by `netra migrate dashboard`.",
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_the_reason(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    """And hides none of the others."""
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.jsonl").write_bytes(log(line("a")))
    found, unread = Reports(tmp_path).read()
    assert [(each.name, each.why) for each in unread] == [(name, why)]
    assert [each.name for each in found] == ["good.jsonl"]


@pytest.mark.parametrize("name", ["plan.json", "page.xml", "log.jsonl", "notes.txt"])
def test_other_files_are_no_reports(tmp_path: Path, name: str) -> None:
    """The kit's state folder and a build's output hold more than reports."""
    (tmp_path / name).write_bytes(b"<html/>" if name.endswith("xml") else b'{"steps": []}\n')
    assert Reports(tmp_path).read() == ([], [])


def test_only_what_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look every two seconds must not cost a folder's worth of parsing; what is gone is forgotten."""
    reads: list[Path] = []
    read = Path.read_bytes

    def counted(path: Path) -> bytes:
        reads.append(path)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_bytes(log(line(name)))
    reports = Reports(tmp_path)
    reports.read()
    reports.read()
    assert len(reads) == 2
    (tmp_path / "a.jsonl").write_bytes(log(line("a"), line("c")))
    (tmp_path / "b.jsonl").unlink()
    (found,), _ = reports.read()
    assert len(reads) == 3
    assert isinstance(found.report, Results)
    assert found.report.passed == 2


def test_links_to_folders_lead_nowhere(tmp_path: Path) -> None:
    """Nor do hidden and too deep folders; a folder that is not there is an empty one."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (outside, inside / ".git", inside / "1/2/3/4", inside / "1/2/3"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "x.jsonl").write_bytes(log(line("a")))
    os.symlink(outside, inside / "link")
    assert [each.name for each in Reports(inside).read()[0]] == ["1/2/3/x.jsonl"]
    assert Reports(tmp_path / "nowhere").read() == Reports(None).read() == ([], [])


def test_something_else_than_text_is_refused() -> None:
    """Bytes of no encoding are no JSON and no XML."""
    for read in (read_json, read_lines, read_xml):
        with pytest.raises(UnreadableReportError):
            read(b"\xff\xfe\x00\n")
