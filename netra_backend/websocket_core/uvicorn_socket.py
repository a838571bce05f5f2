"""Uvicorn's WebSocket protocol with what it lacks: many frames in one write, and limits below messages.

An event of a run is a frame of its own on the wire, but a system call of its own costs more than
everything else that the gateway does with it. Pings and fragments cost as much as messages, and nobody
above sees them, so they are counted here.
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import Protocol, State
from websockets.utils import accept_key

from netra_backend.protocol.errors import CloseCode

BURST = "netra.websocket.burst"
"""ASGI extension and message type: `frames` is a list of UTF-8 texts, each to be one text frame. The
extension's `write(frames)` writes them at once and says whether it did: not to a peer that is behind."""

CONTROL_BURST = 100
"""Pings and pongs that may come at once; programs send one every few seconds."""
CONTROL_INTERVAL_S = 0.1
"""Seconds for each one more (the same algorithm as for frames, `protocol.session`)."""
MAX_FRAGMENTS = 1024
"""Of one message. Empty ones count for no size limit, and would be kept for ever."""
PIECE = 4096
"""Bytes parsed before a look whether the rest is still wanted: 43,000 pings fit in one read."""
INVALID_DATA = 1007
"""RFC 6455, section 7.4.1."""
CLOSE_PATIENCE_S = 5.0
"""Seconds that a peer who was sent away has to read the reason."""

CUT = "netra.websocket.cut"
"""ASGI extension: its `now()` drops the connection and what waits for it. For a peer that reads nothing
an orderly close never comes: it would wait behind the rest."""

HEAD_BYTES = 8000
"""Of a request that is taken over: under the library's limit of a line, which so stays in force."""
HEAD_LINES = 100
"""Likewise."""
BODY = frozenset([b"content-length", b"transfer-encoding"])
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_CONNECTION = re.compile(rb"(?:keep-alive, ?)?upgrade", re.IGNORECASE)
_SUBPROTOCOLS = re.compile(rb"[\w.-]+(?:, ?[\w.-]+)*")

