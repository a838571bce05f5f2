"""Keeps one connection alive: opens it, reads it, notices silence, waits, comes back.

It owns the only task that reads and the only one that writes. What frames mean is `session`'s business.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import assert_never

from netra_client.address import Address
from netra_client.backoff import Backoff
from netra_client.closing import NO_CLOSE_FRAME, After, Ended
from netra_client.commands import Authenticate, encode
from netra_client.credentials import Credentials
from netra_client.errors import ClientClosed, ConnectFailed, ConnectionClosedForGood, FrameTooLarge
from netra_client.messages import Heartbeat, Reconnect, ServerFrame, TokenExpiring, Unknown
from netra_client.session import Session
from netra_client.subscription import Broadcast, ConnectionChanged
from netra_client.transport import Auth, Dropped, Opened, Socket, open_socket

log = logging.getLogger("netra_client")

# Two heartbeats may be late for good reasons; half of a third is not coming.
SILENT_HEARTBEATS = 2.5


def _new_id() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an application may set, and what a test puts in.

    Attributes:
        auth: send the token as a header of the upgrade, or as the first frame.
        connect_timeout_s: seconds for one attempt, up to `connected`.
        event_buffer: events that one reader may fall behind before it gets a `resync` instead.
        random: numbers in [0, 1) for the jitter.
        sleep: waits a number of seconds between attempts.
        new_id: makes ids of frames, 1-64 printable characters, never twice the same.
    """

    auth: Auth = "header"
    connect_timeout_s: float = 10.0
    event_buffer: int = 10_000
    random: Callable[[], float] = secrets.SystemRandom().random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    new_id: Callable[[], str] = _new_id


