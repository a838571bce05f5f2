"""The fault proxy before a small server, fault by fault."""

import asyncio
import random  # noqa: TID251 - seeded below: the same bytes in every run
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from netra_backend.chaos.faults import Cut, Direction, Refusal
from netra_backend.chaos.pipe import CAPACITY
from netra_backend.chaos.proxy import FaultProxy, upstream_of
from netra_backend.chaos.threaded import ThreadedFaultProxy

PATIENCE_S = 20.0
"""Seconds until something that does not come fails the test; never a pause."""
MEGABYTE = 1_048_576

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Upstream:
    """A server that keeps its connections and what it read, and echoes if asked to."""

    def __init__(self, *, echo: bool) -> None:
        self._echo = echo
        self.writers: list[asyncio.StreamWriter] = []
        self.read = 0
        self.news = asyncio.Condition()
        self.reading = asyncio.Event()
        self.reading.set()
        self.endings: list[str] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.writers.append(writer)
        try:
            while True:
                await self.reading.wait()
                data = await reader.read(65_536)
                await self._note(len(data), "eof" if not data else "")
                if not data:
                    break
                if self._echo:
                    writer.write(data)
                    await writer.drain()
            if self._echo:
                writer.write_eof()
        except ConnectionError:
            await self._note(0, "reset")

    async def until(self, wanted: int = 0, endings: int = 0) -> None:
        """Wait until so much was read and so many connections ended."""
        async with asyncio.timeout(PATIENCE_S), self.news:
            await self.news.wait_for(lambda: self.read >= wanted and len(self.endings) >= endings)

    async def _note(self, count: int, ending: str) -> None:
        async with self.news:
            self.read += count
            if ending:
                self.endings.append(ending)
            self.news.notify_all()


@asynccontextmanager
async def upstream(*, echo: bool = True) -> AsyncIterator[tuple[Upstream, tuple[str, int]]]:
    """A server on a free port."""
    served = Upstream(echo=echo)
    server = await asyncio.start_server(served.take, "127.0.0.1", 0)
    try:
        yield served, server.sockets[0].getsockname()[:2]
    finally:
        server.close()
        for writer in served.writers:
            writer.transport.abort()
        served.reading.set()


@asynccontextmanager
async def behind(*, echo: bool = True) -> AsyncIterator[tuple[Upstream, FaultProxy]]:
    """A server behind a proxy."""
    async with upstream(echo=echo) as (served, address), FaultProxy(address) as proxy:
        yield served, proxy


@asynccontextmanager
async def client(proxy: FaultProxy) -> AsyncIterator[Streams]:
    """A connection through the proxy."""
    reader, writer = await asyncio.open_connection(*proxy.address)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def ask(streams: Streams, data: bytes) -> bytes:
    """Send, and read as much back."""
    reader, writer = streams
    writer.write(data)
    async with asyncio.timeout(PATIENCE_S):
        return await reader.readexactly(len(data))


async def ending(reader: asyncio.StreamReader) -> str:
    """How the connection ends, whatever comes before."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await reader.read()
    except ConnectionError:
        return "reset"
    return "eof"


async def test_without_a_fault_bytes_pass_unchanged_on_a_hundred_connections() -> None:
    """Every connection gets back what it sent, in order, and then the end that it sent."""

    async def one(number: int) -> None:
        data = random.Random(number).randbytes(300_000)  # noqa: S311 - no secret
        async with client(proxy) as (reader, writer):
            writer.write(data)
            writer.write_eof()
            async with asyncio.timeout(PATIENCE_S * 2):
                assert await reader.read() == data

    async with behind() as (served, proxy):
        await asyncio.gather(*(one(number) for number in range(100)))
        assert (proxy.accepted, len(served.writers)) == (100, 100)


async def test_an_end_in_one_direction_leaves_the_other_open() -> None:
    """After the client's end of sending the server may go on answering."""
    async with behind(echo=False) as (served, proxy), client(proxy) as (reader, writer):
        writer.write(b"question")
        writer.write_eof()
        await served.until(wanted=8, endings=1)
        served.writers[0].write(b"a late answer")
        served.writers[0].write_eof()
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read() == b"a late answer"


