import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from netra_migrate.apply import Options, apply, history, rollback
from netra_migrate.domain.outcomes import TreeError
from netra_migrate.domain.plan import Step
from netra_migrate.tests.integration.apply.trees import (
    STEPS,
    TOOLS,
    after,
    git,
    make_repository,
    removal,
    snapshot,
    tree_at,
)

BRANCH = "netra-migrate/2026-11-22"
ON_BRANCH = Options(write=True, branch=BRANCH)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree to migrate, committed."""
    return make_repository(tmp_path / "a tree")


def test_each_step_is_one_commit_on_a_branch_of_its_own(root: Path) -> None:
    """With the files' names; `main` is where it was, and git sees nothing of the state folder."""
    main = git(root, "rev-parse", "main")

    apply(STEPS, tree=tree_at(root), tools=TOOLS, options=ON_BRANCH, removal=removal(root))

    subjects = git(root, "log", "--reverse", "--format=%s", f"main..{BRANCH}").splitlines()
    assert subjects == [
        "Migrate app/a.py",
        "Migrate app/b.py",
        "Migrate app/c.py and 1 more",
        "Remove app/legacy.py",
    ]
    assert "app/c.py\napp/d.py\n" in git(root, "log", "-1", "--format=%b", "HEAD~1")
    assert (git(root, "rev-parse", "main"), git(root, "status", "--porcelain")) == (main, "")
    commits = [each.commit for each in history(tree_at(root))]
    assert commits == git(root, "log", "--reverse", "--format=%H", f"main..{BRANCH}").split()


def test_only_the_files_of_a_step_are_committed(root: Path) -> None:
    """What a person staged stays staged, what git does not follow stays so."""
    (root / "notes.txt").write_bytes(b"staged\n")
    git(root, "add", "notes.txt")
    (root / "new.txt").write_bytes(b"untracked\n")

    apply(STEPS, tree=tree_at(root), tools=TOOLS, options=ON_BRANCH)

    assert git(root, "status", "--porcelain").splitlines() == ["M  notes.txt", "?? new.txt"]
    assert git(root, "diff", "--name-only", "main", BRANCH).splitlines() == [
        f"app/{name}.py" for name in "abcd"
    ]


@pytest.mark.parametrize("how", ["edited", "staged", "untracked"])
def test_uncommitted_changes_are_refused_unless_allowed(root: Path, how: str) -> None:
    """In files of the plan; nothing is touched."""
    if how == "untracked":
        git(root, "rm", "--quiet", "--cached", "app/b.py")
        git(root, "commit", "--quiet", "-m", "second")
    else:
        (root / "app/b.py").write_bytes(b"from app.legacy import Old  # mine\n")
    if how == "staged":
        git(root, "add", "app/b.py")
    before = snapshot(root)

    with pytest.raises(TreeError, match=r"^app/b\.py: has uncommitted changes"):
        apply(STEPS, tree=tree_at(root), tools=TOOLS, options=Options(write=True))
    assert snapshot(root) == before

    apply(STEPS, tree=tree_at(root), tools=TOOLS, options=Options(write=True, allow_dirty=True))
    assert snapshot(root) == after(before, STEPS)


def test_changes_elsewhere_and_by_earlier_steps_are_no_hindrance(root: Path) -> None:
    """Without a branch the kit's own changes stay uncommitted, and the next run goes on."""
    (root / "notes.txt").write_bytes(b"mine\n")

    apply(STEPS[:1], tree=tree_at(root), tools=TOOLS, options=Options(write=True))
    apply(STEPS, tree=tree_at(root), tools=TOOLS, options=Options(write=True))

    assert git(root, "status", "--porcelain").split()[1::2] == [
        *(f"app/{name}.py" for name in "abcd"),
        "notes.txt",
    ]


def test_hooks_signing_and_filters_of_paths_do_not_run(root: Path) -> None:
    """A hook of the target may do anything, and would run for every step."""
    for name in ("pre-commit", "commit-msg", "post-commit", "post-checkout", "prepare-commit-msg"):
        hook = root / ".git/hooks" / name
        hook.write_text("#!/bin/sh\ntouch hooked\nexit 1\n")
        hook.chmod(0o755)
    git(root, "config", "commit.gpgSign", "true")
    git(root, "config", "gpg.program", "/bin/false")
    git(root, "config", "core.fsmonitor", "touch hooked")

    apply(STEPS, tree=tree_at(root), tools=TOOLS, options=ON_BRANCH)

    assert not (root / "hooked").exists()
    assert len(git(root, "-c", "core.fsmonitor=false", "rev-list", f"main..{BRANCH}").split()) == 3


