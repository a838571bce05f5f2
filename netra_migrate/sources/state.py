"""The kit's own folder in the tree: where it is, and that nobody else reads it or takes it for a part of the tree."""

from pathlib import Path
from typing import Final

from netra_migrate.domain.outcomes import TreeError

RESULTS: Final = "results"
"""Folder of the last result of each command, in the state folder."""

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
