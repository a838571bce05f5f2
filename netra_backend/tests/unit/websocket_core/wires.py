"""Our WebSocket protocol on a loopback socket, with a client that may send what browsers do not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from netra_backend.websocket_core.uvicorn_socket import UvicornSocket

App = Callable[
    [dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]
PATIENCE_S = 10.0


class Wire:
    """The client's end. `come` holds the frames that came, `response` the answer to the handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self.conn = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/ws"))
        self.come: list[Frame] = []
        self.response: Response | None = None
        self._reader, self._writer = reader, writer

    def shake(self) -> None:
        """Ask for a socket."""
        self.conn.send_request(self.conn.connect())
        self.flush()

    def flush(self) -> None:
        """Send what was put into `conn`, all at once."""
        self.raw(b"".join(self.conn.data_to_send()))

    def raw(self, data: bytes) -> None:
        """Send any bytes."""
        self._writer.write(data)

    async def until(self, wanted: Callable[[], Any]) -> None:
        """Read until `wanted` is true of what came."""
        async with asyncio.timeout(PATIENCE_S):
            while not wanted():
                data = await self._reader.read(65536)
                assert data, "the server has closed"
                self._take(data)

    async def end(self) -> bytes:
        """Read until the server has closed; what came."""
        whole = b""
        async with asyncio.timeout(PATIENCE_S):
            while data := await self._reader.read(65536):
                whole += data
                self._take(data)
        return whole

    async def have(self, opcode: Opcode, count: int) -> None:
        """Read until so many frames of a kind have come."""
        await self.until(lambda: len(self.of(opcode)) >= count)

    def of(self, opcode: Opcode) -> list[bytes]:
        """The contents of all frames of a kind."""
        return [bytes(frame.data) for frame in self.come if frame.opcode is opcode]

    def why(self) -> tuple[int, str]:
        """The close code and reason that came."""
        assert self.conn.close_rcvd is not None
        return self.conn.close_rcvd.code, self.conn.close_rcvd.reason

    def _take(self, data: bytes) -> None:
        self.conn.receive_data(data)
        for event in self.conn.events_received():
            if isinstance(event, Frame):
                self.come.append(event)
            elif isinstance(event, Response):
                self.response = event


@asynccontextmanager
async def wired(app: App, **options: Any) -> AsyncIterator[Wire]:
    """A client connected to `app`, which has not said anything yet."""
    config = Config(app, ws_ping_interval=options.get("ping_s"), ws_ping_timeout=options.get("ping_s"))
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: UvicornSocket(config, state, {}), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Wire(reader, writer, port)
    finally:
        writer.transport.abort()
        server.close()
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=PATIENCE_S)
