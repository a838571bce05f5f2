"""One run at a time on one tree: locks that the system gives back when the process ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netra_migrate.domain.outcomes import TreeError


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
