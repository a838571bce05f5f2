"""The gate with real processes; what they report is counted work, not time, so that it is certain."""

import json
import sys
from pathlib import Path

import msgspec
import pytest

from netra_migrate.configuration import Performance
from netra_migrate.domain.outcomes import MigrationError
from netra_migrate.domain.performance import Judgement
from netra_migrate.gate.measuring import gate, gate_recorded, record

BENCH = """
import json, app
steps = app.work(1000)
print("warming up")
print(json.dumps({"steps": steps}))
"""
APP = """
def work(size):
    steps = 0
    for _ in range(%s):
        steps += 1
    return steps
"""


def _tree(folder: Path, loop: str) -> Path:
    folder.mkdir()
    (folder / "bench.py").write_text(BENCH)
    (folder / "app.py").write_text(APP % loop)
    return folder


def _performance(*code: str, pairs: int = 7, timeout_s: float = 60) -> Performance:
    return Performance(command=(sys.executable, "-B", *code), pairs=pairs, timeout_s=timeout_s)


def _quiet(_done: int, _total: int) -> None:
    pass


def test_planted_work_is_found_and_unchanged_code_passes(tmp_path: Path) -> None:
    """A loop that runs half as long again is a regression of 50 %, and the same tree is none."""
    baseline = _tree(tmp_path / "before", "size")
    slower = _tree(tmp_path / "slower", "size + size // 2")
    seen: list[tuple[int, int]] = []
    report = gate(
        _performance("bench.py"),
        baseline=baseline,
        candidate=slower,
        progress=lambda done, total: seen.append((done, total)),
    )
    (each,) = report.comparisons
    assert (each.figure, each.judgement, each.pairs) == ("steps", Judgement.REGRESSION, 7)
    assert each.ratio == pytest.approx(1.5)
    assert seen == [(run, 16) for run in range(1, 17)]
    assert gate(_performance("bench.py"), baseline=baseline, candidate=baseline, progress=_quiet).passed


def test_turns_alternate_and_the_first_pair_does_not_count(tmp_path: Path) -> None:
    """A B, B A, A B: what a run prints shows its turn; the warm-up pair is 1 and 2."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    code = (
        "import json,pathlib;log=pathlib.Path('../log');"
        "text=(log.read_text() if log.exists() else '')+pathlib.Path().resolve().name;"
        "log.write_text(text);print(json.dumps({'turn':len(text)}))"
    )
    report = gate(
        _performance("-c", code, pairs=3),
        baseline=tmp_path / "a",
        candidate=tmp_path / "b",
        progress=_quiet,
    )
    assert (tmp_path / "log").read_text() == "abbaabba"
    (each,) = report.comparisons
    assert (each.baseline, each.candidate) == (5.0, 6.0)  # of turns 4, 5, 8 and of 3, 6, 7


def test_a_recording_of_this_machine_can_be_compared_and_one_of_another_cannot(tmp_path: Path) -> None:
    """Recordings compare like pairs, within one class of machine."""
    before = record(_performance("bench.py"), tree=_tree(tmp_path / "before", "size"), progress=_quiet)
    now = record(_performance("bench.py"), tree=_tree(tmp_path / "now", "2 * size"), progress=_quiet)
    assert before.series == {"steps": (1000.0,) * 7}
    report = gate_recorded(_performance("bench.py"), baseline=before, candidate=now)
    assert [each.judgement for each in report.comparisons] == [Judgement.REGRESSION]
    other = type(before)(
        machine=type(before.machine)(cpu="other", cores=64, python="3.11"), series=before.series
    )
    with pytest.raises(MigrationError, match="recorded on other with 64 cores"):
        gate_recorded(_performance("bench.py"), baseline=other, candidate=now)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print('garbage')", "one JSON object of finite numbers, not 'garbage'"),
        ("print('{\"a\": true}')", "one JSON object of finite numbers"),
        ("print('{\"a\": NaN}')", "one JSON object of finite numbers"),
        ("import sys; sys.exit('no database')", "ended with 1 in tree: 'no database'"),
        ("import os; os.abort()", "ended with -6"),
    ],
)
def test_a_command_that_does_not_measure_is_a_plain_sentence(tmp_path: Path, code: str, words: str) -> None:
    """Whatever it prints or however it dies."""
    tree = tmp_path / "tree"
    tree.mkdir()
    with pytest.raises(MigrationError, match=words):
        gate(_performance("-c", code), baseline=tree, candidate=tree, progress=_quiet)


def test_a_command_that_is_not_there_is_a_plain_sentence(tmp_path: Path) -> None:
    """Instead of a traceback."""
    performance = Performance(command=("no-such-command-here",))
    with pytest.raises(MigrationError, match="cannot be started: No such file"):
        gate(performance, baseline=tmp_path, candidate=tmp_path, progress=_quiet)


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    """Also a child that holds the pipe open: otherwise this test would not return."""
    code = "import subprocess,sys; subprocess.run([sys.executable, '-c', 'import threading; threading.Event().wait()'])"
    with pytest.raises(MigrationError, match=r"more than 0\.3 s"):
        gate(_performance("-c", code, timeout_s=0.3), baseline=tmp_path, candidate=tmp_path, progress=_quiet)


def test_a_figure_that_is_missing_once_is_named(tmp_path: Path) -> None:
    """A command has to print the same figures in every run."""
    code = (
        "import json,pathlib;log=pathlib.Path('log');n=len(log.read_text()) if log.exists() else 0;"
        "log.write_text('x'*(n+1));print(json.dumps({'a':1} if n==5 else {'a':1,'b':2}))"
    )
    with pytest.raises(MigrationError, match="printed no 'b'"):
        gate(_performance("-c", code), baseline=tmp_path, candidate=tmp_path, progress=_quiet)


def test_report_is_json(tmp_path: Path) -> None:
    """Domain structs encode as they are."""
    tree = _tree(tmp_path / "tree", "size")
    report = gate(_performance("bench.py"), baseline=tree, candidate=tree, progress=_quiet)
    assert json.loads(msgspec.json.encode(report))["comparisons"][0]["judgement"] == "same"
