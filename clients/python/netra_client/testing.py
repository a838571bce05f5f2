"""A real WebSocket server that says what a test tells it to, for tests of this client and of applications.

It decides nothing but the greeting; it listens on a free port of 127.0.0.1.
"""

import asyncio
import http
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

# Far beyond what anything here takes; a test that waits this long has failed.
PATIENCE_S = 10.0


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self.authorization = connection.request.headers.get("Authorization") if connection.request else None

    async def receive(self, type_: str) -> dict[str, Any]:
        """Wait for the next frame, which must be of `type_`, and return it."""
        async with asyncio.timeout(PATIENCE_S):
            data = await self._connection.recv()
        frame = json.loads(data)
        if not isinstance(frame, dict) or frame["type"] != type_ or not isinstance(data, str):
            raise AssertionError(f"expected `{type_}`, got {data!r}")
        return frame

    async def send(self, type_: str, payload: dict[str, Any] | None = None, **header: Any) -> None:
        """Send a frame; `header` is `reply_to`, `seq`, `thread_id`, `run_id`."""
        await self._connection.send(json.dumps({"type": type_, "payload": payload or {}, **header}))

    async def event(self, seq: int, type_: str = "thread_updated", **payload: Any) -> None:
        """Send a durable event of thread `t` and run `r`."""
        await self.send(type_, payload, seq=seq, thread_id="t", run_id="r")

    async def accept(self, frame: dict[str, Any], **payload: Any) -> None:
        """Answer a command with thread `t` and run `r`."""
        body = {"message_id": "m", "duplicate": False, "queue_position": 0, **payload}
        await self.send("accepted", body, reply_to=frame["id"], thread_id="t", run_id="r")

    async def say(self, text: str) -> None:
        """Send any text."""
        await self._connection.send(text)

    async def close(self, code: int, reason: str = "") -> None:
        """Close the connection."""
        await self._connection.close(code, reason)

    def abort(self) -> None:
        """Break the connection without a close frame, as a cable does."""
        self._connection.transport.abort()

    async def closed(self) -> int | None:
        """Wait until the client has closed; return its code."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    await self._connection.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else None


class ScriptedServer:
    """Greets every connection and hands it to the test.

    Attributes:
        greeting: the payload of `connected`; `None` sends nothing, and the test speaks first.
        refusals: HTTP statuses with which the next upgrades are refused.
    """

    def __init__(self) -> None:
        self.url = ""
        self.refusals: list[int] = []
        self.greeting: dict[str, Any] | None = {
            "user_id": "u",
            "tenant_id": "n",
            "connection_id": "c",
            "epoch": 1,
            "head": 0,
            "heartbeat_s": 15,
            "max_frame_bytes": 65536,
            "server_version": "0",
        }
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()

    async def accept(self) -> Peer:
        """Wait for the next connection."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._peers.get()

    @property
    def waiting(self) -> int:
        """How many connections were made and not accepted by the test."""
        return self._peers.qsize()

    def greet(self, **fields: Any) -> None:
        """Change fields of the greeting."""
        self.greeting = {**(self.greeting or {}), **fields}

    def _refuse(self, connection: ServerConnection, _: Request) -> Response | None:
        if not self.refusals:
            return None
        return connection.respond(http.HTTPStatus(self.refusals.pop(0)), "refused\n")

    async def _serve(self, connection: ServerConnection) -> None:
        peer = Peer(connection)
        if self.greeting is not None:
            await peer.send("connected", self.greeting)
        self._peers.put_nowait(peer)
        await connection.wait_closed()


@asynccontextmanager
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    """Serve until the block ends."""
    server = ScriptedServer()
    async with serve(
        server._serve, "127.0.0.1", 0, process_request=server._refuse, ping_interval=None, close_timeout=1
    ) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        server.url = f"http://127.0.0.1:{port}"
        yield server
