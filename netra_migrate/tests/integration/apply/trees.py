"""A small tree to migrate, a rewriter that swaps one module name, and what a tree looks like as a value."""

import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from netra_migrate.apply import Removal, Tools, Tree
from netra_migrate.domain.plan import Step
from netra_migrate.domain.rewriting import Change, Refusal, Refused, Rewritten

LEGACY = "app/legacy.py"
FILES = {
    LEGACY: b"class Old:\n    pass\n",
    "app/__init__.py": b"",
    "app/canonical.py": b"class Old:\n    pass\n",
    "app/a.py": b"from app.legacy import Old  # kept: \xc3\xa4\n",
    "app/b.py": b"from app.legacy import Old\r\n\r\nx = 1",
    "app/c.py": b"import app.legacy\nimport app.d\n",
    "app/d.py": b"import app.legacy\n",
    "notes.txt": b"app.legacy\n",
}
STEPS = (
    Step(number=1, paths=("app/a.py",), references=1),
    Step(number=2, paths=("app/b.py",), references=1),
    Step(number=3, paths=("app/c.py", "app/d.py"), references=2),
)
Snapshot = dict[str, tuple[bytes, int]]


def make_tree(root: Path) -> Path:
    """The tree above; `b.py` is executable, so that modes can be lost."""
    for path, content in FILES.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o640)
    (root / "app/b.py").chmod(0o750)
    return root


def clock() -> datetime:
    """A moment that does not pass."""
    return datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def tree_at(root: Path, state: Path | None = None) -> Tree:
    """The tree with its usual state folder, or `state`."""
    return Tree(root=root, now=clock, state=state)


def rewrite(content: bytes, path: str) -> Rewritten | Refused:
    """Swaps the module; refuses what says `getattr`."""
    if b"getattr" in content:
        return Refused(refusals=(Refusal(path=path, line=1, reason="is dynamic: write it out"),))
    new = content.replace(b"app.legacy", b"app.canonical")
    change = Change(line=1, kind="import", before="app.legacy", after="app.canonical")
    return Rewritten(content=new, changes=(change,) if new != content else ())


TOOLS = Tools(rewrite=rewrite)


def removal(root: Path) -> Removal:
    """Deletes the legacy module once no Python file names it."""

    def references() -> Sequence[str]:
        return [f"{place.name}:1" for place in root.glob("app/*.py") if b"app.legacy" in place.read_bytes()]

    return Removal(paths=(LEGACY,), references=references)


def snapshot(root: Path) -> Snapshot:
    """Every file of the tree with its mode, but for git's and the kit's own."""
    found: Snapshot = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in (".git", ".netra-migrate")]
        for name in names:
            place = Path(folder) / name
            relative = place.relative_to(root).as_posix()
            found[relative] = (place.read_bytes(), place.stat().st_mode & 0o7777)
    return found


def after(before: Snapshot, steps: Sequence[Step], *, removed: bool = False) -> Snapshot:
    """`before` with the steps applied and, if so, the legacy module removed."""
    now = dict(before)
    for step in steps:
        for path in step.paths:
            content, mode = now[path]
            now[path] = (content.replace(b"app.legacy", b"app.canonical"), mode)
    if removed:
        del now[LEGACY]
    return now


def git(root: Path, *arguments: str) -> str:
    """Run git as a person would."""
    identity = ("-c", "user.name=A Person", "-c", "user.email=person@example.org")
    command = ["git", *identity, *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)  # noqa: S603 - fixed
    return done.stdout


def make_repository(root: Path) -> Path:
    """The tree, committed."""
    make_tree(root)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "first")
    return root
