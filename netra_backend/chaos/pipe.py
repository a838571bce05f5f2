"""One direction of one proxied connection: reads, delays, slows, loses, and writes in exact order.

Memory is bounded: what is under way is at most `CAPACITY` bytes, and a full pipe stops reading, so that the
sender feels the receiver's (or the fault's) slowness as it would without a proxy.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from netra_backend.chaos.faults import Conditions, Cut, Passage

CHUNK = 65_536
CAPACITY = 1_048_576
"""Bytes under way in one direction of one connection: 100 ms at 10 MB/s."""
SLICE_S = 0.02
"""A limited pipe writes what this many seconds allow at once: fine enough to look like a slow line."""


class CutHere(Exception):
    """The connection is to be cut now; `how` says in which way."""

    def __init__(self, how: Cut) -> None:
        super().__init__(how.name)
        self.how = how


class _Chunk(NamedTuple):
    arrived: float
    luck: float
    data: bytes


class Pipe:
    """Bytes from one socket to another.

    Args:
        conditions: returns the conditions of this direction as they are now.
        random: numbers in [0, 1), for the jitter.
    """

    def __init__(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        *,
        conditions: Callable[[], Conditions],
        random: Callable[[], float],
    ) -> None:
        self._source = source
        self._sink = sink
        self._conditions = conditions
        self._random = random
        self._line: deque[_Chunk] = deque()
        self._under_way = 0
        self._moved = asyncio.Event()
        self._ended = False
        self._since_set = 0
        self.swallowed = 0

    def weather_changed(self) -> None:
        """Look at the conditions again; a byte count towards `cut_after` starts anew."""
        self._since_set = 0
        self._moved.set()

    async def read(self) -> None:
        """Take bytes in until the source ends.

        Raises:
            ConnectionError: the source was reset.
        """
        loop = asyncio.get_running_loop()
        while data := await self._source.read(CHUNK):
            self._line.append(_Chunk(loop.time(), self._random(), data))
            self._under_way += len(data)
            self._moved.set()
            while self._under_way >= CAPACITY:
                await self._something()
        self._ended = True
        self._moved.set()

    async def write(self) -> None:
        """Give bytes out until the source has ended and the line is empty; then pass on the end.

        Raises:
            CutHere: the bytes after which to cut have passed.
            ConnectionError: the sink was reset.
        """
        while True:
            await self._until_passable()
            if not self._line:
                break
            await self._give(self._line.popleft().data)
        if self._sink.can_write_eof():
            self._sink.write_eof()
            await self._sink.drain()

    async def _until_passable(self) -> None:
        """Wait for a chunk that is due, or for an end that may be passed on."""
        loop = asyncio.get_running_loop()
        while True:
            now = self._conditions()
            if now.passage is Passage.SWALLOWED:
                self._swallow()
            elif now.passage is Passage.OPEN and self._line:
                first = self._line[0]
                wait = first.arrived + now.latency_s + now.jitter_s * first.luck - loop.time()
                if wait <= 0:
                    return
                await self._something(wait)
                continue
            elif now.passage is Passage.OPEN and self._ended:
                return
            await self._something()

    def _swallow(self) -> None:
        self.swallowed += self._under_way
        self._line.clear()
        self._freed(self._under_way)

    async def _give(self, data: bytes) -> None:
        while data:
            now = self._conditions()
            if now.passage is not Passage.OPEN:
                self._line.appendleft(_Chunk(0.0, 0.0, data))
                return
            part = data[: self._allowance(now)]
            self._sink.write(part)
            await self._sink.drain()
            data = data[len(part) :]
            self._since_set += len(part)
            self._freed(len(part))
            if now.cut_after is not None and self._since_set >= now.cut_after:
                raise CutHere(now.cut)
            if now.bytes_per_s is not None:
                await asyncio.sleep(len(part) / now.bytes_per_s)

    def _allowance(self, now: Conditions) -> int:
        allowed = CHUNK
        if now.bytes_per_s is not None:
            allowed = max(1, int(now.bytes_per_s * SLICE_S))
        if now.cut_after is not None:
            if self._since_set >= now.cut_after:
                raise CutHere(now.cut)
            allowed = min(allowed, now.cut_after - self._since_set)
        return allowed

    def _freed(self, size: int) -> None:
        self._under_way -= size
        self._moved.set()

    async def _something(self, timeout_s: float | None = None) -> None:
        """Wait until bytes moved, the weather changed, or so many seconds passed."""
        self._moved.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._moved.wait()
        except TimeoutError:
            return
