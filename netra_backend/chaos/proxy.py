"""A TCP proxy that breaks connections on demand: in front of PostgreSQL, Valkey, a gateway, or anything.

It never looks into the bytes, and without a fault set it passes them on as they are, half-closes included.
"""

import asyncio
import contextlib
import secrets
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from netra_backend.chaos.faults import Cut, Direction, Passage, Refusal, Weather
from netra_backend.chaos.pipe import CHUNK, CutHere, Pipe

Upstream = tuple[str, int] | Path
"""Host and port, or the path of a Unix socket."""

BACKLOG = 1024
"""A reconnect storm must meet the server's limits, not the proxy's."""
ACCEPT_TURNS = 8
"""Turns of the loop until a connection that was just accepted has reached us: asyncio takes four, and as many
to close it."""
NO_LINGER = struct.pack("ii", 1, 0)
"""Linger on, for 0 s: closing sends RST (socket(7), SO_LINGER)."""
any_luck = secrets.SystemRandom().random
_DEFAULT_PORTS = {"postgresql": 5432, "postgres": 5432, "redis": 6379, "valkey": 6379, "http": 80, "ws": 80}


def upstream_of(url: str) -> Upstream:
    """Host and port that a `postgresql://`, `redis://`, `http://` or `ws://` address names.

    Raises:
        ValueError: it names no host, or no port that could be known.
    """
    parts = urlsplit(url)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    if not parts.hostname or port is None:
        raise ValueError("Give an address with host and port, as in postgresql://user@127.0.0.1:5432/netra.")
    return parts.hostname, port