@pytest.mark.parametrize(
    ("environment", "author"),
    [
        ({}, "Netra migration"),
        ({"GIT_AUTHOR_NAME": "P", "GIT_COMMITTER_NAME": "P", "EMAIL": "p@example.org"}, "P"),
    ],
)
def test_an_author_is_found(
    root: Path, monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], author: str
) -> None:
    """The person's, where one is configured, else the kit's own."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    apply(STEPS[:1], tree=tree_at(root), tools=TOOLS, options=ON_BRANCH)

    assert git(root, "log", "-1", "--format=%an").strip() == author


def test_a_branch_that_exists_or_cannot_be_is_refused(root: Path) -> None:
    """Nobody's branch is moved; the sentence says what to do."""
    git(root, "branch", BRANCH)
    for branch, sentence in [
        (BRANCH, "exists: switch to it"),
        ("a..b", "git failed"),
        ("--orphan", "git failed"),
    ]:
        with pytest.raises(TreeError, match=sentence):
            apply(STEPS, tree=tree_at(root), tools=TOOLS, options=Options(write=True, branch=branch))
    assert (git(root, "branch", "--show-current").strip(), git(root, "diff", "HEAD")) == ("main", "")


def test_in_the_middle_of_a_merge_no_branch_is_begun(root: Path) -> None:
    """The person's work comes first."""
    (root / ".git/MERGE_HEAD").write_text(git(root, "rev-parse", "HEAD"))

    with pytest.raises(TreeError, match="in the middle of a merge"):
        apply(STEPS, tree=tree_at(root), tools=TOOLS, options=ON_BRANCH)


def test_a_branch_needs_a_repository_with_a_commit(root: Path, tmp_path: Path) -> None:
    """Elsewhere the journal is all there is."""
    bare = tmp_path / "bare"
    bare.mkdir()
    with pytest.raises(TreeError, match="no git tree"):
        apply((), tree=tree_at(bare), tools=TOOLS, options=ON_BRANCH)
    git(bare, "init", "--quiet")
    with pytest.raises(TreeError, match="no commit here"):
        apply((), tree=tree_at(bare), tools=TOOLS, options=ON_BRANCH)


def test_a_root_below_the_repository_and_odd_names_are_committed(root: Path) -> None:
    """Paths are taken literally: a `*` is a name."""
    below = root / "app"
    odd = ("*.py", "ä b.py", "-x.py", ":(top)y.py")
    for name in odd:
        (below / name).write_bytes(b"import app.legacy\n")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "odd")
    steps = [Step(number=at, paths=(name,), references=1) for at, name in enumerate(odd, start=1)]

    apply(steps, tree=tree_at(below), tools=TOOLS, options=ON_BRANCH)

    changed = git(root, "diff", "--name-only", "-z", "main", BRANCH).split("\0")[:-1]
    assert sorted(changed) == sorted(f"app/{name}" for name in odd)
    assert len(git(root, "rev-list", f"main..{BRANCH}").split()) == 4
    assert git(root, "status", "--porcelain") == ""


def test_a_rollback_on_the_branch_is_a_commit_too(root: Path) -> None:
    """The branch then holds what it began with."""
    before = snapshot(root)
    apply(STEPS, tree=tree_at(root), tools=TOOLS, options=ON_BRANCH, removal=removal(root))

    rollback(tree_at(root))

    assert (snapshot(root), git(root, "diff", "main", BRANCH), git(root, "status", "--porcelain")) == (
        before,
        "",
        "",
    )
    assert git(root, "log", "-1", "--format=%s").startswith("Roll back app/a.py and 4 more")


def test_inside_a_git_hook_the_right_repository_is_used(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook's variables name another one."""
    other = make_repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))

    apply(STEPS, tree=tree_at(root), tools=TOOLS, options=ON_BRANCH)

    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert (git(other, "branch", "--list").split(), len(git(root, "rev-list", BRANCH).split())) == (
        ["*", "main"],
        4,
    )
