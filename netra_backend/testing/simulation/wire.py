"""One WebSocket between a tab and a gateway, as ASGI sees it: cut, half-open, or read too slowly."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from netra_backend.testing.simulation.loop import Process
from netra_backend.websocket_core.uvicorn_socket import BURST

HELD = 6
"""Messages that the sockets' buffers hold for a reader who does not read."""
NO_PONG_S = 6.0
"""Seconds until the server notices that nobody answers its pings."""

Event = dict[str, Any]


class Wire:
    """See the module. `frames` and `closed` are called in the people's process.

    Args:
        server: the gateway's process.
    """

    def __init__(
        self,
        server: Process,
        people: Process,
        *,
        frame: "FrameTaken",
        closed: "Closed",
    ) -> None:
        self.server = server
        self._people = people
        self._frame = frame
        self._closed = closed
        self._inbox: deque[Event] = deque([{"type": "websocket.connect"}])
        self._reader: asyncio.Future[None] | None = None
        self._held: list[Event] | None = None
        self._room: asyncio.Future[None] | None = None
        self._broken = False
        self.half_open = False

    # The tab's end.

    def say(self, text: str) -> None:
        """Send a text frame."""
        if not self.half_open:
            self.server.soon(self._arrive, {"type": "websocket.receive", "text": text})

    def hang_up(self) -> None:
        """Close, or vanish if it is half open already."""
        if not self.half_open:
            self.server.soon(self._break)

    def lose(self) -> None:
        """Become half open: nothing passes any more, and nobody is told."""
        self.half_open = True
        self.server.soon(self._break, delay=NO_PONG_S)

    def stop_reading(self) -> None:
        """Let frames pile up."""
        if self._held is None:
            self._held = []

    def read_on(self) -> None:
        """Read what piled up, and go on."""
        held, self._held = self._held or [], None
        for event in held:
            self._pass(event)
        self.server.soon(self._wake)

    # The gateway's end.

    async def receive(self) -> Event:
        """See ASGI."""
        while not self._inbox:
            self._reader = self.server.loop.create_future()
            await self._reader
        return self._inbox.popleft()

    async def send(self, event: Event) -> None:
        """See ASGI; raises `OSError` after the end, as uvicorn does."""
        while self._held is not None and len(self._held) >= HELD and not self._broken:
            self._room = self.server.loop.create_future()
            await self._room
        if self._broken:
            raise OSError("The peer is gone.")
        if self._held is not None:
            self._held.append(event)
        else:
            self._pass(event)
        if event["type"] == "websocket.close":
            self._break()

    def _pass(self, event: Event) -> None:
        if self.half_open:
            return
        kind = event["type"]
        if kind == "websocket.send":
            self._people.soon(self._frame, self, event["text"].encode())
        elif kind == BURST:
            for frame in event["frames"]:
                self._people.soon(self._frame, self, frame)
        elif kind == "websocket.close":
            self._people.soon(self._closed, self, event["code"])

    def _arrive(self, event: Event) -> None:
        if not self._broken:
            self._inbox.append(event)
            self._wake()

    def _break(self) -> None:
        if not self._broken:
            self._arrive({"type": "websocket.disconnect", "code": 1006})
            self._broken = True
            self._wake()

    def _wake(self) -> None:
        for waiter in (self._reader, self._room):
            if waiter is not None and not waiter.done():
                waiter.set_result(None)


FrameTaken = Callable[[Wire, bytes], None]
"""Called with each frame."""
Closed = Callable[[Wire, int], None]
"""Called with the code when the server closes."""