class FaultProxy:
    """Listens on 127.0.0.1 and passes bytes to `upstream` and back, under the faults set now.

    Faults are set while it runs, act on open and on new connections, add up, and end with `heal`. All calls
    are for the loop that it was started in; `ThreadedFaultProxy` has a loop of its own.

    Args:
        upstream: where connections go.
        random: numbers in [0, 1), for jitter; give a seeded one to repeat a run.
    """

    def __init__(self, upstream: Upstream, *, random: Callable[[], float] = any_luck) -> None:
        self._upstream = upstream
        self._random = random
        self._weather = Weather()
        self._refusal: Refusal | None = None
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        # Bound and never listening: keeps the port ours while nobody listens on it.
        self._keeper: socket.socket | None = None
        self._port = 0
        self.accepted = 0
        """Connections taken so far."""

    async def start(self) -> Self:
        """Listen on a free port."""
        self._keeper = _bound(0)
        self._port = self._keeper.getsockname()[1]
        await self._listen()
        return self

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        self.refuse(Refusal.CLOSED)
        for listener in self._server.sockets if self._server is not None else ():
            # Closed under an accept on its way, asyncio's server would leave that connection open for ever.
            asyncio.get_running_loop().remove_reader(listener.fileno())
        for _ in range(ACCEPT_TURNS):
            self.cut()
            await asyncio.sleep(0)
        self._stop_listening()
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._keeper is not None:
            self._keeper.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def address(self) -> tuple[str, int]:
        """Where clients connect."""
        return "127.0.0.1", self._port

    @property
    def open(self) -> int:
        """Connections that are open now."""
        return len(self._links)

    def through(self, url: str) -> str:
        """The same address (`postgresql://`, `redis://`, `http://`, …), but through this proxy."""
        parts = urlsplit(url)
        credentials, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{credentials}{at}127.0.0.1:{self._port}"))

    def slow(
        self,
        direction: Direction = Direction.BOTH,
        *,
        latency_s: float = 0.0,
        jitter_s: float = 0.0,
        bytes_per_s: float | None = None,
    ) -> None:
        """Delay every byte by `latency_s` to `latency_s + jitter_s`, and let so many a second pass."""
        self._change(direction, latency_s=latency_s, jitter_s=jitter_s, bytes_per_s=bytes_per_s)

    def stall(self, direction: Direction = Direction.BOTH) -> None:
        """Let nothing pass; what is sent meanwhile arrives after `heal`."""
        self._change(direction, passage=Passage.STALLED)

    def blackhole(self, direction: Direction = Direction.BOTH) -> None:
        """Swallow what is sent, ends of connections included; connections stay open.

        A connection that lost bytes cannot go on with a hole in it: `heal` cuts it.
        """
        self._change(direction, passage=Passage.SWALLOWED)

    def cut_after(self, count: int, direction: Direction = Direction.BOTH, *, how: Cut = Cut.RESET) -> None:
        """Cut each connection, new ones too, once `count` bytes more went in the direction: mid-message."""
        self._change(direction, cut_after=count, cut=how)

    def cut(self, how: Cut = Cut.RESET) -> int:
        """End every connection now; returns how many there were. New ones are taken as before."""
        links = list(self._links)
        for link in links:
            link.cut(how)
        return len(links)

    def refuse(self, how: Refusal = Refusal.NOT_LISTENING) -> None:
        """Take no new connections until `heal`; open ones stay."""
        self._refusal = how
        if how is Refusal.NOT_LISTENING:
            self._stop_listening()

    async def heal(self) -> None:
        """End all faults."""
        self._weather.clear()
        self._refusal = None
        for link in list(self._links):
            link.healed()
        await self._listen()

    def _change(self, direction: Direction, **changes: object) -> None:
        self._weather.change(direction, **changes)
        for link in self._links:
            link.weather_changed()

    async def _listen(self) -> None:
        if self._server is None:
            listener = _bound(self._port)
            self._server = await asyncio.start_server(self._take, sock=listener, backlog=BACKLOG, limit=CHUNK)

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.create_task(self._carry(reader, writer), name="fault-proxy")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusal is not None:
            await _end(writer, Cut.RESET)
            return
        link = _Link(writer)
        self._links.add(link)
        try:
            await link.run(reader, self._connect, weather=self._weather, random=self._random)
        finally:
            self._links.discard(link)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._upstream, Path):
            return await asyncio.open_unix_connection(self._upstream, limit=CHUNK)
        host, port = self._upstream
        return await asyncio.open_connection(host, port, limit=CHUNK)


Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class _Link:
    """One client's connection and its other half."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self._writers = [client]
        self._pipes: list[Pipe] = []
        self._how = Cut.RESET
        self._running: asyncio.Task[None] | None = None

    def cut(self, how: Cut) -> None:
        """End both halves."""
        self._how = how
        if self._running is not None:
            self._running.cancel()

    def weather_changed(self) -> None:
        """Tell both directions."""
        for pipe in self._pipes:
            pipe.weather_changed()

    def healed(self) -> None:
        """Go on, unless bytes are missing."""
        if any(pipe.swallowed for pipe in self._pipes):
            self.cut(Cut.RESET)
        self.weather_changed()

    async def run(
        self,
        reader: asyncio.StreamReader,
        connect: Connect,
        *,
        weather: Weather,
        random: Callable[[], float],
    ) -> None:
        """Carry bytes until both halves have ended in order, or one broke, or it is cut."""
        self._running = asyncio.ensure_future(self._both_ways(reader, connect, weather, random))
        try:
            await asyncio.wait([self._running])
            self._how = _outcome(self._running, self._how)
        finally:
            self._running.cancel()
            for writer in self._writers:
                await _end(writer, self._how)

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        connect: Connect,
        weather: Weather,
        random: Callable[[], float],
    ) -> None:
        upstream_reader, upstream = await connect()
        self._writers.append(upstream)
        (client, _) = self._writers
        there = Pipe(reader, upstream, conditions=lambda: weather[Direction.TO_UPSTREAM], random=random)
        back = Pipe(upstream_reader, client, conditions=lambda: weather[Direction.TO_CLIENT], random=random)
        self._pipes = [there, back]
        async with asyncio.TaskGroup() as group:
            for pipe in self._pipes:
                group.create_task(pipe.read(), name="fault-proxy-read")
                group.create_task(pipe.write(), name="fault-proxy-write")


def _outcome(task: "asyncio.Task[None]", ordered: Cut) -> Cut:
    """How both sockets are to end: in order, as told by `cut`, or as one of them did."""
    if task.cancelled():
        return ordered
    error = task.exception()
    if error is None:
        return Cut.FIN
    if isinstance(error, BaseExceptionGroup):
        cuts, rest = error.split(CutHere)
        _, unknown = rest.split(OSError) if rest is not None else (None, None)
        if unknown is not None:
            raise unknown
        if cuts is not None:
            return _first(cuts).how
    elif not isinstance(error, OSError):
        raise error
    return Cut.RESET


def _first(cuts: "BaseExceptionGroup[CutHere]") -> CutHere:
    found = cuts.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


async def _end(writer: asyncio.StreamWriter, how: Cut) -> None:
    """Close a socket now; what waits in its buffer is dropped."""
    raw: socket.socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if how is Cut.RESET:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        else:
            raw.shutdown(socket.SHUT_WR)
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _bound(port: int) -> socket.socket:
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", port))
    return taken
