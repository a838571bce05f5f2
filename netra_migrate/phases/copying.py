"""A fresh copy of a tree, whole or not there at all. Links stay links; nothing outside the tree is read."""

import os
import shutil
import stat
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from netra_migrate.apply.files import shown
from netra_migrate.domain.outcomes import TreeError

LEFT_OUT: Final = frozenset({
    ".git", ".hg", ".svn", ".jj",  # a copy is a tree of its own, without branches to commit to
    ".netra-migrate", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox",
})  # fmt: skip
"""What no copy needs: history, our own state, and what tools write again."""


def copy(tree: Path, folder: Path, *, finish: Callable[[Path], None]) -> None:
    """Copy `tree` to `folder`, which must not be there yet. `finish` completes the copy before it has its name.

    Raises:
        TreeError: one lies in the other, `folder` is there, or the system would not.
    """
    tree, folder = tree.resolve(), folder.resolve()
    if folder.is_relative_to(tree) or tree.is_relative_to(folder):
        raise TreeError(f"{shown(str(folder))}: lies within the tree, or around it: name another folder.")
    if folder.exists():
        raise TreeError(f"{shown(str(folder))}: is there already: name a new folder, or delete this one.")
    duplicate(tree, folder, finish=finish)


def duplicate(tree: Path, folder: Path, *, finish: Callable[[Path], None] = lambda _: None) -> None:
    """Copy `tree` to a new `folder`, by way of another one, so that a killed copy is not taken for one.

    Raises:
        TreeError: the system would not.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(tree, partial, symlinks=True, ignore=_unwanted)
        finish(partial)
        partial.rename(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        reason = error.strerror or _first(error)
        raise TreeError(
            f"{shown(str(folder))}: cannot be copied to ({reason}): mend that, or name another."
        ) from error


def _first(error: OSError) -> str:
    """Of the many errors that a copy collects."""
    found = error.args[0] if error.args else error
    return shown(str(found[0][-1] if isinstance(found, list) and found else found))


def _unwanted(folder: str, names: list[str]) -> Collection[str]:
    return {name for name in names if name in LEFT_OUT or not _copies(os.path.join(folder, name))}


def _copies(path: str) -> bool:
    """Whether it is a file, a folder or a link: a pipe would be waited for, a socket cannot be copied."""
    mode = os.lstat(path).st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
