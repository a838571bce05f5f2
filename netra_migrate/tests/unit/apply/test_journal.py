from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from netra_migrate.apply.journal import Journal, read_journal
from netra_migrate.apply.records import Closed, Declined, Noted, Opened
from netra_migrate.domain.outcomes import TreeError

AT = "2026-11-22T12:00:00.000+00:00"
RECORDS = (
    Opened(steps=(("a.py", "b.py"),), branch="x"),
    Declined(number=1, paths=("ä\n.py",)),
    Closed(),
)
NOTED = tuple(Noted(at=AT, record=record) for record in RECORDS)


def clock() -> datetime:
    """Noon in UTC, told in another zone."""
    return datetime(2026, 11, 22, 14, 0, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with a journal of three records."""
    journal = Journal(tmp_path, now=clock)
    for record in RECORDS:
        journal.append(record)
    journal.close()
    return tmp_path


def test_what_was_noted_is_read(state: Path) -> None:
    """Times are in UTC."""
    assert clock().astimezone(UTC).hour == 12
    assert read_journal(state) == NOTED


def test_a_record_cut_short_at_any_byte_never_happened(state: Path) -> None:
    """And the next one takes its place."""
    file = state / "journal.jsonl"
    whole = file.read_bytes()
    start = len(b"".join(whole.splitlines(keepends=True)[:2]))
    for length in range(start, len(whole)):
        file.write_bytes(whole[:length])
        assert read_journal(state) == NOTED[:2]
        journal = Journal(state, now=clock)
        journal.append(Closed())
        journal.close()
        assert file.read_bytes() == whole


@pytest.mark.parametrize("change", [(b'"x"', b'"y"'), (b'"sum":"', b'"sum":"0'), (AT.encode(), b"never")])
def test_a_changed_record_is_noticed(state: Path, change: tuple[bytes, bytes]) -> None:
    """The sentence names the line."""
    file = state / "journal.jsonl"
    file.write_bytes(file.read_bytes().replace(*change, 1))

    with pytest.raises(TreeError, match=r"^journal\.jsonl:1: the journal is damaged here"):
        read_journal(state)


def test_a_record_taken_out_is_noticed(state: Path) -> None:
    """Each checksum is over all before."""
    file = state / "journal.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + lines[2] + lines[2])

    with pytest.raises(TreeError, match=r"^journal\.jsonl:2"):
        read_journal(state)


def test_without_a_journal_nothing_happened(tmp_path: Path) -> None:
    """No state folder is made for the question."""
    assert read_journal(tmp_path / "none") == ()
