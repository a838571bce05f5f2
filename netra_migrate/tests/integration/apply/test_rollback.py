from pathlib import Path

import pytest

from netra_migrate.apply import Options, Returned, apply, history, rollback, status
from netra_migrate.apply.files import located
from netra_migrate.domain.outcomes import MigrationError, TreeError
from netra_migrate.sources.files import digest
from netra_migrate.tests.integration.apply.trees import (
    LEGACY,
    STEPS,
    TOOLS,
    Snapshot,
    after,
    make_tree,
    removal,
    snapshot,
    tree_at,
)

WRITE = Options(write=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree to migrate."""
    return make_tree(tmp_path)


@pytest.fixture
def before(root: Path) -> Snapshot:
    """What the tree was; it is migrated when the test begins."""
    found = snapshot(root)
    apply(STEPS, tree=tree_at(root), tools=TOOLS, options=WRITE, removal=removal(root))
    return found


def test_all_is_put_back_byte_by_byte_and_again_is_harmless(root: Path, before: Snapshot) -> None:
    """Modes and deleted files included."""
    first = rollback(tree_at(root))
    second = rollback(tree_at(root))

    assert snapshot(root) == before
    assert first == Returned(
        paths=("app/a.py", "app/b.py", "app/c.py", "app/d.py", LEGACY), actions=(1, 2, 3, 4)
    )
    assert second == Returned()
    assert [each.state.value for each in status(tree_at(root))] == ["rolled-back"] * 4


def test_one_file_comes_back_with_the_module_that_it_needs(root: Path, before: Snapshot) -> None:
    """The others stay migrated."""
    returned = rollback(tree_at(root), paths=["app/a.py"])

    assert returned.paths == ("app/a.py", LEGACY)
    assert snapshot(root) == after(before, STEPS[1:])
    rollback(tree_at(root), paths=["app/a.py"])
    assert snapshot(root) == after(before, STEPS[1:])


def test_a_range_of_actions_comes_back(root: Path, before: Snapshot) -> None:
    """By the numbers that the history shows."""
    rollback(tree_at(root), actions=range(2, 4))

    assert snapshot(root) == after(before, STEPS[:1])


def test_what_was_rolled_back_can_be_applied_again(root: Path, before: Snapshot) -> None:
    """And back once more."""
    rollback(tree_at(root))
    apply(STEPS, tree=tree_at(root), tools=TOOLS, options=WRITE, removal=removal(root))
    assert snapshot(root) == after(before, STEPS, removed=True)

    rollback(tree_at(root))
    assert snapshot(root) == before


def test_an_edited_file_is_refused_and_nothing_touched(root: Path, before: Snapshot) -> None:
    """Forced, it comes back, and the edit is still in the state folder."""
    (root / "app/c.py").write_bytes(b"edited\n")
    edited = snapshot(root)

    with pytest.raises(TreeError, match=r"^app/c\.py: was edited since it was migrated"):
        rollback(tree_at(root))
    assert snapshot(root) == edited

    rollback(tree_at(root), force=True)
    assert snapshot(root) == before
    kept = root / ".netra-migrate/contents" / digest(b"edited\n")
    assert kept.read_bytes() == b"edited\n"


def test_a_deleted_module_that_a_person_made_anew_is_refused(root: Path, before: Snapshot) -> None:
    """It is an edit like any other."""
    (root / LEGACY).write_bytes(b"mine\n")

    with pytest.raises(TreeError, match=r"^app/legacy\.py: was edited"):
        rollback(tree_at(root), paths=["app/a.py"])


def test_what_a_later_action_changed_again_needs_that_one_too(root: Path, before: Snapshot) -> None:
    """The order of actions on one file cannot be changed afterwards."""
    (root / "app/a.py").write_bytes(b"import app.legacy\n")
    apply(STEPS[:1], tree=tree_at(root), tools=TOOLS, options=WRITE)

    with pytest.raises(TreeError, match=r"^app/a\.py: was changed again by action 5"):
        rollback(tree_at(root), actions=[1])


def test_what_never_happened_cannot_be_rolled_back(root: Path, before: Snapshot) -> None:
    """A slip of the pen is no success."""
    with pytest.raises(MigrationError, match=r"^notes\.txt: was never migrated"):
        rollback(tree_at(root), paths=["notes.txt"])
    with pytest.raises(MigrationError, match=r"^There is no action 9"):
        rollback(tree_at(root), actions=[9])


def test_a_damaged_content_is_noticed_before_anything_is_touched(root: Path, before: Snapshot) -> None:
    """Exact bytes or none."""
    migrated = snapshot(root)
    kept = root / ".netra-migrate/contents" / digest(before["app/d.py"][0])
    kept.write_bytes(b"import something.else\n")

    with pytest.raises(TreeError, match="is gone or damaged"):
        rollback(tree_at(root))
    assert snapshot(root) == migrated


def test_a_damaged_journal_is_noticed(root: Path, before: Snapshot) -> None:
    """A record that somebody changed would put back something else."""
    journal = root / ".netra-migrate/journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b"app/b.py", b"app/x.py", 1))

    with pytest.raises(TreeError, match=r"^journal\.jsonl:1: the journal is damaged"):
        history(tree_at(root))


def test_the_owner_of_a_file_is_kept(root: Path) -> None:
    """Where the system lets us; root's own run must not take a person's files."""
    place = located(root, "app/a.py")
    owner = place.stat().st_uid

    apply(STEPS, tree=tree_at(root), tools=TOOLS, options=WRITE)

    assert place.stat().st_uid == owner
