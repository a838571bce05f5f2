import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from netra_migrate.apply import Options, apply, history, rollback
from netra_migrate.apply.files import staging_place
from netra_migrate.domain.outcomes import TreeError
from netra_migrate.tests.integration.apply import faults
from netra_migrate.tests.integration.apply.trees import (
    STEPS,
    TOOLS,
    Snapshot,
    after,
    git,
    make_repository,
    make_tree,
    removal,
    snapshot,
    tree_at,
)

POINTS = 400
"""More than any run here has effects; the loop ends at the first that is not reached."""
WRITE = Options(write=True)


def all_steps(root: Path, options: Options = WRITE) -> Callable[[], object]:
    """The whole migration, removal included."""
    return lambda: apply(STEPS, tree=tree_at(root), tools=TOOLS, options=options, removal=removal(root))


def whole_steps(before: Snapshot) -> list[Snapshot]:
    """Every state of the tree that is not half of something."""
    return [after(before, STEPS[:count]) for count in range(4)] + [after(before, STEPS, removed=True)]


def test_killed_at_any_effect_a_run_resumes(tmp_path: Path) -> None:
    """After the next start nothing is half done, and going on ends as if nothing had happened."""
    points = 0
    for at in range(1, POINTS):
        root = make_tree(tmp_path / str(at))
        before = snapshot(root)
        ended = faults.in_a_fork(all_steps(root), at=at, fault=faults.kill, names=faults.EFFECTS, lasts=False)
        if ended == faults.FINISHED:
            break
        points += 1
        assert ended == -signal.SIGKILL
        apply((), tree=tree_at(root), tools=TOOLS, options=WRITE)
        assert snapshot(root) in whole_steps(before), at
        all_steps(root)()
        assert snapshot(root) == after(before, STEPS, removed=True), at
        rollback(tree_at(root))
        assert snapshot(root) == before, at
    assert 60 < points < POINTS - 1


def test_killed_at_any_effect_a_rollback_is_whole_or_has_not_happened(tmp_path: Path) -> None:
    """And doing it again ends it."""
    points = 0
    for at in range(1, POINTS):
        root = make_tree(tmp_path / str(at))
        before = snapshot(root)
        all_steps(root)()
        migrated = snapshot(root)
        work = lambda root=root: rollback(tree_at(root))  # noqa: E731 - the root of this round
        ended = faults.in_a_fork(work, at=at, fault=faults.kill, names=faults.EFFECTS, lasts=False)
        if ended == faults.FINISHED:
            break
        points += 1
        apply((), tree=tree_at(root), tools=TOOLS, options=WRITE)
        assert snapshot(root) in (migrated, before), at
        rollback(tree_at(root))
        assert snapshot(root) == before, at
    assert 20 < points < POINTS - 1


def test_killed_around_its_commits_a_run_in_git_resumes(tmp_path: Path) -> None:
    """Every step is one commit in the end, whether git had come to it or not."""
    points = 0
    for at in range(1, POINTS, 3):
        root = make_repository(tmp_path / str(at))
        before = snapshot(root)
        work = all_steps(root, Options(write=True, branch="netra-migrate/x"))
        ended = faults.in_a_fork(work, at=at, fault=faults.kill, names=("fsync",), lasts=False)
        if ended == faults.FINISHED:
            break
        points += 1
        work()
        assert snapshot(root) == after(before, STEPS, removed=True), at
        assert len(git(root, "log", "--format=%h", "main..netra-migrate/x").split()) == 4, at
        assert git(root, "status", "--porcelain") == "", at
    assert 10 < points < POINTS // 3


@pytest.mark.parametrize("lasts", [False, True])
def test_on_a_full_disk_the_tree_is_at_a_whole_step(tmp_path: Path, lasts: bool) -> None:
    """At once where files had been changed, without waiting for the next start; then the run goes on."""
    points = 0
    for at in range(1, POINTS):
        root = make_tree(tmp_path / str(at))
        before = snapshot(root)
        names = ("write", "fsync") if lasts else faults.SPACE
        ended = faults.in_a_fork(all_steps(root), at=at, fault=faults.full_disk, names=names, lasts=lasts)
        points += 1
        if ended == faults.FINISHED and snapshot(root) == after(before, STEPS, removed=True):
            # A link that could not be made is no loss: only past the last effect nothing is left to fail.
            if not _reaches(tmp_path / f"{at}-again", at, names):
                break
            continue
        assert ended == faults.RAISED
        assert snapshot(root) in whole_steps(before), at
        all_steps(root)()
        assert snapshot(root) == after(before, STEPS, removed=True), at
    assert 30 < points < POINTS - 1


