"""One file of the tree at a time: found safely, read with its mode, replaced or removed as a whole.

Nothing outside the root is touched, and no link is followed out of it or overwritten. New bytes wait under
a name that follows from the file's, unlike those of `sources.files.write`: after a kill, the next run must
find what was left.
"""

import os
import stat
from pathlib import Path, PurePosixPath

import msgspec

from netra_migrate.domain.outcomes import TreeError
from netra_migrate.sources.files import digest
from netra_migrate.validation.results import printable

_STAGED = ".netra-migrate-"
_OWNER_WRITES = stat.S_IWUSR


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it stands: its bytes and permission bits."""

    content: bytes
    mode: int


def shown(path: str) -> str:
    """A path of the target as it may be printed: no control characters, no line ends."""
    return printable(path).replace("\n", "\\n").replace("\t", "\\t")


def located(root: Path, path: str) -> Path:
    """The place of `path` below `root`, with every folder on the way resolved.

    Raises:
        TreeError: the path leads out of the root, is a link, or cannot be written down.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise TreeError(f"{shown(path)}: leads out of the project: name files below its root, without `..`.")
    if not _encodable(path):
        raise TreeError(f"{shown(path)}: the name is not UTF-8: rename the file or exclude it.")
    base = root.resolve()
    place = base.joinpath(*parts)
    folder = place.parent.resolve()
    if not folder.is_relative_to(base):
        raise TreeError(f"{shown(path)}: a link leads out of the project: exclude it in migration.toml.")
    place = folder / place.name
    if place.is_symlink():
        raise TreeError(f"{shown(path)}: is a symbolic link: name the file it points to instead.")
    return place


def _encodable(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def read(place: Path) -> Held | None:
    """A file's bytes and mode; None where there is no file.

    Raises:
        TreeError: something else than a file stands there.
    """
    try:
        status = place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):
        raise TreeError(f"{shown(place.name)}: is not a file: exclude it in migration.toml.")
    return Held(content=place.read_bytes(), mode=stat.S_IMODE(status.st_mode))


def writable(held: Held) -> bool:
    """Whether the owner meant the file to be written; a replaced file would not be asked by the system."""
    return bool(held.mode & _OWNER_WRITES)


def staging_place(place: Path) -> Path:
    """Where the new bytes of a file wait: beside it, under a name that a later run finds again."""
    return place.with_name(_STAGED + digest(place.name.encode())[:16])


def stage(place: Path, held: Held) -> None:
    """Write new bytes beside a file, durable, with the mode and owner that it is to have."""
    place.parent.mkdir(parents=True, exist_ok=True)
    waiting = staging_place(place)
    drop(waiting)
    descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        write_all(descriptor, held.content)
        _own_like(descriptor, place)
        os.fchmod(descriptor, held.mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _own_like(descriptor: int, place: Path) -> None:
    """Keep the owner of the file that is replaced, where the system lets us; root must not take it."""
    try:
        before = place.lstat()
    except FileNotFoundError:
        return
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        try:
            os.fchown(descriptor, before.st_uid, before.st_gid)
        except PermissionError:
            return


def write_all(descriptor: int, content: bytes) -> None:
    """Write every byte, or raise."""
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def settle(place: Path) -> None:
    """Put staged bytes in a file's place, at once for every reader."""
    os.replace(staging_place(place), place)


def drop(place: Path) -> None:
    """Remove a file that may be there."""
    try:
        os.unlink(place)
    except FileNotFoundError:
        return


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
