"""One WebSocket whose frames come out as the raw text that they are. Never reconnects, never looks inside."""

from netra_client.closing import NO_CLOSE_FRAME, Ended, of_http_status
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus


class RawSocket:
    """An open connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def receive(self) -> str | Ended:
        """The next frame, or how the connection ended."""
        try:
            frame = await self._connection.recv()
        except ConnectionClosed as error:
            close = error.rcvd or error.sent
            if close is None:
                return Ended(code=NO_CLOSE_FRAME, reason="the connection broke")
            return Ended(code=close.code, reason=close.reason)
        return frame if isinstance(frame, str) else frame.decode(errors="replace")

    async def send(self, frame: str) -> None:
        """Send one frame; that the connection broke is noticed by `receive`."""
        try:
            await self._connection.send(frame)
        except ConnectionClosed:
            return

    def abort(self) -> None:
        """Drop the connection without a word."""
        self._connection.transport.abort()


async def open_raw(url: str, *, token: str, timeout_s: float) -> RawSocket | Ended:
    """Connect with the token as a header; whatever hinders that is an end like any other."""
    try:
        # Our own limits only: what the server sends, however large, belongs in the recording.
        return RawSocket(
            await connect(
                url,
                additional_headers={"Authorization": f"Bearer {token}"},
                subprotocols=["netra.v1"],  # type: ignore[list-item]  # websockets has a NewType over str here
                compression=None,
                proxy=None,
                ping_interval=None,
                open_timeout=timeout_s,
                close_timeout=1,
                max_size=None,
            )
        )
    except InvalidStatus as error:
        status = error.response.status_code
        return of_http_status(status) or Ended(code=NO_CLOSE_FRAME, reason=f"HTTP {status}")
    except (TimeoutError, OSError, EOFError, InvalidHandshake) as error:
        return Ended(code=NO_CLOSE_FRAME, reason=f"cannot connect: {type(error).__name__}")
