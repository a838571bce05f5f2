"""Lines of standard input as they come, without a thread.

A thread that waits in `input()` cannot be woken, and would keep the program from ending at Ctrl-C.
"""

import asyncio
import codecs
import os
from collections.abc import Callable
from typing import TextIO


class Lines:
    """Reads a terminal, a pipe or a file.

    Args:
        file: where lines come from; its own buffer is not used where the system can wait for its descriptor.
        at_once: called with every line as it comes; a line for which it returns true is not queued.
    """

    def __init__(self, file: TextIO, *, at_once: Callable[[str], bool]) -> None:
        self._file = file
        self._at_once = at_once
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._partial = ""
        self._descriptor: int | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read."""
        try:
            descriptor = self._file.fileno()
            asyncio.get_running_loop().add_reader(descriptor, self._readable, descriptor)
        except (OSError, ValueError, NotImplementedError):
            # epoll refuses ordinary files and /dev/null; a `StringIO` has no descriptor.
            self._task = asyncio.create_task(self._read_file(), name="netra-stdin")
        else:
            self._descriptor = descriptor

    async def close(self) -> None:
        """Stop reading."""
        self._stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def next(self) -> str | None:
        """Wait for a line, without its end; `None` when there are no more."""
        line = await self._queue.get()
        if line is None:
            self._queue.put_nowait(None)
        return line

    def _stop(self) -> None:
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._descriptor = None

    def _readable(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return
        except OSError:
            # A terminal that was closed.
            data = b""
        self._feed(self._decoder.decode(data, final=not data), end=not data)

    async def _read_file(self) -> None:
        while text := await asyncio.to_thread(self._file.readline):
            self._feed(text, end=False)
        self._feed("", end=True)

    def _feed(self, text: str, *, end: bool) -> None:
        *whole, self._partial = (self._partial + text).split("\n")
        if end and self._partial:
            whole.append(self._partial)
        for line in whole:
            if not self._at_once(line.strip()):
                self._queue.put_nowait(line.removesuffix("\r"))
        if end:
            self._stop()
            self._queue.put_nowait(None)
