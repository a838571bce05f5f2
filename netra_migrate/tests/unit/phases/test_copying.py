"""A copy is whole or not there."""

import os
from pathlib import Path

import pytest

from netra_migrate.domain.outcomes import TreeError
from netra_migrate.phases.copying import copy


def planted(root: Path) -> Path:
    """A tree with all kinds of entries."""
    (root / "app").mkdir(parents=True)
    (root / "app/a.py").write_bytes(b"a = 1\r\n")
    (root / "app/run.sh").write_bytes(b"#!/bin/sh\n")
    (root / "app/run.sh").chmod(0o755)
    for name in (".git", ".netra-migrate", "app/__pycache__"):
        (root / name).mkdir()
        (root / name / "x").write_text("x")
    (root / "out").symlink_to("/nowhere")
    os.mkfifo(root / "pipe")
    return root


def test_a_copy_has_bytes_modes_and_links_and_neither_history_nor_state(tmp_path: Path) -> None:
    """Pipes are left out: reading one would never end."""
    tree, made = planted(tmp_path / "tree"), tmp_path / "deep/made"
    copy(tree, made, finish=lambda partial: (partial / "mark").mkdir())
    found = sorted(path.relative_to(made).as_posix() for path in made.rglob("*"))
    assert found == ["app", "app/a.py", "app/run.sh", "mark", "out"]
    assert (made / "app/a.py").read_bytes() == b"a = 1\r\n"
    assert (made / "app/run.sh").stat().st_mode & 0o777 == 0o755
    assert (made / "out").readlink() == Path("/nowhere")


@pytest.mark.parametrize("name", ["tree/inner", "tree", "."])
def test_a_copy_lies_neither_within_nor_around_its_tree(tmp_path: Path, name: str) -> None:
    """Else it would copy itself, or be a part of what is migrated."""
    tree = planted(tmp_path / "tree")
    with pytest.raises(TreeError, match="name another folder"):
        copy(tree, tmp_path / name, finish=lambda _: None)


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    """It may be somebody's work."""
    (tmp_path / "made").mkdir()
    with pytest.raises(TreeError, match="is there already"):
        copy(planted(tmp_path / "tree"), tmp_path / "made", finish=lambda _: None)


def test_a_copy_that_is_not_finished_has_no_name(tmp_path: Path) -> None:
    """Nothing is left of it, and the next one succeeds."""

    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    tree, made = planted(tmp_path / "tree"), tmp_path / "made"
    with pytest.raises(TreeError, match="No space left on device"):
        copy(tree, made, finish=full)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tree"]
    (tmp_path / "made.partial").mkdir()
    copy(tree, made, finish=lambda _: None)
    assert (made / "app/a.py").exists()