async def test_latency_with_jitter_keeps_the_order() -> None:
    """Every piece is late by the latency at least, and none overtakes another."""
    async with behind() as (_, proxy), client(proxy) as streams:
        await ask(streams, b"warm")
        proxy.slow(Direction.TO_UPSTREAM, latency_s=0.05, jitter_s=0.05)
        data = random.Random(7).randbytes(100_000)  # noqa: S311 - no secret
        began = time.monotonic()
        for start in range(0, len(data), 1000):
            streams[1].write(data[start : start + 1000])
            await streams[1].drain()
        async with asyncio.timeout(PATIENCE_S):
            assert await streams[0].readexactly(len(data)) == data
        assert time.monotonic() - began >= 0.05
        await proxy.heal()
        began = time.monotonic()
        await ask(streams, b"quick")
        assert time.monotonic() - began < 0.05


async def test_a_limited_line_passes_so_many_bytes_a_second() -> None:
    """20 kB at 100 kB/s take a fifth of a second."""
    async with behind() as (_, proxy), client(proxy) as streams:
        proxy.slow(Direction.TO_CLIENT, bytes_per_s=100_000)
        began = time.monotonic()
        assert await ask(streams, b"x" * 20_000) == b"x" * 20_000
        assert 0.15 < time.monotonic() - began < 3


async def test_what_is_under_way_is_bounded() -> None:
    """A server that does not read stops the sender: the proxy buffers a fixed amount and no more."""
    async with behind(echo=False) as (served, proxy), client(proxy) as (_, writer):
        writer.transport.set_write_buffer_limits(0)
        served.reading.clear()
        writer.write(b"x")
        await served.until(wanted=0)
        proxy.stall()
        writer.write(bytes(64 * MEGABYTE))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.5)
        kept = 64 * MEGABYTE - writer.transport.get_write_buffer_size()
        # Ours, the stream reader's, and the kernel's buffers of two sockets (tcp_wmem, tcp_rmem).
        assert kept < CAPACITY + 12 * MEGABYTE
        served.reading.set()
        await proxy.heal()
        await served.until(wanted=64 * MEGABYTE)


@pytest.mark.parametrize(("how", "seen"), [(Cut.RESET, "reset"), (Cut.FIN, "eof")])
async def test_cut_ends_every_connection_and_takes_new_ones(how: Cut, seen: str) -> None:
    """Both ends of each open connection notice in the way asked for; the next connection works."""
    async with behind(echo=False) as (served, proxy), client(proxy) as one, client(proxy) as two:
        for streams in (one, two):
            streams[1].write(b"hello")
        await served.until(wanted=10)
        assert proxy.cut(how) == 2
        assert [await ending(one[0]), await ending(two[0])] == [seen, seen]
        await served.until(wanted=10, endings=2)
        assert served.endings == [seen, seen]
        async with client(proxy) as (_, writer):
            writer.write(b"again")
            await served.until(wanted=15)


@pytest.mark.parametrize(("how", "seen"), [(Cut.RESET, "reset"), (Cut.FIN, "eof")])
async def test_cut_after_ends_in_the_middle_of_a_message(how: Cut, seen: str) -> None:
    """Exactly so many bytes pass; the count starts anew for the next connection."""
    async with behind(echo=False) as (served, proxy):
        proxy.cut_after(1500, Direction.TO_UPSTREAM, how=how)
        for number in (1, 2):
            async with client(proxy) as (reader, writer):
                writer.write(bytes(1000))
                await served.until(wanted=number * 1500 - 500)
                writer.write(bytes(1000))
                assert await ending(reader) == seen
                await served.until(endings=number)
        assert served.read == 3000


async def test_refuse_turns_new_connections_away_and_keeps_open_ones() -> None:
    """Not listening fails the connect; closing fails the first read; the port is the same after healing."""
    async with behind() as (_, proxy), client(proxy) as streams:
        await ask(streams, b"open before")
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*proxy.address)
        await ask(streams, b"still open")
        await proxy.heal()
        proxy.refuse(Refusal.CLOSED)
        async with client(proxy) as (reader, _):
            assert await ending(reader) == "reset"
        await proxy.heal()
        async with client(proxy) as healed:
            await ask(healed, b"open again")


