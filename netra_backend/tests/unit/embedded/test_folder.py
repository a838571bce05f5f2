import os
import stat
from pathlib import Path

import pytest

from netra_backend.embedded import EmbeddedError
from netra_backend.embedded.folder import Running, ServerFolder


@pytest.fixture
def folder(tmp_path: Path) -> ServerFolder:
    """An opened data folder."""
    made = ServerFolder(tmp_path / "data", "postgres")
    made.open()
    return made


def test_passwords_are_made_once(folder: ServerFolder) -> None:
    """The second call reads what the first wrote; no two are alike."""
    made = folder.passwords(["one", "two"])
    assert folder.passwords(["one", "two"]) == made
    assert len({*made.values()}) == 2


def test_private_files_are_0600_whatever_the_umask(folder: ServerFolder) -> None:
    """A lax umask opens nothing, a strict one closes nothing."""
    for umask in (0o000, 0o777):
        before = os.umask(umask)
        try:
            folder.write(folder.path / "file", "text", owner=None)
        finally:
            os.umask(before)
        assert stat.S_IMODE((folder.path / "file").stat().st_mode) == 0o600


def test_writing_does_not_follow_a_planted_link(folder: ServerFolder, tmp_path: Path) -> None:
    """A link in place of the file, or of the file being written, is replaced; its target is not."""
    target = tmp_path / "target"
    target.write_text("untouched")
    (folder.path / "file").symlink_to(target)
    (folder.path / "file.new").symlink_to(target)
    folder.write(folder.path / "file", "text", owner=None)
    assert target.read_text() == "untouched"
    assert (folder.path / "file").read_text() == "text"
    assert not (folder.path / "file").is_symlink()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"one": "x"}'])
def test_damaged_passwords_are_named(folder: ServerFolder, damage: str) -> None:
    """New ones would lock the owner out, so a person has to decide."""
    (folder.path / "passwords.json").write_text(damage)
    with pytest.raises(EmbeddedError, match=r"passwords\.json is damaged: restore it"):
        folder.passwords(["one", "two"])


@pytest.mark.parametrize("damage", ["", "x", "-1", "0", "65536"])
def test_a_damaged_port_is_no_port(folder: ServerFolder, damage: str) -> None:
    """A new one is chosen then."""
    (folder.path / "port").write_text(damage)
    assert folder.remembered_port() is None


def test_announcing_and_withdrawing(folder: ServerFolder) -> None:
    """Others read exactly what the owner announced, and nothing afterwards or from half a file."""
    folder.announce(Running(1, 2))
    assert folder.running() == Running(1, 2)
    (folder.path / "running.json").write_text('{"pid": 1')
    assert folder.running() is None
    folder.withdraw()
    assert folder.running() is None


def test_one_owner_at_a_time(folder: ServerFolder) -> None:
    """The lock is the kernel's: held within one process too, free as soon as it is closed."""
    lock = folder.try_lock()
    assert lock is not None
    assert folder.try_lock() is None
    os.close(lock)
    again = folder.try_lock()
    assert again is not None
    os.close(again)


def test_one_kind_in_a_folder(folder: ServerFolder) -> None:
    """The other server does not move into a folder that is in use."""
    lock = folder.try_lock()
    assert lock is not None
    os.close(lock)
    folder.open()
    with pytest.raises(EmbeddedError, match="holds files that Netra did not make for this server"):
        ServerFolder(folder.path, "valkey").open()


def test_an_unusable_folder_is_named(tmp_path: Path) -> None:
    """A file in place of a folder is an error for people."""
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match=r"file/data cannot be used \(.*\): name another data folder"):
        ServerFolder(tmp_path / "file" / "data", "postgres").open()


def test_an_overlong_log_is_set_aside(folder: ServerFolder) -> None:
    """The log of a server that is started often does not fill the disk."""
    with folder.log.open("wb") as log:
        log.truncate(5 * 1024 * 1024)
    os.close(folder.open_log())
    assert folder.log.stat().st_size == 0
    assert folder.log.with_suffix(".log.old").stat().st_size == 5 * 1024 * 1024
