"""The journal: JSON Lines, appended and made durable record by record, each with a checksum of all before.

Whoever shows progress may read the file at any time; only the holder of the lock may append.
"""

import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from netra_migrate.apply.files import sync_folder, write_all
from netra_migrate.apply.records import Noted, Record
from netra_migrate.domain.outcomes import TreeError

_NAME = "journal.jsonl"
_SUM_DIGITS = 16


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    at: str
    sum: str
    record: msgspec.Raw


class _Read(msgspec.Struct, frozen=True, kw_only=True):
    noted: tuple[Noted, ...] = ()
    length: int = 0
    sum: str = ""


def read_journal(state: Path) -> tuple[Noted, ...]:
    """All whole records so far; safe while another process appends.

    Raises:
        TreeError: a record before the last one is damaged.
    """
    return _read(state / _NAME).noted


class Journal:
    """The journal, open for appending. `noted` is what it held then."""

    def __init__(self, state: Path, *, now: Callable[[], datetime]) -> None:
        found = _read(state / _NAME)
        self.noted = found.noted
        self._now = now
        self._length, self._sum = found.length, found.sum
        self._file = os.open(state / _NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        # A record that was cut short never happened: its action was not begun, or is not ended.
        os.ftruncate(self._file, self._length)
        sync_folder(state)

    def append(self, record: Record) -> Noted:
        """Make a record durable.

        Raises:
            OSError: it could not be written; the journal is as before.
        """
        at = self._now().astimezone(UTC).isoformat(timespec="milliseconds")
        raw = msgspec.json.encode(record)
        checksum = _checksum(self._sum, at, raw)
        line = msgspec.json.encode(_Line(at=at, sum=checksum, record=msgspec.Raw(raw))) + b"\n"
        try:
            write_all(self._file, line)
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._length)
            raise
        self._length, self._sum = self._length + len(line), checksum
        return Noted(at=at, record=record)

    def close(self) -> None:
        """Close the file; nothing is pending."""
        os.close(self._file)


def _checksum(before: str, at: str, raw: bytes) -> str:
    return hashlib.sha256(before.encode() + at.encode() + raw).hexdigest()[:_SUM_DIGITS]


def _read(path: Path) -> _Read:
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return _Read()
    noted: list[Noted] = []
    length, checksum = 0, ""
    for number, line in enumerate(lines, start=1):
        entry = _decoded(line, checksum)
        if entry is None:
            if number < len(lines):
                raise TreeError(
                    f"{_NAME}:{number}: the journal is damaged here: restore the state folder from a copy, "
                    "or put the files back yourself and remove it."
                )
            break
        at, checksum, record = entry
        noted.append(Noted(at=at, record=record))
        length += len(line)
    return _Read(noted=tuple(noted), length=length, sum=checksum)


def _decoded(line: bytes, before: str) -> tuple[str, str, Record] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        entry = msgspec.json.decode(line, type=_Line)
        record = msgspec.json.decode(entry.record, type=Record)
    except msgspec.MsgspecError:
        return None
    if entry.sum != _checksum(before, entry.at, bytes(entry.record)):
        return None
    return entry.at, entry.sum, record
