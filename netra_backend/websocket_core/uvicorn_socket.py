"""Uvicorn's WebSocket protocol with two additions of ours: many frames in one write, and a close code.

An event of a run is a frame of its own on the wire, but a system call of its own costs more than
everything else that the gateway does with it.
"""

from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.protocol import State

from netra_backend.protocol.errors import CloseCode

BURST = "netra.websocket.burst"
"""ASGI extension and message type: `frames` is a list of UTF-8 texts, each to be one text frame."""

_TEXT = 0x80 | Opcode.TEXT


class UvicornSocket(WebSocketsSansIOProtocol):
    """One socket; without `BURST` it is uvicorn's own."""

    def handle_connect(self, event: Request) -> None:
        """Offer the extension."""
        super().handle_connect(event)
        if not self.close_sent:
            self.scope.setdefault("extensions", {})[BURST] = {}

    async def send(self, message: Any) -> None:
        """See ASGI."""
        if message["type"] != BURST:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent or self.conn.state is not State.OPEN:
            raise ClientDisconnected
        self.transport.write(framed(message["frames"]))

    def keepalive_timeout(self) -> None:
        """The peer is gone, or so far away that it must come again."""
        self.pong_timer = None
        self.pending_ping_payload = None
        if not self.close_sent and not self.transport.is_closing():
            self.conn.fail(CloseCode.NO_PONG, "no pong")
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.transport.close()


def framed(texts: Sequence[bytes]) -> bytes:
    """Unmasked text frames (RFC 6455, section 5.2), as a server sends them."""
    parts: list[bytes] = []
    for text in texts:
        size = len(text)
        if size < 126:
            parts.append(bytes((_TEXT, size)))
        elif size < 65536:
            parts.append(bytes((_TEXT, 126)) + size.to_bytes(2, "big"))
        else:
            parts.append(bytes((_TEXT, 127)) + size.to_bytes(8, "big"))
        parts.append(text)
    return b"".join(parts)
