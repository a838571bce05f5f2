"""What a process says: the last lines in memory, all of them in a file that cannot grow without end."""

import asyncio
import json
import os
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Event = dict[str, Any]

KEPT_LINES = 2000
"""Lines in memory: minutes of a busy gateway, for an error message or a test."""
LINE_BYTES = 1024 * 1024
"""A longer line is dropped: no line of ours comes near."""
FILE_BYTES = 8 * 1024 * 1024
"""A larger log becomes `<name>.log.old`, in place of the one before."""


class Output:
    """The lines of one process, over all its starts.

    Args:
        path: the log file; it continues where an earlier stack left it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._waiting: list[tuple[Callable[[Event], bool], asyncio.Future[Event]]] = []
        self._size = 0
        self.count = 0
        """Lines so far, also those that are no longer in memory."""

    @property
    def lines(self) -> Sequence[str]:
        """The last lines, oldest first."""
        return tuple(self._lines)

    @property
    def events(self) -> Sequence[Event]:
        """Those of the last lines that are JSON objects."""
        return [event for line in self._lines if (event := _event(line)) is not None]

    def since(self, count: int) -> Sequence[str]:
        """The lines in memory that came after the first `count` ones."""
        new = self.count - count
        return self.lines[-new:] if new > 0 else ()

    def expect(self, wanted: Callable[[Event], bool]) -> "asyncio.Future[Event]":
        """The first event from now on that `wanted` accepts; cancel it to stop waiting."""
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, future))
        return future

    async def read(self, stream: asyncio.StreamReader) -> None:
        """Take every line until the process closes its output."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = self._open()
        try:
            while line := await _next_line(stream):
                if self._size > FILE_BYTES:
                    os.close(descriptor)
                    self.path.replace(self.path.with_suffix(".log.old"))
                    descriptor = self._open()
                self._size += len(line)
                os.write(descriptor, line)
                self._take(line.decode(errors="replace").rstrip("\n"))
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        descriptor = os.open(
            self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        self._size = os.fstat(descriptor).st_size
        return descriptor

    def _take(self, line: str) -> None:
        self._lines.append(line)
        self.count += 1
        event = _event(line) if self._waiting else None
        if event is None:
            return
        for wanted, future in self._waiting:
            if not future.done() and wanted(event):
                future.set_result(event)
        self._waiting = [(wanted, future) for wanted, future in self._waiting if not future.done()]


async def _next_line(stream: asyncio.StreamReader) -> bytes:
    """A line, or nothing at the end; what is longer than the stream's limit is passed over."""
    while True:
        try:
            return await stream.readline()
        except ValueError:
            continue


def _event(line: str) -> Event | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
