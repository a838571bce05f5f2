"""Reading and writing single files of the tree. Never leaves the root, never leaves half a file."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from netra_migrate.domain.outcomes import TreeError


def inside(root: Path, path: str) -> Path:
    """The place of `path` below the root, with no link on the way out of it.

    Raises:
        TreeError: it would be outside.
    """
    real = Path(os.path.realpath(root))
    place = real / path
    if not Path(os.path.realpath(place)).is_relative_to(real):
        raise TreeError(f"{path!r} leads out of {str(root)!r}; move it into the tree or exclude it.")
    return place


def read(root: Path, path: str) -> bytes:
    """The bytes of a file of the tree."""
    return inside(root, path).read_bytes()


def digest(content: bytes) -> str:
    """What identifies a content: 32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def write(place: Path, content: bytes) -> None:
    """Replaces a file in one step, so that a reader or a power cut sees the old or the new bytes.

    Mode and, where the system lets us, owner stay as they are.
    """
    descriptor, temporary = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name[:100]}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            _like(place, file.fileno())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, place)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(place.parent)


def _like(place: Path, descriptor: int) -> None:
    try:
        old = place.stat()
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        os.fchmod(descriptor, 0o666 & ~umask)
        return
    if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(PermissionError):  # only root may give files away
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, old.st_mode & 0o7777)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
