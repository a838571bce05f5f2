"""One run at a time on one tree: locks that the system gives back when the process ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netra_migrate.domain.outcomes import TreeError

_IGNORE = "*\n"


def state_folder(root: Path, state: Path | None = None) -> Path:
    """Where journal and kept contents stand: `state`, or `.netra-migrate` below the root."""
    return state if state is not None else root.resolve() / ".netra-migrate"


def prepared(state: Path) -> Path:
    """Make the state folder: for its owner only, since it holds source, and ignored by git.

    Raises:
        TreeError: a link stands in its place.
    """
    if state.is_symlink():
        raise TreeError(f"{state.name}: is a symbolic link: remove it or name another state folder.")
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    state.chmod(0o700)
    ignore = state / ".gitignore"
    if not ignore.exists() or ignore.read_text() != _IGNORE:
        ignore.write_text(_IGNORE)
    return state


@contextmanager
def locked(root: Path, state: Path) -> Iterator[None]:
    """Hold the tree for this process. The root is locked too: two runs may name different state folders.

    Raises:
        TreeError: another run holds it; the sentence names its process.
    """
    note = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    tree = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for descriptor in (note, tree):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TreeError(_sentence(note)) from None
        os.ftruncate(note, 0)
        os.pwrite(note, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(tree)
        os.close(note)


def _sentence(note: int) -> str:
    number = os.pread(note, 20, 0).decode("ascii", "replace").strip()
    who = f"process {number}" if number.isdigit() else "another process"
    return f"Another run ({who}) is working on this tree: wait for its end, or end it."
