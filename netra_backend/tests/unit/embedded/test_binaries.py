import os
from pathlib import Path

import pytest

from netra_backend.embedded import EmbeddedError, binaries


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A small package that every local user can read, as far as it alone decides."""
    made = tmp_path / "package"
    (made / "bin").mkdir(parents=True)
    (made / "bin" / "server").write_text("server")
    (made / "helper.py").write_text("not copied")
    return made


def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that copies go to."""
    made = tmp_path / "place"
    made.mkdir()
    # What lies above a test's folder is pytest's; whether it can be walked is tested with real servers.
    monkeypatch.setattr(binaries, "_usable", Path.is_dir)
    monkeypatch.setattr(binaries, "PLACES", (tmp_path / "missing", made))
    return made


@pytest.mark.parametrize(
    ("path", "mode"), [("bin/server", 0o700), ("bin", 0o754), ("bin", 0o711), (".", 0o700), ("..", 0o700)]
)
def test_whatever_others_cannot_read_is_noticed(package: Path, path: str, mode: int) -> None:
    """One closed file or folder, inside or above, is enough."""
    (package / path).chmod(mode)
    assert not binaries.readable_by_all(package)


def test_the_root_folder_is_readable_by_all() -> None:
    """The check can also say yes."""
    assert binaries.readable_by_all(Path("/bin/sh").resolve().parent / "no such folder")


def test_a_copy_is_made_once(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second start uses the first one's copy, which holds the server and no Python."""
    copies = place(tmp_path, monkeypatch)
    first = binaries.shared_copy([package])
    assert binaries.shared_copy([package]) == first
    assert list(copies.iterdir()) == [first]
    assert sorted(path.name for path in first.rglob("*")) == ["bin", "package", "server"]


def test_another_version_gets_another_copy(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgraded wheel never runs from the old copy."""
    place(tmp_path, monkeypatch)
    first = binaries.shared_copy([package])
    (package / "bin" / "server").write_text("newer server")
    second = binaries.shared_copy([package])
    assert second != first
    assert (second / "package" / "bin" / "server").read_text() == "newer server"


@pytest.mark.parametrize("plant", ["writable", "link", "incomplete"])
def test_a_planted_copy_is_never_used(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: str
) -> None:
    """In a folder for everybody somebody else may have been first."""
    place(tmp_path, monkeypatch)
    copy = binaries.shared_copy([package])
    if plant == "writable":
        copy.chmod(0o777)
    elif plant == "link":
        copy.rename(tmp_path / "elsewhere")
        copy.symlink_to(tmp_path / "elsewhere")
    else:
        (copy / "package" / "bin" / "server").unlink()
    with pytest.raises(EmbeddedError, match="install Netra outside of root's home folder"):
        binaries.shared_copy([package])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_somebody_elses_copy_is_never_used(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy must be root's own."""
    place(tmp_path, monkeypatch)
    os.chown(binaries.shared_copy([package]), 65_534, 65_534)
    with pytest.raises(EmbeddedError, match="install Netra outside of root's home folder"):
        binaries.shared_copy([package])