_TEXT = 0x80 | Opcode.TEXT
_SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
)
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class UvicornSocket(WebSocketsSansIOProtocol):
    """One socket; without `BURST` it sends as uvicorn's own."""

    _control_due = 0.0
    _fragments = 0
    _key: str | None = None

    def take_over(self, door: HttpToolsProtocol) -> bool:
        """Go on with a request that is read; False, with nothing done, if the library must read it itself.

        That is for whatever is unusual, and so for all that the library refuses. To write a request out, have it
        parsed and look at it once more took about 110 us of the 1,200 that a connection cost.
        """
        headers = [(name, value.strip(b" \t")) for name, value in door.headers]
        if door.scope["method"] != "GET" or self.conn.available_extensions or not is_usual(door.url, headers):
            return False
        self.conn.parser = Protocol.parse(self.conn)  # a server's would read a request
        next(self.conn.parser)
        self.connections.add(self)
        self.transport, self.server, self.client = door.transport, door.server, door.client
        self.scheme = "wss" if door.scheme == "https" else "ws"
        self._begin(door.url.decode("ascii"), headers)
        return True

    def _begin(self, target: str, headers: list[tuple[bytes, bytes]]) -> None:
        """As uvicorn does after its own handshake, without asking the system again for the addresses."""
        offer = dict(headers)
        self._key = offer[b"sec-websocket-key"].decode()
        raw_path, _, query = target.partition("?")
        self.scope = {
            "type": "websocket",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": self.scheme,
            "server": self.server,
            "client": self.client,
            "root_path": self.root_path,
            "path": self.root_path + unquote(raw_path),
            "raw_path": (self.root_path + raw_path).encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": headers,
            "subprotocols": _listed(offer.get(b"sec-websocket-protocol", b"")),
            "state": self.app_state.copy(),
            "extensions": {"websocket.http.response": {}, **self._extensions()},
        }
        self.queue.put_nowait({"type": "websocket.connect"})
        task = self.loop.create_task(self.run_asgi())
        task.add_done_callback(self.on_task_complete)
        self.tasks.add(task)

    def data_received(self, data: bytes) -> None:
        """Parse piece by piece, until somebody closed."""
        for start in range(0, len(data), PIECE):
            super().data_received(data[start : start + PIECE])
            if self.conn.handshake_exc is not None:
                self._refuse_handshake()
            if self.transport.is_closing():
                return

    def handle_events(self) -> None:
        """See uvicorn."""
        if not self.transport.is_closing():
            super().handle_events()

    def handle_connect(self, event: Request) -> None:
        """Offer the extension."""
        super().handle_connect(event)
        if not self.close_sent:
            self.scope.setdefault("extensions", {}).update(self._extensions())

    def _extensions(self) -> dict[str, Any]:
        return {BURST: {"write": self.write_now}, CUT: {"now": self.transport.abort}}

    def handle_text(self, event: Frame) -> None:
        """A message starts."""
        self._fragments = 1
        super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        """A message starts."""
        self._fragments = 1
        super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        """A message goes on."""
        self._fragments += 1
        if self._fragments > MAX_FRAGMENTS:
            self._fail(CloseCode.VIOLATION, "too many fragments")
        elif not self.close_sent:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """A message is whole. Text that is none is the client's mistake, and no error of ours to be logged."""
        if self.curr_msg_data_type == "text" and not _is_utf8(self.frames):
            self._fail(INVALID_DATA, "not UTF-8")
        else:
            super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Answer it, which the parser has prepared."""
        if self._may_control():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """It may be an answer to ours."""
        if self._may_control():
            super().handle_pong(event)

    async def send(self, message: Any) -> None:
        """See ASGI."""
        if self.close_sent and self.transport.is_closing():
            raise ClientDisconnected  # closed from below, while the application was about to speak
        if message["type"] != BURST:
            key, self._key = self._key, None
            if key is not None and message["type"] == "websocket.accept":
                await self.writable.wait()
                self._accept(key, message)
                return
            await super().send(message)
            if message["type"] == "websocket.http.response.body":
                self.handshake_complete = True  # uvicorn forgets it, and logs every refusal as an error
            return
        await self.writable.wait()
        self._write(message["frames"])

    def _accept(self, key: str, message: Any) -> None:
        """As uvicorn does, without a line for a log that is off and a date that is thrown away."""
        if self.disconnected or self.transport.is_closing():
            raise ClientDisconnected
        lines = [_SWITCHING + accept_key(key).encode()]
        lines += [
            name + b": " + value for name, value in (*self.default_headers, *message.get("headers", ()))
        ]
        if subprotocol := message.get("subprotocol"):
            lines.append(b"Sec-WebSocket-Protocol: " + subprotocol.encode())
        self.conn.state = State.OPEN
        self.handshake_complete = True
        self.transport.write(b"\r\n".join([*lines, b"", b""]))
        self.start_keepalive()

    def write_now(self, frames: Sequence[bytes]) -> bool:
        """See `BURST`."""
        if not self.writable.is_set():
            return False
        self._write(frames)
        return True

    def _write(self, frames: Sequence[bytes]) -> None:
        if self.disconnected or self.close_sent or self.conn.state is not State.OPEN:
            raise ClientDisconnected
        self.transport.write(framed(frames))

    def keepalive_timeout(self) -> None:
        """The peer is gone, or so far away that it must come again."""
        self._fail(CloseCode.NO_PONG, "no pong")

    def _may_control(self) -> bool:
        """Whether one more ping or pong is fine; the generic cell rate algorithm."""
        now = self.loop.time()
        self._control_due = max(self._control_due, now) + CONTROL_INTERVAL_S
        if self._control_due - now <= CONTROL_BURST * CONTROL_INTERVAL_S:
            return not self.transport.is_closing()
        self._fail(CloseCode.RATE, "too many pings")
        return False

    def _fail(self, code: int, reason: str) -> None:
        """Close without waiting for the peer's half, who may never send it, nor read ours."""
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.fail(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": int(code), "reason": reason})
        self.transport.close()
        self.close_timer = self.loop.call_later(CLOSE_PATIENCE_S, self.transport.abort)

    def _refuse_handshake(self) -> None:
        """The library reads less than HTTP's parser does; uvicorn would then say nothing, for ever."""
        if self.transport.is_closing():
            return
        self.handshake_complete = True
        self.close_sent = True
        self.transport.write(b"".join(self.conn.data_to_send()) or _BAD_REQUEST)
        self.transport.close()


def is_usual(target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether this is the handshake that nearly every client sends (RFC 6455, section 4.2.1)."""
    offer = dict(headers)
    size = len(target) + sum(len(name) + len(value) for name, value in headers)
    return (
        len(offer) == len(headers) <= HEAD_LINES
        and size <= HEAD_BYTES
        and target.isascii()
        and BODY.isdisjoint(offer)
        and offer.get(b"upgrade", b"").lower() == b"websocket"
        and offer.get(b"sec-websocket-version") == b"13"
        and _CONNECTION.fullmatch(offer.get(b"connection", b"")) is not None
        and _KEY.fullmatch(offer.get(b"sec-websocket-key", b"")) is not None
        and _SUBPROTOCOLS.fullmatch(offer.get(b"sec-websocket-protocol", b"none")) is not None
    )


def _listed(value: bytes) -> list[str]:
    return [each.strip() for each in value.decode("ascii").split(",")] if value else []


def _is_utf8(fragments: Sequence[bytes]) -> bool:
    try:
        (fragments[0] if len(fragments) == 1 else b"".join(fragments)).decode()
    except UnicodeDecodeError:
        return False
    return True


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
