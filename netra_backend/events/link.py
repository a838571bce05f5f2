"""One connection to one Valkey server: bytes in, answers out, with no coroutine for an answer.

Knows addresses, TLS and login. It must never reconnect or decide anything: whoever owns it does.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ssl import SSLContext
from typing import Any, cast

import hiredis
from redis.asyncio.connection import SSLConnection, parse_url

PATIENCE_S = 2.0
"""Seconds for one exchange with a store that is local or near, and for connecting to it."""
RETRY_S = 0.2
"""Seconds between attempts to reach a server again: short, for live text waits for it."""

Command = tuple[Any, ...]

_NOTHING = object()


class Refused(ConnectionError):
    """The server refused the login; the message is the first word of its answer, which names nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server is and how to log in. With `path` it is a Unix socket; with `tls` it is encrypted."""

    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    tls: SSLContext | None = None
    greeting: tuple[Command, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """For logs."""
        return self.path or f"{self.host}:{self.port}"

    def elsewhere(self, host: str, port: int) -> "Address":
        """The same login at another server of a Cluster; an empty or unknown (`?`) host is this one."""
        return replace(self, host=self.host if host in ("", "?") else host, port=port)


def parse_address(url: str) -> Address:
    """The address that a URL means: `redis://`, `rediss://` or `unix://`, with redis-py's options.

    Raises:
        ValueError: it is none.
    """
    parts: dict[str, Any] = dict(parse_url(url))
    options = {name: value for name, value in parts.items() if name.startswith("ssl_")}
    tls = parts.get("connection_class") is SSLConnection
    try:
        context = SSLConnection(**options).ssl_context.get() if tls else None
    except TypeError:
        raise ValueError("it has an ssl_ option that does not exist") from None
    login = [parts[name] for name in ("username", "password") if name in parts]
    greeting: list[Command] = [("AUTH", *login)] if "password" in parts else []
    if database := parts.get("db"):
        greeting.append(("SELECT", database))
    place: dict[str, Any] = {name: parts[name] for name in ("host", "port", "path") if name in parts}
    return Address(**place, tls=context, greeting=tuple(greeting))


class Link(asyncio.Protocol):
    """See the module. Made by `linked`."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._transport: asyncio.Transport | None = None
        self._answers: list[Any] = []
        self._wanted = 0
        self._take: Callable[[Any], None] = self._collect
        self._done = asyncio.get_running_loop().create_future()
        self.closed = asyncio.get_running_loop().create_future()

    async def exchange(self, commands: list[Command]) -> list[Any]:
        """Send all; their answers in order, refusals as `hiredis.ReplyError` among them.

        One at a time. After an error or a cancellation the link is of no use: answers would be mixed up.
        """
        self._wanted, self._answers = len(commands), []
        self._done = asyncio.get_running_loop().create_future()
        self.send(commands)
        async with asyncio.timeout(PATIENCE_S):
            answers: list[Any] = await self._done
        return answers

    def listen(self, take: Callable[[Any], None]) -> None:
        """Give everything that comes from now on to `take`, which must not raise."""
        self._take = take

    def send(self, commands: Iterable[Command]) -> None:
        """Write commands.

        Raises:
            ConnectionError: the connection has ended.
        """
        if self._transport is None or self.closed.done():
            raise ConnectionResetError
        self._transport.write(b"".join([hiredis.pack_command(command) for command in commands]))

    def close(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without saying so

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        try:
            self._reader.feed(data)
            while (answer := self._reader.gets()) is not _NOTHING:
                self._take(answer)
        except hiredis.ProtocolError:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if not self._done.done():
            self._done.set_exception(ConnectionResetError())
            self._done.exception()  # nobody may be waiting
        if not self.closed.done():
            self.closed.set_result(None)

    def _collect(self, answer: Any) -> None:
        self._answers.append(answer)
        if len(self._answers) == self._wanted and not self._done.done():
            self._done.set_result(self._answers)


@asynccontextmanager
async def linked(address: Address) -> AsyncIterator[Link]:
    """A link, logged in; closed with this block.

    Raises:
        Refused: the login failed.
        OSError, TimeoutError: the server cannot be reached.
    """
    loop, link = asyncio.get_running_loop(), Link()
    try:
        async with asyncio.timeout(PATIENCE_S):
            if address.path is not None:
                await loop.create_unix_connection(lambda: link, address.path)
            else:
                await loop.create_connection(lambda: link, address.host, address.port, ssl=address.tls)
        if address.greeting:
            for answer in await link.exchange(list(address.greeting)):
                if isinstance(answer, hiredis.ReplyError):
                    raise Refused(str(answer).partition(" ")[0])
        yield link
    finally:
        link.close()
