import os
from pathlib import Path

import pytest

from netra_migrate.domain.outcomes import TreeError
from netra_migrate.sources.files import digest, inside, read, write


def test_a_write_keeps_the_mode_and_leaves_nothing_else(tmp_path: Path) -> None:
    """The old bytes or the new ones."""
    place = tmp_path / "a.py"
    place.write_bytes(b"old")
    place.chmod(0o751)
    write(place, b"new")
    assert (place.read_bytes(), place.stat().st_mode & 0o777) == (b"new", 0o751)
    assert os.listdir(tmp_path) == ["a.py"]


def test_a_failed_write_leaves_the_old_bytes(tmp_path: Path) -> None:
    """A folder in the way cannot be replaced; no temporary file stays."""
    place = tmp_path / "a"
    (place / "b").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write(place, b"new")
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "link/x", "a/../../x"])
def test_nothing_leads_out_of_the_root(path: str, tmp_path: Path) -> None:
    """Neither dots nor links."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(TreeError):
        inside(root, path)


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    """And its content has one digest."""
    (tmp_path / "a").write_bytes(b"x")
    assert digest(read(tmp_path, "a")) == digest(b"x") != digest(b"y")
