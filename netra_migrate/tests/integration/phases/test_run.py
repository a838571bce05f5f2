"""`netra migrate run` as a real process on a small tree: from red to green, and whatever keeps it from that."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from netra_migrate.tests.integration.cli.chat_tree import bytes_of, netra
from netra_migrate.tests.integration.phases.suite_tree import RECORDS, planted, started


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree before its migration."""
    return planted(tmp_path / "tree")


def ran(*arguments: str, folder: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and report of a run."""
    done = netra("run", "--json", *arguments, folder=folder)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def runs(tree: Path) -> list[str]:
    """What the suites ran on: subject, and whether the legacy module was there."""
    return (tree / "runs.log").read_text(encoding="utf-8").splitlines()


def test_a_run_goes_from_red_to_green_on_a_copy_and_says_each_outcome(tree: Path, tmp_path: Path) -> None:
    """The tree itself stays as it is; the suites run in every phase and after each file, on their subjects."""
    before = bytes_of(tree)
    code, report = ran(folder=tree)
    made = tmp_path / "tree-migrated"
    assert (code, report["root"], [phase["done"] for phase in report["phases"]]) == (0, str(made), [True] * 4)
    assert bytes_of(tree) == before
    assert not (made / "app/old.py").exists()
    matrix = {
        (each["phase"], each["test"].partition("::")[2]): (each["outcome"], each["expected"])
        for phase in report["phases"]
        for each in phase["outcomes"]
        if each["test"].startswith("suites")
    }
    assert matrix == {
        ("baseline", "test_gone"): ("failed", "failed"),
        ("baseline", "test_new"): ("passed", "passed"),
        ("adapter", "test_gone"): ("failed", "failed"),
        ("adapter", "test_new"): ("passed", "passed"),
        ("gradual", "test_gone"): ("failed", "failed"),
        ("gradual", "test_new"): ("passed", "passed"),
        ("final", "test_gone"): ("passed", "passed"),
        ("final", "test_new"): ("passed", "passed"),
    }
    # Baseline, adapter, one for each of two files, one when the module goes, and one more of the result.
    assert runs(made) == [
        "legacy old",
        "adapter old",
        "adapter old",
        "adapter old",
        "migrated new",
        "migrated new",
    ]
    page = (made / ".netra-migrate/report.html").read_text(encoding="utf-8")
    assert all(f">{name}</th>" in page for name in ("baseline", "adapter", "gradual", "final"))


def test_a_run_that_is_done_does_nothing_again(tree: Path) -> None:
    """Also from within the copy."""
    assert ran("--into", "../made", folder=tree)[0] == 0
    made = tree.parent / "made"
    before = bytes_of(made)
    assert (ran("--into", "../made", folder=tree)[0], ran(folder=made)[0]) == (0, 0)
    assert bytes_of(made) == before


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ([RECORDS[0] | {"reasons": ["another defect"]}, *RECORDS[1:]], "it was to name 'another defect'"),
        (
            [RECORDS[0] | {"outcome": "passed", "reasons": []}, *RECORDS[1:]],
            "was to be passed, and is failed",
        ),
        ([*RECORDS, {"test": "suites.checks::test_lost", "phase": "legacy"}], "it did not run"),
    ],
    ids=["reason", "outcome", "missing"],
)
def test_another_outcome_or_another_reason_ends_the_run_before_a_file_is_touched(
    tmp_path: Path, records: list[dict[str, object]], sentence: str
) -> None:
    """Exit code 1, and each is listed."""
    tree = planted(tmp_path / "tree", records=records)
    code, report = ran(folder=tree)
    assert (code, len(report["phases"])) == (1, 1)
    assert sentence in " ".join(report["phases"][0]["complaints"])
    assert bytes_of(tmp_path / "tree-migrated").items() >= bytes_of(tree).items()


def test_a_suite_in_which_nothing_fails_before_is_an_error(tree: Path) -> None:
    """It would pass whatever the migration does."""
    script = tree / "suites/run.py"
    script.write_text(
        script.read_text().replace('if old else ""', 'if False else ""').replace("bool(red)", "0")
    )
    (tree / "suites/records.json").write_text(
        json.dumps([{"test": "suites.checks::test_new", "phase": "legacy"}])
    )
    code, report = ran(folder=tree)
    assert code == 1
    assert report["phases"][0]["complaints"] == [
        "suites/checks.py: nothing fails in it before the migration, so that it proves nothing after it."
    ]


def test_a_suite_that_fails_after_the_removal_brings_the_module_back(tree: Path) -> None:
    """Exit code 3; the other files stay migrated, and the next run tries again."""
    script = tree / "suites/run.py"
    right = script.read_text()
    script.write_text(
        right.replace("red =", "new = not old\nred =").replace(' if old else ""', ' if old or new else ""')
    )
    code, report = ran("--into", "../made", folder=tree)
    made = tree.parent / "made"
    assert (code, [phase["done"] for phase in report["phases"]]) == (3, [True, True, False])
    assert (made / "app/old.py").read_bytes() == (tree / "app/old.py").read_bytes()
    assert "app.old" not in (made / "app/limits.py").read_text()
    (made / "suites/run.py").write_text(right)
    script.write_text(right)
    code, report = ran("--into", "../made", folder=tree)
    assert (code, (made / "app/old.py").exists()) == (0, False)


def is_alive(process: int) -> bool:
    """Whether a process runs; a dead one that nobody waits for counts as dead."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("at", "begun"),
    [
        ("legacy 1", []),
        ("adapter 2", ["baseline"]),
        ("adapter 4", ["baseline", "adapter"]),
        ("migrated 5", ["baseline", "adapter"]),
    ],
    ids=["baseline", "adapter", "second-file", "removal"],
)
def test_a_killed_run_goes_on_where_it_stood(tree: Path, at: str, begun: list[str]) -> None:
    """Killed in the middle of the suites: phases that are done stay done, and nothing of it is left at work."""
    (tree / "pause").write_text(at)
    made, waiting = tree.parent / "made", tree.parent / "waiting"
    os.mkfifo(waiting)
    process = started("run", "--into", "../made", folder=tree)
    suites = int(waiting.read_text())
    process.send_signal(signal.SIGKILL)
    process.wait()
    (made / "pause").unlink()
    before = len(runs(made))
    done = netra("run", "--into", "../made", folder=tree)
    assert (done.returncode, (made / "app/old.py").exists()) == (0, False), done.stderr
    assert [line for line in done.stderr.splitlines() if "done before" in line] == [
        f"Phase {number} of 4, {name}: done before" for number, name in enumerate(begun, 1)
    ]
    assert not is_alive(suites)
    subjects = [line.split()[0] for line in runs(made)[before:]]
    assert ("legacy" in subjects, subjects[-2:]) == (not begun, ["migrated", "migrated"])


def test_in_place_the_tree_itself_is_migrated_on_a_branch(tree: Path) -> None:
    """And `--again` puts it back, byte by byte, before it begins anew."""
    git = ("git", "-c", "user.name=T", "-c", "user.email=t@example.com")
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-qm", "First")):
        subprocess.run([*git, *arguments], cwd=tree, check=True)  # noqa: S603
    code, _ = ran("--in-place", folder=tree)
    branch = subprocess.run(  # noqa: S603
        [*git, "branch", "--show-current"], cwd=tree, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert (code, branch, (tree / "app/old.py").exists()) == (0, "netra-migration", False)
    code, report = ran("--in-place", "--again", folder=tree)
    assert (code, report["phases"][0]["outcomes"][0]["phase"]) == (0, "baseline")
    assert runs(tree).count("legacy old") == 2
