"""Asks git which files belong to the tree. Runs nothing that the tree's own git settings name."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # many trees are no git trees, and need not wait for its import
    import subprocess

_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")
"""A hostile `.git/config` may name programs for these; a listing must not start them."""


class Listings:
    """Two listings that run beside each other: files that count, and ignored ones."""

    def __init__(self, root: Path) -> None:
        self._wanted = _start(root, "-co")
        self._ignored = _start(root, "-oi")

    def wanted(self) -> list[str] | None:
        """Tracked and untracked files that are not ignored, or None where git cannot say."""
        return _finish(self._wanted)

    def ignored(self) -> list[str]:
        """Files that are ignored."""
        return _finish(self._ignored) or []


def _start(root: Path, which: str) -> "subprocess.Popen[bytes] | None":
    if not _may_be_git(root):
        return None
    import shutil
    import subprocess

    git = shutil.which("git")
    if git is None:
        return None
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.Popen(  # noqa: S603 -- a fixed command; the root is its working directory only
        [git, *_SAFE, "ls-files", which, "--exclude-standard", "-z"],
        cwd=root,
        env={**clean, "GIT_OPTIONAL_LOCKS": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _may_be_git(root: Path) -> bool:
    """Whether git would find anything, going up as it does: cheaper than to start it in vain."""
    real = root.resolve()
    return any(os.path.lexists(folder / ".git") for folder in (real, *real.parents))


def _finish(process: "subprocess.Popen[bytes] | None") -> list[str] | None:
    if process is None:
        return None
    output, _ = process.communicate()
    if process.returncode != 0:
        return None
    return [os.fsdecode(name) for name in output.split(b"\0") if name]
