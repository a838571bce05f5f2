"""A WebSocket client that costs little, for crowds: one stream, no library, no judgement. Holds no test."""

import asyncio
import base64
import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

SOURCES = 64
"""Loopback addresses that connections come from, so that ports do not run out."""

Frame = dict[str, Any]


class LightClient:
    """One connection; `frames` holds what came, decoded.

    Args:
        number: chooses the address it comes from.
    """

    def __init__(self, number: int = 0) -> None:
        self._source = f"127.0.0.{number % SOURCES + 1}"
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.frames: list[Frame] = []

    async def open(self, url: str, token: str | None) -> int:
        """Connect and ask for the upgrade; the status of the answer."""
        where = urlsplit(url)
        self._reader, self._writer = await asyncio.open_connection(
            where.hostname, where.port, local_addr=(self._source, 0)
        )
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /ws HTTP/1.1",
            f"Host: {where.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *([f"Authorization: Bearer {token}"] if token else []),
        ]
        self._writer.write("\r\n".join((*lines, "", "")).encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        return int(head.split(b" ")[1])

    async def until(self, wanted: Callable[[Frame], bool]) -> Frame:
        """The next frame that `wanted` accepts.

        Raises:
            ConnectionError: the server closed first.
        """
        while True:
            opcode, payload = await self._frame()
            if opcode == 8:
                raise ConnectionResetError(int.from_bytes(payload[:2], "big"))
            if opcode == 1:
                frame: Frame = json.loads(payload)
                self.frames.append(frame)
                if wanted(frame):
                    return frame

    async def of_type(self, kind: str) -> Frame:
        """The next frame of a type."""
        return await self.until(lambda frame: frame["type"] == kind)

    def send(self, kind: str, payload: Frame | None = None, **fields: Any) -> None:
        """Send a frame of less than 64 KiB."""
        self.send_frame(1, json.dumps({"type": kind, "payload": payload or {}, **fields}).encode())

    def send_frame(self, opcode: int, data: bytes) -> None:
        """Send anything, masked with zeros."""
        assert self._writer is not None
        size = (
            bytes((0x80 | len(data),)) if len(data) < 126 else bytes((0xFE,)) + len(data).to_bytes(2, "big")
        )
        self._writer.write(bytes((0x80 | opcode,)) + size + bytes(4) + data)

    def numbers(self) -> list[int]:
        """Of the durable events that came, in order."""
        return [frame["seq"] for frame in self.frames if "seq" in frame]

    def drop(self) -> None:
        """Break the connection."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def close(self) -> None:
        """Close as the protocol wants it, and read to the end."""
        assert self._reader is not None
        assert self._writer is not None
        self.send_frame(8, b"\x03\xe8")
        with suppress(ConnectionError):
            await self._reader.read()
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _frame(self) -> tuple[int, bytes]:
        assert self._reader is not None
        try:
            first, size = await self._reader.readexactly(2)
            if size >= 126:
                size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
            return first & 15, await self._reader.readexactly(size)
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("the server is gone") from error
