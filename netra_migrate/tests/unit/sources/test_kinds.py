import pytest

from netra_migrate.sources.kinds import Kind, Reason, kind, unwanted


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b.py", None),
        ("a/b.py.bak", Reason.BACKUP),
        ("a/b.py.orig", Reason.BACKUP),
        ("a/b.py~", Reason.BACKUP),
        ("a/b_backup.py", Reason.BACKUP),
        ("a/b.py.20240101", Reason.BACKUP),
        ("a/b.py.backup_20240101_1200", Reason.BACKUP),
        ("backups/b.py", Reason.BACKUP),
        ("a/app_backup/b.py", Reason.BACKUP),
        ("a/backup/b.py", None),
        ("a/backup_service.py", None),
        ("a/vendor/b.py", None),
        ("vendor/b.py", Reason.VENDORED),
        ("web/node_modules/b.json", Reason.VENDORED),
        (".venv/lib/b.py", Reason.VENDORED),
    ],
)
def test_copies_and_strangers_are_left_out(path: str, expected: Reason | None) -> None:
    """By their names, and not what only sounds like it."""
    assert unwanted(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.py", Kind.PYTHON),
        ("a.pyi", Kind.PYTHON),
        ("a.ipynb", Kind.NOTEBOOK),
        ("Dockerfile.dev", Kind.DATA),
        ("bin/run", Kind.DATA),
        (".env.local", Kind.DATA),
        ("a.png", None),
    ],
)
def test_a_name_tells_how_to_read(path: str, expected: Kind | None) -> None:
    """Pictures are not read at all."""
    assert kind(path) == expected
