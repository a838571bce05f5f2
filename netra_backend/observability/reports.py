"""What stands in a folder of reports, for the operators' page: tests, performance by commit, a migration.

Reads only, and again only what changed. A file that cannot be read is named, and costs nobody the others.
Shown are names, numbers and outcomes: never what a failed test printed.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from netra_backend.observability.report_files import (
    Migration,
    Performance,
    Results,
    UnreadableReportError,
    read_json,
    read_lines,
    read_xml,
)

MAX_BYTES: Final = 8 * 1024 * 1024
"""Of one file: a log of 50,000 tests, read in a fifth of a second. What is larger is something else."""
MAX_FILES: Final = 200
"""The newest ones: a year of nightly runs."""
MAX_DEPTH: Final = 3
"""Folders below the given one."""

Report: TypeAlias = Results | Performance | Migration
READERS: Final[dict[str, Callable[[bytes], Report | None]]] = {
    ".json": read_json,
    ".jsonl": read_lines,
    ".xml": read_xml,
}


@dataclass(frozen=True, slots=True)
class Found:
    """A report, the file that it is from, and when that was last written."""

    name: str
    at: datetime
    report: Report


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that is not a report, and why not, in a sentence."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class _Seen:
    stamp: tuple[int, int]
    what: Found | Unread | None


class Reports:
    """A folder's memory.

    Args:
        folder: None for none; it need not exist yet.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._seen: dict[Path, _Seen] = {}

    @property
    def configured(self) -> bool:
        """Whether there is a folder at all."""
        return self._folder is not None

    def read(self) -> tuple[list[Found], list[Unread]]:
        """Everything that stands there now, the newest first. Waits for the disk."""
        self._seen = {path: self._look(path, status) for path, status in self._files()}
        found = [seen.what for seen in self._seen.values() if isinstance(seen.what, Found)]
        unread = [seen.what for seen in self._seen.values() if isinstance(seen.what, Unread)]
        return found, unread

    def _files(self) -> list[tuple[Path, os.stat_result]]:
        files = list(_walk(self._folder, MAX_DEPTH)) if self._folder is not None else []
        return sorted(files, key=lambda each: -each[1].st_mtime_ns)[:MAX_FILES]

    def _look(self, path: Path, status: os.stat_result) -> _Seen:
        before, stamp = self._seen.get(path), (status.st_mtime_ns, status.st_size)
        if before is not None and before.stamp == stamp:
            return before
        name = path.relative_to(self._folder or path).as_posix()
        try:
            report = _read(path, status.st_size)
        except UnreadableReportError as error:
            return _Seen(stamp, Unread(name, str(error)))
        at = datetime.fromtimestamp(status.st_mtime, UTC)
        return _Seen(stamp, Found(name, at, report) if report is not None else None)


def _read(path: Path, size: int) -> Report | None:
    if size > MAX_BYTES:
        raise UnreadableReportError(f"It is larger than {MAX_BYTES} bytes: move it out of the folder.")
    try:
        return READERS[path.suffix](path.read_bytes())
    except OSError as error:
        raise UnreadableReportError(
            f"It cannot be read ({error.strerror}): let the server read it."
        ) from error


def _walk(folder: Path, depth: int) -> Iterator[tuple[Path, os.stat_result]]:
    """Files whose ending a reader takes; what vanishes meanwhile was not there. Links to folders are not followed."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                if depth > 0 and not entry.name.startswith("."):
                    yield from _walk(Path(entry.path), depth - 1)
            elif Path(entry.name).suffix in READERS and entry.is_file():
                yield Path(entry.path), entry.stat()
        except OSError:
            continue
