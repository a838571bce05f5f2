"""Lays the code of a commit, of a folder or of the working tree into a folder of its own.

Reads the repository and writes nothing into it: no worktree is left behind when the gate is killed.
"""

import shutil
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Final
from zipfile import ZipFile

from benchmarks.processes import ROOT, BenchmarkError

PARTS: Final = ("netra_backend", "netra_migrate", "benchmarks")
"""What a server under test is made of: the program imports the kit's commands, the stub agent is a benchmark's."""
MAIN: Final = ("main", "origin/main")
UNWANTED: Final = shutil.ignore_patterns("__pycache__", ".netra")


def usual_base(root: Path = ROOT) -> str:
    """The commit that a candidate is held against when none is named.

    Where this branch left main; on main itself the last commit, or if nothing is changed the one before it.

    Raises:
        BenchmarkError: there is no repository, or no earlier commit in it.
    """
    head = _git(root, "rev-parse", "HEAD").strip()
    for name in MAIN:
        try:
            left = _git(root, "merge-base", name, "HEAD").strip()
        except BenchmarkError:  # no branch of that name here
            continue
        if left != head:
            return left
    changed = _git(root, "status", "--porcelain", "--", *PARTS).strip()
    return head if changed else _git(root, "rev-parse", "HEAD~1").strip()


def lay_out(what: str | None, into: Path, *, root: Path = ROOT) -> str:
    """Put a tree into the new folder `into`; what it is, in words.

    Args:
        what: a folder or anything that Git takes for a commit; None is the working tree with all its changes.
        into: where to; its parent exists.
        root: of the repository.

    Raises:
        BenchmarkError: there is no such commit, or its tree holds no server.
    """
    if what is None or Path(what).is_dir():
        source = root if what is None else Path(what)
        for part in PARTS:
            _copy(source / part, into / part)
        return "the working tree" if what is None else source.name
    commit = _git(root, "rev-parse", "--verify", "--end-of-options", f"{what}^{{commit}}").strip()
    with ZipFile(BytesIO(_archive(root, commit))) as archive:
        archive.extractall(into)
    if not (into / PARTS[0]).is_dir():
        raise BenchmarkError(f"Commit {commit[:10]} has no {PARTS[0]}: name a later one.")
    return _git(root, "log", "-1", "--format=%h %s", commit).strip()


def _copy(source: Path, into: Path) -> None:
    if not source.is_dir():
        raise BenchmarkError(f"There is no {source.name} in {source.parent}: name the root of a checkout.")
    shutil.copytree(source, into, ignore=UNWANTED)


def _archive(root: Path, commit: str) -> bytes:
    return _run(root, "archive", "--format=zip", commit)


def _git(root: Path, *arguments: str) -> str:
    return _run(root, *arguments).decode(errors="replace")


def _run(root: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)  # noqa: S603, S607 - the git of whoever runs this
    except OSError as error:
        raise BenchmarkError(f"git cannot be run ({error.strerror}): install it.") from error
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise BenchmarkError(f"git {arguments[0]}: {why or 'it failed'}; name another commit.")
    return done.stdout
