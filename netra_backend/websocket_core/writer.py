"""What leaves one connection: frames in order, as fast as the client takes them, and the close behind them.

While the socket takes everything at once, which is nearly always, a write is a plain call at the end of
the loop's turn; only a client that does not keep up costs a task.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from netra_backend.domain.ports import Clock
from netra_backend.domain.traffic import Traffic
from netra_backend.observability.trace import OFF, Trace
from netra_backend.protocol.errors import CloseCode
from netra_backend.protocol.messages import ServerFrame
from netra_backend.websocket_core.outbox import Numbers, Outbox
from netra_backend.websocket_core.registry import UserContext
from netra_backend.websocket_core.uvicorn_socket import BURST, CUT

log = structlog.get_logger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]
Extensions = Mapping[str, Mapping[str, Any]]

FLUSH_PATIENCE_S = 5.0
"""Seconds that a refused connection has to take its reason."""
WRITE_BYTES = 65_536
"""Bytes handed to the server at once: what a socket's buffer takes without waiting."""
SLOW_S = 1.0
"""Seconds in one write after which a connection counts as slow: a healthy one takes milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterTerms:
    """What the writers of a gateway share. Never anything of one user."""

    clock: Clock
    outbox_bytes: int
    slow: Callable[[], None]
    sent: Callable[[int], None]
    trace: Trace = OFF
    close_patience_s: float = 5.0


class Writer:
    """The outgoing half of a connection.

    Args:
        context: whose connection.
        send: ASGI's.
        extensions: ASGI's; those of `uvicorn_socket` are used where the server has them.
    """

    __slots__ = (
        "_burst",
        "_bytes_sent",
        "_closing",
        "_context",
        "_cut",
        "_deadline",
        "_frames_sent",
        "_outbox",
        "_send",
        "_since",
        "_soon",
        "_task",
        "_terms",
        "_write_now",
        "_writing_since",
    )

    def __init__(
        self, context: UserContext, *, send: Send, terms: WriterTerms, extensions: Extensions
    ) -> None:
        self._context = context
        self._send = send
        self._terms = terms
        self._burst = BURST in extensions
        self._write_now: Callable[[list[bytes]], bool] | None = extensions.get(BURST, {}).get("write")
        self._cut: Callable[[], None] | None = extensions.get(CUT, {}).get("now")
        self._outbox = Outbox(terms.outbox_bytes)
        self._closing: CloseCode | None = None
        self._soon: asyncio.Handle | None = None
        self._task: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._since = terms.clock.monotonic()
        self._writing_since: float | None = None
        self._frames_sent = self._bytes_sent = 0

    @property
    def closing(self) -> bool:
        """Whether no more frames are taken."""
        return self._closing is not None

    def put(self, frame: ServerFrame | bytes) -> None:
        """Send a frame after those before it."""
        if self._closing is not None:
            return
        self._outbox.put(frame)
        if self._outbox.full:
            log.info("connection_too_slow", connection_id=self._context.connection_id)
            self._terms.slow()
            self._outbox.clear()
            self.close(CloseCode.TOO_SLOW)
        self._wake()

    def mark(self, first: int, last: int) -> None:
        """The frames put last were durable ones with these numbers."""
        if self._closing is None:
            self._outbox.mark(first, last)

    def close(self, code: CloseCode) -> None:
        """Send what is waiting, then close; what is not taken in time is cut off."""
        if self._closing is None:
            self._closing = code
            self._wake()
            if self._cut is not None:
                loop = asyncio.get_running_loop()
                self._deadline = loop.call_later(self._terms.close_patience_s, self._cut_off)

    def shut(self, code: CloseCode) -> None:
        """Close, and send nothing of what is waiting."""
        if self._closing is None:
            self._outbox.clear()
            self.close(code)

    async def flushed(self) -> None:
        """Wait until what is queued has left, but not for ever."""
        self._flush_now()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=FLUSH_PATIENCE_S)

    async def room(self) -> None:
        """Wait while half of what may wait does: a long replay must not look like a slow client."""
        while self._outbox.half_full:
            self._flush_now()
            if self._task is None:
                return
            await asyncio.wait([self._task])

    async def end(self) -> None:
        """The socket is gone: free everything."""
        for handle in (self._deadline, self._soon):
            if handle is not None:
                handle.cancel()
        self._deadline = self._soon = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._outbox.clear()

    def traffic(self) -> Traffic:
        """What was sent and what waits, just now."""
        now = self._terms.clock.monotonic()
        waiting_s = now - self._writing_since if self._writing_since is not None else 0.0
        return Traffic(
            connection_id=self._context.connection_id,
            user_id=self._context.owner.user_id,
            connected_s=now - self._since,
            frames_sent=self._frames_sent,
            bytes_sent=self._bytes_sent,
            bytes_waiting=self._outbox.waiting,
            waiting_s=waiting_s,
            slow=waiting_s > SLOW_S or self._outbox.half_full,
        )

    def _wake(self) -> None:
        if self._soon is None and self._task is None:
            self._soon = asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        """An answer and the events of what it answers are put in two turns of the loop: one write for both."""
        self._soon = asyncio.get_running_loop().call_soon(self._flush)

    def _flush_now(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
            self._flush()

    def _flush(self) -> None:
        """Write without waiting; what needs waiting goes on in a task."""
        self._soon = None
        frames: list[bytes] = []
        marks: list[Numbers] = []
        if self._write_now is not None:
            try:
                while self._outbox:
                    frames, marks = self._outbox.take_some(WRITE_BYTES), self._outbox.marks()
                    if not self._write_now(frames):
                        break
                    self._wrote(frames, marks)
                    frames, marks = [], []
            except OSError:
                self._outbox.clear()  # the peer is gone; the read side ends the connection
                return
        if frames or self._outbox or self._closing is not None:
            self._task = asyncio.create_task(self._write(frames, marks), name="connection-writer")

    async def _write(self, frames: list[bytes], marks: list[Numbers]) -> None:
        try:
            while frames or self._outbox:
                if not frames:
                    frames = self._outbox.take_some(WRITE_BYTES if self._burst else 0)
                    marks = self._outbox.marks()
                await self._write_some(frames)
                self._wrote(frames, marks)
                frames = []
            if self._closing is not None:
                await self._send({"type": "websocket.close", "code": int(self._closing)})
        except OSError:
            self._outbox.clear()  # as above
        finally:
            self._task = self._writing_since = None

    async def _write_some(self, frames: list[bytes]) -> None:
        self._writing_since = self._terms.clock.monotonic()
        if self._burst:
            await self._send({"type": BURST, "frames": frames})
        else:
            await self._send({"type": "websocket.send", "text": frames[0].decode()})

    def _wrote(self, frames: list[bytes], marks: list[Numbers]) -> None:
        self._frames_sent += len(frames)
        self._bytes_sent += sum(map(len, frames))
        self._terms.sent(len(frames))
        for first, last in marks:
            self._terms.trace.note("written", self._context.owner, first, last, self._context.connection_id)

    def _cut_off(self) -> None:
        """A client that takes nothing would keep its socket, and what waits in it, until a ping fails."""
        log.info("connection_cut", connection_id=self._context.connection_id)
        if self._cut is not None:
            self._cut()
