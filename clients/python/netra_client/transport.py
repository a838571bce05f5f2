"""One WebSocket: open it, authenticate, carry frames. It knows no events and never reconnects."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from netra_client.closing import NO_CLOSE_FRAME, UNAUTHENTICATED, Ended, of_http_status
from netra_client.commands import Authenticate, encode
from netra_client.errors import ConnectFailed
from netra_client.messages import Connected, ErrorFrame, ServerFrame, Unknown, decode

Auth = Literal["header", "frame"]
# A page of 200 messages of 64 KiB each, with room for escapes; a bound, so that no server can fill us up.
MAX_FRAME_BYTES = 32 * 1024 * 1024
# A peer that does not answer our close within this is not worth waiting for.
CLOSE_TIMEOUT_S = 1.0


class Dropped(Exception):
    """The connection ended, or was never made; `ended` says how."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.reason)
        self.ended = ended


@dataclass(frozen=True, slots=True)
class Opened:
    """An authenticated connection and the server's first word."""

    socket: "Socket"
    connected: Connected


class Socket:
    """A WebSocket that carries frames."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, frame: bytes) -> None:
        """Send one frame; a connection that broke is noticed by `receive`, not here."""
        try:
            await self._connection.send(frame, text=True)
        except ConnectionClosed:
            return

    async def receive(self) -> ServerFrame | Unknown:
        """Wait for one frame.

        Raises:
            Dropped: the connection ended.
            MalformedFrame: the frame is not on the wire's page.
        """
        try:
            return decode(await self._connection.recv())
        except ConnectionClosed as error:
            raise Dropped(_ended(error)) from error

    async def close(self) -> None:
        """Close with 1000."""
        await self._connection.close()

    def abort(self) -> None:
        """Drop the connection without a word: the peer has stopped answering."""
        self._connection.transport.abort()


def _ended(error: ConnectionClosed) -> Ended:
    if error.rcvd is not None:
        return Ended(code=error.rcvd.code, reason=error.rcvd.reason)
    if error.sent is not None:
        # Our own side closed first: over a frame that broke RFC 6455 or the size bound.
        return Ended(code=error.sent.code, reason=error.sent.reason)
    return Ended(code=NO_CLOSE_FRAME, reason="the connection broke")


async def open_socket(url: str, *, token: str, auth: Auth, timeout_s: float) -> Opened:
    """Connect and authenticate within `timeout_s` seconds.

    Raises:
        Dropped: it did not come to `connected`; `ended` says what to do.
        ConnectFailed: something that is not a Netra server answers.
    """
    try:
        async with asyncio.timeout(timeout_s):
            socket = Socket(await _upgrade(url, token if auth == "header" else None))
            try:
                return Opened(socket, await _greet(socket, token if auth == "frame" else None))
            except BaseException:
                socket.abort()
                raise
    except TimeoutError as error:
        raise Dropped(Ended(code=NO_CLOSE_FRAME, reason=f"no answer within {timeout_s:g} s")) from error


async def _upgrade(url: str, token: str | None) -> ClientConnection:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else None
    try:
        # The wire has its own heartbeat, so the library's ping is off; pings of the server are answered.
        return await connect(
            url,
            additional_headers=headers,
            subprotocols=["netra.v1"],  # type: ignore[list-item]  # websockets has a NewType over str here
            ping_interval=None,
            open_timeout=None,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MAX_FRAME_BYTES,
        )
    except InvalidStatus as error:
        ended = of_http_status(error.response.status_code)
        if ended is None:
            raise ConnectFailed(f"No Netra server at {url}: HTTP {error.response.status_code}.") from error
        raise Dropped(ended) from error
    except (OSError, EOFError, InvalidHandshake) as error:
        raise Dropped(Ended(code=NO_CLOSE_FRAME, reason=f"cannot reach {url}")) from error


async def _greet(socket: Socket, token: str | None) -> Connected:
    if token is not None:
        await socket.send(encode("authenticate", Authenticate(token)))
    while True:
        frame = await socket.receive()
        if isinstance(frame, Connected):
            return frame
        if isinstance(frame, ErrorFrame) and frame.payload.code == "unauthenticated":
            raise Dropped(Ended(code=UNAUTHENTICATED, reason=frame.payload.message))
