"""What a repeated scan may trust: every change that a user can make to a tree shows in the next result."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from netra_migrate.domain.survey import Survey
from netra_migrate.scan import keys, scanning
from netra_migrate.scan.tasks import Task
from netra_migrate.tests.unit.scan.trees import SIDES, look, plant

USE = "from app.old.talk import Start\n"
OTHER = "from app.new.chat import Start\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """One file that uses the legacy module, one that uses nothing."""
    return plant(tmp_path / "root", {**SIDES, "app/use.py": USE, "app/none.py": "x = 1\n"})


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every file had been left alone for long: what was written a moment ago is trusted as well."""
    monkeypatch.setattr("netra_migrate.sources.cache._RACY_NS", -(10**18))


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths that scans had to read, in order."""
    read: list[str] = []
    real = scanning._Run._take_all

    def noting(self: scanning._Run, tasks: list[Task], *, jobs: int, done: Callable[[int], None]) -> None:
        read.extend(each.path for each in tasks)
        real(self, tasks, jobs=jobs, done=done)

    monkeypatch.setattr(scanning._Run, "_take_all", noting)
    return read


def places(survey: Survey) -> list[str]:
    """Files with references."""
    return [each.path for each in survey.references]


@pytest.mark.usefixtures("quiet")
def test_an_unchanged_tree_is_neither_read_nor_written_again(
    tree: Path, tmp_path: Path, examined: list[str]
) -> None:
    """The second scan opens no file of the tree and leaves the cache's file alone."""
    first = look(tree, cache=tmp_path / "cache")
    kept = (tmp_path / "cache/scan.msgpack").stat()
    examined.clear()
    again = look(tree, cache=tmp_path / "cache")
    assert (examined, again.references, again.excluded) == ([], first.references, first.excluded)
    assert (tmp_path / "cache/scan.msgpack").stat() == kept


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("change", "expected", "read"),
    [
        (lambda root: plant(root, {"app/none.py": USE}), ["app/none.py", "app/use.py"], ["app/none.py"]),
        (lambda root: os.utime(root / "app/use.py"), ["app/use.py"], ["app/use.py"]),
        (lambda root: plant(root, {"app/use.py": "x" * len(USE)}), [], ["app/use.py"]),
        (lambda root: (root / "app/use.py").unlink(), [], []),
        (lambda root: plant(root, {".gitignore": "use.py\n"}), [], []),
        (
            lambda root: (root / "app/use.py").rename(root / "app/moved.py"),
            ["app/moved.py"],
            ["app/moved.py"],
        ),
        (
            lambda root: os.replace(plant(root, {"n": OTHER}) / "n", root / "app/use.py"),
            ["app/use.py"],
            ["app/use.py"],
        ),
    ],
    ids=["changed", "touched", "same size", "removed", "ignored", "renamed", "replaced"],
)
def test_a_change_is_seen_and_nothing_else_is_read(
    change: Callable[[Path], object],
    expected: list[str],
    read: list[str],
    tree: Path,
    tmp_path: Path,
    examined: list[str],
) -> None:
    """The result is that of a fresh scan, also twice."""
    look(tree, cache=tmp_path / "cache")
    examined.clear()
    change(tree)
    cached = look(tree, cache=tmp_path / "cache")
    assert sorted(examined) == [each for each in read if each.endswith(".py")]
    fresh = look(tree)
    assert (places(cached), cached.references, cached.excluded) == (
        expected,
        fresh.references,
        fresh.excluded,
    )
    assert look(tree, cache=tmp_path / "cache").references == fresh.references


def test_a_file_that_changed_just_before_the_walk_is_read_again(
    tree: Path, tmp_path: Path, examined: list[str]
) -> None:
    """Its next change may leave the same stamp, if the file system's clock has not ticked in between."""
    look(tree, cache=tmp_path / "cache")
    examined.clear()
    look(tree, cache=tmp_path / "cache")
    assert sorted(examined) == sorted([*SIDES, "app/none.py", "app/use.py"])


@pytest.mark.usefixtures("quiet")
def test_another_version_of_the_kit_remembers_nothing(
    tree: Path, tmp_path: Path, examined: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What other code read from a file is not taken for what this code would."""
    look(tree, cache=tmp_path / "cache")
    examined.clear()
    monkeypatch.setattr(keys, "_code", lambda: b"another")
    look(tree, cache=tmp_path / "cache")
    assert sorted(examined) == sorted([*SIDES, "app/none.py", "app/use.py"])


@pytest.mark.usefixtures("quiet")
def test_scans_at_once_do_not_spoil_each_other(tree: Path, tmp_path: Path) -> None:
    """Each finds everything, and what they leave is whole."""
    plant(tree, {f"app/use_{number}.py": USE for number in range(100)})
    found: list[Survey] = []
    threads = [
        threading.Thread(target=lambda: found.append(look(tree, cache=tmp_path / "cache"))) for _ in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=60)
    assert [len(each.references) for each in found] == [101] * 4
    assert look(tree, cache=tmp_path / "cache").references == found[0].references
    assert [each.name for each in (tmp_path / "cache").iterdir() if each.suffix == ".tmp"] == []