def _reaches(root: Path, at: int, names: tuple[str, ...]) -> bool:
    work = all_steps(make_tree(root))
    return faults.in_a_fork(work, at=at, fault=faults.kill, names=names, lasts=False) == -signal.SIGKILL


_LIMITED = """
import resource, sys
from pathlib import Path
from netra_migrate.apply import Options, apply
from netra_migrate.domain.outcomes import TreeError
from netra_migrate.tests.integration.apply.trees import STEPS, TOOLS, tree_at
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    apply(STEPS, tree=tree_at(Path(sys.argv[1])), tools=TOOLS, options=Options(write=True))
except TreeError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [10, 30, 200, 500, 1000, 1500])
def test_where_the_system_refuses_to_write_the_sentence_says_so(tmp_path: Path, limit: int) -> None:
    """A real limit of the system on file sizes, in a real process."""
    root = make_tree(tmp_path)
    before = snapshot(root)

    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _LIMITED, str(root), str(limit)], capture_output=True, text=True, check=True
    )

    assert "File too large" in done.stdout
    assert snapshot(root) in whole_steps(before)


_VALIDATING = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from netra_migrate.apply import Options, Tools, apply
from netra_migrate.tests.integration.apply.trees import STEPS, rewrite, tree_at
from netra_migrate.validation import Baseline, Checker, Command, Recorded, Result
root = Path(sys.argv[1])
arguments = (sys.executable, "-c", "import time; time.sleep(600)")
command = Command(arguments=arguments, folder=root)
recorded = Recorded(tests=(), arguments=arguments, result=Result(tests={}))
checker = Checker(commands=(command,), baseline=Baseline(recorded=(recorded,)))
def tell(noted):
    print(type(noted.record).__name__, getattr(noted.record, "group", ""), flush=True)
import msgspec
tree = msgspec.structs.replace(tree_at(root), listen=tell)
apply(STEPS, tree=tree, tools=Tools(rewrite=rewrite, check=checker.check), options=Options(write=True))
"""


def test_killed_while_it_validates_the_next_run_ends_the_validation_too(tmp_path: Path) -> None:
    """An orphan would go on reading a tree that changes under it."""
    root = make_tree(tmp_path)
    before = snapshot(root)
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", _VALIDATING, str(root)], stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        group = next(int(line.split()[1]) for line in run.stdout if line.startswith("Checking"))
        with pytest.raises(TreeError, match=rf"^Another run \(process {run.pid}\) is working on this tree"):
            rollback(tree_at(root))
        run.kill()
    os.killpg(group, 0)
    watch = os.pidfd_open(group)

    apply((), tree=tree_at(root), tools=TOOLS, options=WRITE)

    try:
        assert _ended(watch)
        assert snapshot(root) == before
        assert [(each.state.value, each.reason) for each in history(tree_at(root))] == [
            ("pending", "interrupted")
        ]
    finally:
        os.close(watch)


def _ended(watch: int) -> bool:
    return bool(select.select([watch], [], [], 10)[0])


def test_an_edit_after_a_kill_is_not_overwritten_unless_forced(tmp_path: Path) -> None:
    """Whoever edits between the kill and the next start is asked first."""
    for at in range(1, POINTS):
        root = make_tree(tmp_path / str(at))
        work = all_steps(root)
        faults.in_a_fork(work, at=at, fault=faults.kill, names=("replace",), lasts=False)
        if staging_place(root / "app/a.py").exists():
            break
    (root / "app/a.py").write_bytes(b"edited\n")

    with pytest.raises(TreeError, match=r"^app/a\.py: was edited since an unfinished step"):
        all_steps(root)()
    assert (root / "app/a.py").read_bytes() == b"edited\n"

    apply((), tree=tree_at(root), tools=TOOLS, options=Options(write=True, force=True))
    assert (root / "app/a.py").read_bytes().startswith(b"from app.legacy import Old")


def test_two_runs_with_different_state_folders_exclude_each_other(tmp_path: Path) -> None:
    """The tree itself is locked, not only the folder."""
    root = make_tree(tmp_path / "tree")
    inner: list[str] = []

    def second(noted: object) -> None:
        with pytest.raises(TreeError) as caught:
            rollback(tree_at(root, tmp_path / "other"))
        inner.append(str(caught.value))

    tree = msgspec.structs.replace(tree_at(root, tmp_path / "state"), listen=second)
    apply((), tree=tree, tools=TOOLS, options=WRITE)

    sentence = "Another run (another process) is working on this tree: wait for its end, or end it."
    assert inner == [sentence] * 2