class Link:
    """One user's connection to one server, whatever happens to sockets."""

    def __init__(
        self,
        *,
        address: Address,
        credentials: Credentials,
        session: Session,
        broadcast: Broadcast,
        options: Options,
    ) -> None:
        self._address = address
        self._credentials = credentials
        self._session = session
        self._broadcast = broadcast
        self._options = options
        self._backoff = Backoff(options.random)
        self._outbox: asyncio.Queue[bytes] | None = None
        self._task: asyncio.Task[None] | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._max_frame_bytes: int | None = None

    async def start(self) -> None:
        """Connect for the first time and stay connected until `close`.

        Raises:
            ConnectFailed: the first attempt failed; later ones are repeated without end.
            AuthenticationFailed: the token is refused.
            ConnectionClosedForGood: the server does not want this client.
        """
        if self._task is not None:
            raise ClientClosed("A client is opened once; make a new one.")
        self._opened = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live(self._opened), name="netra-link")
        self._task.add_done_callback(self._done)
        try:
            await asyncio.shield(self._opened)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connection; all who wait for an answer get `ClientClosed`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._fail(ClientClosed("The client is closed."))
        self._broadcast.end(None)

    def send(self, frame: bytes) -> bool:
        """Send a frame if there is a connection; `False` when there is none now."""
        self.check(frame)
        if self._outbox is None:
            return False
        self._outbox.put_nowait(frame)
        return True

    def check(self, frame: bytes) -> None:
        """Refuse what can never be sent.

        Raises:
            FrameTooLarge: more bytes than `connected.max_frame_bytes`.
            ClientClosed, or what ended the client: there will be no connection.
        """
        if self._task is None:
            raise ClientClosed("The client is not open; use it inside `async with`.")
        if self._error is not None:
            raise self._error
        if self._max_frame_bytes is not None and len(frame) > self._max_frame_bytes:
            raise FrameTooLarge(
                f"The frame has {len(frame)} bytes and the server takes {self._max_frame_bytes}; shorten it."
            )

    def _done(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._fail(error)
            self._broadcast.end(error)

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
        self._session.fail(self._error)
        if self._opened is not None and not self._opened.done():
            self._opened.set_exception(self._error)
            # `start` may have been cancelled, and then nobody looks.
            self._opened.exception()

    async def _live(self, opened: asyncio.Future[None]) -> None:
        while True:
            ended = await self._attempt(opened)
            delay = self._delay_after(ended, ever_open=opened.done())
            self._broadcast.put(
                ConnectionChanged(state="waiting", code=ended.code, reason=ended.reason, retry_in_s=delay)
            )
            await self._options.sleep(delay)

    async def _attempt(self, opened: asyncio.Future[None]) -> Ended:
        try:
            connection = await open_socket(
                self._address.socket,
                token=await self._credentials.current(),
                auth=self._options.auth,
                timeout_s=self._options.connect_timeout_s,
            )
        except Dropped as dropped:
            return dropped.ended
        except ConnectFailed as error:
            if not opened.done():
                raise
            # A proxy in front of a server that restarts says many things; it was right once.
            return Ended(code=NO_CLOSE_FRAME, reason=str(error))
        return await self._serve(connection, opened)

    def _delay_after(self, ended: Ended, *, ever_open: bool) -> float:
        match ended.after:
            case After.GIVE_UP:
                raise ConnectionClosedForGood(ended.code, ended.reason)
            case After.RENEW_TOKEN:
                self._credentials.refused()
            case After.RECONNECT:
                if not ever_open:
                    raise ConnectFailed(f"Cannot connect: {ended.reason}. Is the server up?")
            case _ as unreachable:
                assert_never(unreachable)
        delay = self._backoff.next_delay()
        return delay if ended.retry_after_s is None else ended.retry_after_s

    async def _serve(self, connection: Opened, opened: asyncio.Future[None]) -> Ended:
        outbox: asyncio.Queue[bytes] = asyncio.Queue()
        writer = asyncio.create_task(_write(connection.socket, outbox), name="netra-writer")
        try:
            self._begin(connection, outbox)
            if not opened.done():
                opened.set_result(None)
            return await self._read(connection.socket, connection.connected.payload.heartbeat_s)
        finally:
            self._outbox = None
            self._session.disconnected()
            await _cancel(writer, self._renewal)
            await connection.socket.close()

    def _begin(self, connection: Opened, outbox: asyncio.Queue[bytes]) -> None:
        # No await from here to the end: nothing can slip in before `resume`.
        self._credentials.accepted()
        self._max_frame_bytes = connection.connected.payload.max_frame_bytes
        self._send_all(outbox, self._session.connected(connection.connected))
        self._outbox = outbox
        self._broadcast.put(ConnectionChanged(state="open"))

    async def _read(self, socket: Socket, heartbeat_s: float) -> Ended:
        loop = asyncio.get_running_loop()
        silence_s = SILENT_HEARTBEATS * heartbeat_s
        retry_after_s: float | None = None
        try:
            async with asyncio.timeout(silence_s) as alarm:
                while True:
                    frame = await socket.receive()
                    alarm.reschedule(loop.time() + silence_s)
                    if isinstance(frame, Reconnect):
                        retry_after_s = frame.payload.retry_after_ms / 1000
                    self._take(frame)
        except TimeoutError:
            socket.abort()
            return Ended(code=NO_CLOSE_FRAME, reason=f"no heartbeat for {silence_s:g} s")
        except Dropped as dropped:
            return replace(dropped.ended, retry_after_s=retry_after_s)

    def _take(self, frame: ServerFrame | Unknown) -> None:
        if isinstance(frame, Heartbeat):
            # A connection that lived through a heartbeat is good; `connected` alone proves little, for a
            # server may close right after it.
            self._backoff.reset()
        if isinstance(frame, TokenExpiring) and self._credentials.renewable:
            self._renewal = asyncio.create_task(self._renew(), name="netra-renewal")
        if self._outbox is not None:
            self._send_all(self._outbox, self._session.receive(frame))

    async def _renew(self) -> None:
        try:
            token = await self._credentials.renew()
        except Exception as error:  # noqa: BLE001 - the provider is the application's; 4401 asks it again
            log.warning("A new token could not be had (%s).", type(error).__name__)
            return
        self.send(encode("authenticate", Authenticate(token), id_=self._options.new_id()))

    @staticmethod
    def _send_all(outbox: asyncio.Queue[bytes], frames: list[bytes]) -> None:
        for frame in frames:
            outbox.put_nowait(frame)


async def _write(socket: Socket, outbox: asyncio.Queue[bytes]) -> None:
    while True:
        await socket.send(await outbox.get())


async def _cancel(*tasks: asyncio.Task[None] | None) -> None:
    running = [task for task in tasks if task is not None and not task.done()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
