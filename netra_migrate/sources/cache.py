"""Remembers between scans what files said. Losing it costs time only: anything wrong with it is as if absent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from netra_migrate.sources import files

_RACY_NS = 2_000_000_000
"""A file that changed this shortly before a walk may change again with the same stamp (as in git's index)."""

Stamp = tuple[int, int, int, int]


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is remembered of a file. `glance` and `facts` are encoded by the scan."""

    stamp: Stamp
    digest: str
    glance: msgspec.Raw
    facts: msgspec.Raw
    whole: bool


class _Shelf(msgspec.Struct, frozen=True, array_like=True):
    key: str
    walked_ns: int
    records: dict[str, Record]


class Cache:
    """One file in a folder that keeps itself out of version control.

    `key` says what else the records depend on; with another key nothing is remembered.
    """

    def __init__(self, folder: Path | None) -> None:
        """To be made before the tree is walked: takes the file system's time."""
        self._folder = folder
        self._key = ""
        self._walked_ns = 0
        self._shelf = _Shelf("", 0, {})
        if folder is not None:
            self._start(folder)

    def open(self, key: str) -> None:
        """Recalls what was remembered under the same key."""
        self._key = key
        self._shelf = self._load()

    def _start(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".gitignore").write_text("*\n")
            mark = folder / "walked"
            mark.write_bytes(b"")
            self._walked_ns = mark.stat().st_mtime_ns
        except OSError:  # a read-only tree is scanned without a cache
            self._folder = None

    def get(self, path: str) -> Record | None:
        """What is remembered of a path; whether it still holds is asked with `holds`."""
        return self._shelf.records.get(path)

    def holds(self, record: Record, stamp: Stamp) -> bool:
        """Whether a file with this stamp is as it was, without reading it."""
        quiet_since = self._shelf.walked_ns - _RACY_NS
        return record.stamp == stamp and stamp[0] < quiet_since and stamp[1] < quiet_since

    def keep(self, records: Mapping[str, Record]) -> None:
        """Remembers these and nothing else; writes only if they are others than before."""
        if self._folder is None or self._are_known(records):
            return
        shelf = _Shelf(self._key, self._walked_ns, dict(records))
        try:
            files.write(self._folder / "scan.msgpack", msgspec.msgpack.encode(shelf))
        except OSError:  # a full disk costs time, not the scan
            return

    def _are_known(self, records: Mapping[str, Record]) -> bool:
        """Whether each held: then it was quiet before the time of the shelf, which may stay as it is."""
        old = self._shelf.records
        return len(records) == len(old) and all(old.get(path) is each for path, each in records.items())

    def _load(self) -> _Shelf:
        empty = _Shelf(self._key, 0, {})
        if self._folder is None:
            return empty
        try:
            shelf: Any = msgspec.msgpack.decode((self._folder / "scan.msgpack").read_bytes(), type=_Shelf)
        except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
            return empty
        return shelf if shelf.key == self._key else empty
