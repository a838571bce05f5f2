"""Uvicorn's HTTP protocol with a limit on the head of a request: its time, its size, its lines.

Uvicorn waits for a head for ever and keeps all of it, so one header a minute would hold a connection,
and one without end the memory (slowloris). Never looks at what a request asks.
"""

import asyncio
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from netra_backend.domain.errors import BadMessage, NetraError, TooLarge
from netra_backend.protocol.errors import error_frame
from netra_backend.protocol.messages import encode

log = structlog.get_logger(__name__)

_PHRASES = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}


class UvicornDoor(HttpToolsProtocol):
    """One TCP connection until it ends or becomes a WebSocket."""

    head_timeout_s = 10.0
    """Seconds for a whole head; from the connection, or from the first byte of a later request."""
    head_bytes = 32768
    """Of a head, and of what frames a chunked body."""
    head_lines = 100
    """A browser behind three proxies sends thirty."""

    _deadline: asyncio.TimerHandle | None = None
    _unread = 0
    _kept = 0
    _excess = False
    _begun = False
    _open = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """See asyncio."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what is kept: all of an unfinished request but its body, which is limited elsewhere."""
        self._begun = False
        super().data_received(data)
        self._unread = 0 if self._begun else self._unread + len(data)
        if self._unread > self.head_bytes and not self.transport.is_closing():
            self._refuse(431, TooLarge("The head of the request is too large."))

    def on_message_begin(self) -> None:
        """A request starts."""
        super().on_message_begin()
        self._begun = self._open = True
        self._kept = 0
        self._expect_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Raising here makes the parser stop, and `send_400_response` answer."""
        self._kept += len(name) + len(value)
        if len(self.headers) >= self.head_lines or self._kept > self.head_bytes:
            self._excess = True
            raise OverflowError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head_came()
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand over what is read, unless the successor (`UvicornSocket`) wants to have it read anew.

        Uvicorn would write the request out for the WebSocket library to parse it again.
        """
        successor: Any = self.ws_protocol_class(  # type: ignore[call-arg, misc]  # as uvicorn's own
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        if successor.take_over(self):
            self.connections.discard(self)
            self.transport.set_protocol(successor)
        else:
            super().handle_websocket_upgrade()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._unread -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._open = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """A request that is answered before it ended has no end: nobody waits for the rest."""
        super().on_response_complete()
        answered = self.cycle.response_complete  # and it is not a later request that waits its turn
        if answered and self.cycle.more_body and not self.transport.is_closing():
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """What the parser refuses, in the form of every refusal."""
        if self._excess:
            self._refuse(431, TooLarge("The request has too many or too long headers."))
        else:
            self._refuse(400, BadMessage("This is no HTTP request that can be read."))

    def _expect_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_timeout_s, self._too_slow)

    def _head_came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self._open:
            self._refuse(408, BadMessage("The head of the request did not arrive in time."))
        else:
            self.transport.close()  # it never said anything: browsers open connections in advance

    def _refuse(self, status: int, error: NetraError) -> None:
        log.info("request_head_refused", status=status)
        body = encode({"error": error_frame(error, reply_to=None).payload})
        head = (
            f"HTTP/1.1 {status} {_PHRASES[status]}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def door(*, head_timeout_s: float, head_bytes: int, head_lines: int) -> type[UvicornDoor]:
    """The protocol with these limits; uvicorn makes the objects and passes nothing of ours."""
    limits = {"head_timeout_s": head_timeout_s, "head_bytes": head_bytes, "head_lines": head_lines}
    return type("Door", (UvicornDoor,), limits)