async def test_nobody_else_gets_the_port_while_it_refuses() -> None:
    """The port stays taken, so that `heal` can listen on it again."""
    async with behind() as (_, proxy):
        proxy.refuse()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(proxy.address)
        await proxy.heal()
        async with client(proxy) as streams:
            await ask(streams, b"back")


async def test_a_stalled_connection_goes_on_without_loss() -> None:
    """What was sent while nothing passed arrives after healing."""
    async with behind() as (served, proxy), client(proxy) as streams:
        await ask(streams, b"before")
        proxy.stall(Direction.TO_UPSTREAM)
        streams[1].write(b"during")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(streams[0].read(1), 0.2)
        assert served.read == 6
        await proxy.heal()
        async with asyncio.timeout(PATIENCE_S):
            assert await streams[0].readexactly(6) == b"during"


async def test_a_blackhole_in_one_direction_swallows_it_alone() -> None:
    """The server hears and its answer is lost; the connection is open; healing cuts it, for it has a hole."""
    async with behind() as (served, proxy), client(proxy) as streams:
        await ask(streams, b"before")
        proxy.blackhole(Direction.TO_CLIENT)
        streams[1].write(b"heard")
        await served.until(wanted=11)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(streams[0].read(1), 0.2)
        assert proxy.open == 1
        await proxy.heal()
        assert await ending(streams[0]) == "reset"
        async with client(proxy) as after:
            await ask(after, b"fresh")


async def test_a_blackhole_hides_the_end_of_the_other_side() -> None:
    """A server that goes away is not noticed: that is what half-open means."""
    async with behind() as (served, proxy), client(proxy) as streams:
        await ask(streams, b"before")
        proxy.blackhole()
        served.writers[0].close()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(streams[0].read(1), 0.2)
        await proxy.heal()
        assert await ending(streams[0]) == "eof"


async def test_an_upstream_that_is_away_resets_the_client() -> None:
    """The client is not left waiting."""
    async with upstream() as (_, address):
        pass
    async with FaultProxy(address) as proxy, client(proxy) as (reader, _):
        assert await ending(reader) == "reset"


async def test_a_unix_socket_can_be_upstream(tmp_path: Path) -> None:
    """PostgreSQL on a socket file can be put behind it."""
    served = Upstream(echo=True)
    server = await asyncio.start_unix_server(served.take, tmp_path / "s")
    async with server, FaultProxy(tmp_path / "s") as proxy, client(proxy) as streams:
        assert await ask(streams, b"over a file") == b"over a file"
        served.writers[0].transport.abort()


async def test_the_addresses_of_stores_lead_through_it() -> None:
    """Only host and port change; an address without a port is refused unless its scheme has one."""
    async with FaultProxy(("127.0.0.1", 1)) as proxy:
        port = proxy.address[1]
        assert proxy.through("postgresql://me:p%40ss@db:5432/x?sslmode=disable") == (
            f"postgresql://me:p%40ss@127.0.0.1:{port}/x?sslmode=disable"
        )
        assert proxy.through("http://gateway:8000") == f"http://127.0.0.1:{port}"
    assert upstream_of("postgresql://me@db/x") == ("db", 5432)
    with pytest.raises(ValueError, match="host and port"):
        upstream_of("unix:///tmp/x")


def test_in_a_thread_it_works_while_the_caller_is_busy() -> None:
    """Plain blocking sockets talk through it without any loop in this thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, ThreadedFaultProxy(FaultProxy(listener.getsockname()[:2])) as proxy:
        with socket.create_connection(proxy.address, PATIENCE_S) as near:
            far, _ = listener.accept()
            with far:
                near.sendall(b"hello")
                far.settimeout(PATIENCE_S)
                assert far.recv(5) == b"hello"
                assert proxy.do(lambda fault: fault.cut()) == 1
                with pytest.raises(ConnectionResetError):
                    near.recv(1)
        proxy.do(lambda fault: fault.refuse())
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(proxy.address, PATIENCE_S)
        proxy.heal()
        socket.create_connection(proxy.address, PATIENCE_S).close()
