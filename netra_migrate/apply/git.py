"""What the kit does with git: one commit an action on a branch of its own. Never another branch, never a push.

Hooks, signing and editors are off for it: its commits must neither run the target's code nor ask anybody.
"""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from netra_migrate.apply.files import shown
from netra_migrate.domain.outcomes import TreeError

_SAFE = (
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.fsmonitor=false",
    "-c", "commit.gpgSign=false",
    "-c", "core.editor=true",
    "-c", "core.quotePath=false",
    "-c", "gc.auto=0",
)  # fmt: skip
_NAME, _MAIL = "Netra migration", "netra-migrate@localhost"
_AT_ONCE = 500
"""Paths in one command line, well below any system's limit."""
_ELSEWHERE = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS",
)  # fmt: skip
"""Variables that a git hook around the kit leaves, and that name another repository or other files."""
_PATIENCE_S = 5.0
"""How long git's own lock may be held by a commit that outlived a killed run."""
_PAUSE_S = 0.05
_UNFINISHED = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "BISECT_LOG")


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """A git working tree that holds the root. `prefix`: the root within it, empty or with a `/` at its end."""

    root: Path
    prefix: str

    def uncommitted(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Those of `paths` that differ from the last commit, are staged, or are not followed."""
        found: list[str] = []
        for start in range(0, len(paths), _AT_ONCE):
            arguments = (
                "status",
                "--porcelain=v1",
                "-z",
                "--no-renames",
                "--untracked-files=all",
                "--ignored",
            )
            listing = _git(self.root, *arguments, "--", *paths[start : start + _AT_ONCE])
            names = (line[3:] for line in listing.split("\0") if line)
            found += [name.removeprefix(self.prefix) for name in names]
        wanted = set(paths)
        return tuple(sorted(name for name in found if name in wanted))

    def branch(self) -> str | None:
        """The branch that is checked out; None where there is none."""
        return _git(self.root, "symbolic-ref", "--quiet", "--short", "HEAD", may_fail=True).strip() or None

    def go_to(self, branch: str) -> None:
        """Be on `branch`: stay, or begin it here.

        Raises:
            TreeError: it is there and not checked out, its name is wrong, or something is unfinished.
        """
        if self.branch() == branch:
            return
        if not _git(self.root, "rev-parse", "--verify", "--quiet", "HEAD", may_fail=True):
            raise TreeError("git has no commit here: make a first one, or apply without a branch.")
        folder = Path(_git(self.root, "rev-parse", "--absolute-git-dir").strip())
        if any((folder / name).exists() for name in _UNFINISHED):
            raise TreeError("git is in the middle of a merge, rebase or bisect: finish it first.")
        reference = f"refs/heads/{branch}"
        if _git(self.root, "rev-parse", "--verify", "--quiet", reference, may_fail=True):
            raise TreeError(f"The branch {shown(branch)} exists: switch to it, or give another name.")
        _git(self.root, "check-ref-format", "--branch", branch)
        _git(self.root, "switch", "--quiet", "--create", branch)

    def commit(self, paths: Sequence[str], message: str, *, revived: Sequence[str] = ()) -> str:
        """Commit those of `paths` that git follows, and nothing else, whatever is staged beside them.

        Args:
            paths: that were changed.
            message: of the commit.
            revived: those of them that are back after a deletion; followed again if they ever were.

        Returns:
            The commit; of files that are in the last commit already, that one; empty if git follows none.
        """
        followed = [
            name
            for start in range(0, len(paths), _AT_ONCE)
            for name in self._followed(paths[start : start + _AT_ONCE])
        ]
        for path in revived:
            if path not in followed and _git(self.root, "log", "-1", "--format=%h", "HEAD", "--", path):
                _git(self.root, "add", "--force", "--", path)
                followed.append(path)
        if not followed:
            return ""
        if _git(self.root, "diff", "--no-ext-diff", "--name-only", "-z", "HEAD", "--", *followed):
            own = ("commit", "--quiet", "--no-verify", "--cleanup=verbatim", f"--message={message}", "--only")
            _git(self.root, *self._author(), *own, "--", *followed)
        return _git(self.root, "rev-parse", "HEAD").strip()

    def _followed(self, paths: Sequence[str]) -> list[str]:
        """In the last commit, also when deleted since."""
        listing = _git(self.root, "ls-tree", "-z", "--name-only", "HEAD", "--", *paths)
        return [name for name in listing.split("\0") if name]

    def _author(self) -> tuple[str, ...]:
        if _git(self.root, "-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT", may_fail=True):
            return ()
        return ("-c", f"user.name={_NAME}", "-c", f"user.email={_MAIL}")


def repository(root: Path) -> Repository | None:
    """The repository around `root`; None without one, or without git."""
    try:
        prefix = _git(root, "rev-parse", "--show-prefix")
    except (FileNotFoundError, TreeError):
        return None
    return Repository(root=root, prefix=prefix.rstrip("\n"))


def _git(root: Path, *arguments: str, may_fail: bool = False) -> str:
    until = time.monotonic() + _PATIENCE_S
    while True:
        done = _once(root, arguments)
        if done.returncode == 0:
            return os.fsdecode(done.stdout)
        if may_fail:
            return ""
        if b"index.lock" not in done.stderr or time.monotonic() > until:
            what = shown(os.fsdecode(done.stderr).strip().partition("\n")[0])
            raise TreeError(f"git failed ({what}): mend it, then start again.")
        time.sleep(_PAUSE_S)


def _once(root: Path, arguments: Sequence[str]) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(  # noqa: S603 - a fixed program; paths come after `--` and are taken literally
        ["git", "--literal-pathspecs", "--no-optional-locks", *_SAFE, *arguments],  # noqa: S607 - as on PATH
        cwd=root,
        env={
            **{name: value for name, value in os.environ.items() if name not in _ELSEWHERE},
            "LC_ALL": "C.UTF-8",
            "GIT_TERMINAL_PROMPT": "0",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
