"""A WebSocket client that can break every rule: it writes the bytes that it is told to."""

import asyncio
import itertools
import json
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from netra_backend.testing.client import PATIENCE_S

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x00\x00\x00\x00"
"""A mask must be there; which one is the client's own business."""

Header = tuple[str, str]
_ids = itertools.count(1)

HANDSHAKE: tuple[Header, ...] = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ("Sec-WebSocket-Version", "13"),
)


class Raw:
    """A TCP connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def write(self, data: bytes) -> bool:
        """Send bytes; False when the server has closed."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            return False
        return not self.writer.is_closing()

    async def head(self) -> tuple[int, bytes]:
        """Status and whole head of the answer; 0 if the server closed without one."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0, b""
        return int(head.split(b" ", 2)[1]), head

    async def upgrade(
        self, headers: Iterable[Header] = (), *, path: str = "/ws", host: str = "localhost"
    ) -> int:
        """Ask for a WebSocket; the status."""
        await self.write(request_head(path, [*HANDSHAKE, *headers], host=host))
        return (await self.head())[0]

    async def say(self, kind: str, **payload: Any) -> str:
        """A good frame; its id."""
        frame_id = f"raw{next(_ids)}"
        await self.write(frame(TEXT, json.dumps({"type": kind, "id": frame_id, "payload": payload}).encode()))
        return frame_id

    async def receive(self) -> tuple[int, bytes]:
        """The server's next frame; a close without a number is -1 at the end of the connection."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                first, second = await self.reader.readexactly(2)
                length = second & 0x7F
                if length >= 126:
                    size = 2 if length == 126 else 8
                    length = int.from_bytes(await self.reader.readexactly(size))
                return first & 0x0F, await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return -1, b""

    async def until(self, kind: str) -> dict[str, Any]:
        """The next frame of this type."""
        while True:
            opcode, payload = await self.receive()
            assert opcode != -1, "The server closed."
            found: dict[str, Any] = json.loads(payload) if opcode == TEXT else {}
            if found.get("type") == kind:
                return found

    async def ending(self) -> tuple[list[str], int]:
        """Everything up to the end: the codes of all errors, and the close code (0 without any)."""
        errors: list[str] = []
        while True:
            opcode, payload = await self.receive()
            if opcode == -1:
                return errors, 0
            if opcode == CLOSE:
                await self.write(frame(CLOSE, payload[:2]))
                return errors, struct.unpack("!H", payload[:2])[0]
            if opcode == TEXT and (found := json.loads(payload))["type"] == "error":
                errors.append(found["payload"]["code"])

    async def closed(self) -> bool:
        """Whether the server ends the TCP connection."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while await self.reader.read(65536):
                    pass
        except ConnectionError:
            pass
        return True


@asynccontextmanager
async def raw(url: str) -> AsyncIterator[Raw]:
    """A TCP connection to `http://host:port`."""
    host, port = url.partition("://")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def raw_user(url: str, token: str) -> AsyncIterator[Raw]:
    """A WebSocket of a user who is logged in, after `connected`."""
    async with raw(url) as socket:
        assert await socket.upgrade([("Authorization", f"Bearer {token}")]) == 101
        await socket.until("connected")
        yield socket


def request_head(
    path: str, headers: Iterable[Header], *, method: str = "GET", host: str = "localhost"
) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv1: bool = False, claim: int | None = None
) -> bytes:
    """A masked frame (RFC 6455, section 5.2); `claim` is a length that it lies about."""
    first = opcode | (0x80 if fin else 0) | (0x40 if rsv1 else 0)
    size = len(payload) if claim is None else claim
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + MASK + payload
