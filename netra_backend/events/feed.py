"""The feed on Valkey: sharded channels per owner, and one channel for workers and gateways.

Who listens in this very process is told at once, and everybody else through Valkey: one process
needs no round trip for itself, and works on when Valkey is away. It may lose, repeat and reorder;
whoever listens compares numbers with the log.
"""

import asyncio
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import msgspec
import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from netra_backend.domain.events import Event
from netra_backend.domain.ids import MessageId, Owner, RunId, ThreadId
from netra_backend.domain.ports import Sink
from netra_backend.events.names import EVERYBODY, channel
from netra_backend.events.outlet import Outlet
from netra_backend.protocol.frames import event_frame

log = structlog.get_logger(__name__)

RETRY_S = 0.2
"""Seconds between attempts to reach Valkey again: short, for live text waits for it."""
SUBSCRIBE_TIMEOUT = 2.0
"""Seconds to wait for a subscription before the connection goes on with the log alone."""

_delta = msgspec.json.Decoder(tuple[ThreadId, MessageId, int, str])
_typing = msgspec.json.Decoder(tuple[ThreadId, str, bool])


class ValkeyFeed:
    """See `domain.ports.Feed`.

    Args:
        client: the connection pool.
        origin: names this process; its own messages are not taken again when they come back.
    """

    def __init__(self, client: Redis, *, origin: str) -> None:
        self._client = client
        self.origin = origin.replace("-", "").encode()
        self.outlet = Outlet(client, recovered=lambda: self._everybody(b"D"))
        self._sinks: dict[bytes, tuple[Owner, set[Sink]]] = {}
        self._pubsub: PubSub | None = None
        self._pending: dict[bytes, asyncio.Future[None]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._work: Callable[[], None] = _nothing
        self._doubt: Callable[[], None] = _nothing
        self._stop: Callable[[RunId], None] = _nothing

    @property
    def healthy(self) -> bool:
        """See the port."""
        return self._pubsub is not None and not self.outlet.lost

    async def open(self) -> None:
        """Start listening; returns at once if Valkey is away, and goes on trying."""
        connected = asyncio.Event()
        self._reader = asyncio.create_task(self._read(connected), name="valkey-feed")
        await connected.wait()

    async def close(self) -> None:
        """Send what is queued and stop listening."""
        await self.outlet.settle()
        if self._reader:
            self._reader.cancel()
            await asyncio.wait([self._reader])

    async def attach(self, owner: Owner, sink: Sink) -> None:
        """See the port."""
        name = channel(owner)
        _, sinks = self._sinks.setdefault(name, (owner, set()))
        sinks.add(sink)
        if len(sinks) == 1:
            await self._subscribe(name)
        elif name in self._pending:
            await asyncio.wait([self._pending[name]], timeout=SUBSCRIBE_TIMEOUT)

    async def detach(self, owner: Owner, sink: Sink) -> None:
        """See the port."""
        name = channel(owner)
        _, sinks = self._sinks.get(name, (owner, set()))
        sinks.discard(sink)
        if sinks or self._sinks.pop(name, None) is None or self._pubsub is None:
            return
        try:
            await self._pubsub.sunsubscribe(name)
        except (RedisError, OSError) as error:
            log.debug("unsubscribe_failed", error=type(error).__name__)

    def publish(self, owner: Owner, events: Sequence[Event]) -> None:
        """See the port."""
        if events:
            frames = b"\n".join(event_frame(event) for event in events)
            self._tell(owner, b"E%d\n%s" % (events[0].seq, frames))

    def typing(self, owner: Owner, thread_id: ThreadId, source: str, *, active: bool) -> None:
        """See the port."""
        self._tell(owner, b"P" + msgspec.json.encode((thread_id, source, active)))

    def revoke(self, owner: Owner) -> None:
        """See the port."""
        self._tell(owner, b"R")

    def work(self) -> None:
        """See the port."""
        self._work()
        self.outlet.send_once("PUBLISH", EVERYBODY, self.origin + b"W")

    def stop(self, run_id: RunId) -> None:
        """See the port."""
        self._stop(run_id)
        self._everybody(b"S" + run_id.encode())

    def owners(self) -> Collection[Owner]:
        """See the port."""
        return [owner for owner, _ in self._sinks.values()]

    def beat(self, heads: Mapping[Owner, int | None]) -> None:
        """See the port."""
        for owner, head in heads.items():
            for sink in self._listeners(channel(owner)):
                sink.on_head(head)

    def on_doubt(self, callback: Callable[[], None]) -> None:
        """See the port."""
        self._doubt = callback

    def on_work(self, callback: Callable[[], None]) -> None:
        """See the port."""
        self._work = callback

    def on_stop(self, callback: Callable[[RunId], None]) -> None:
        """See the port."""
        self._stop = callback

    def tell_here(self, owner: Owner, message: bytes) -> None:
        """Tell who listens in this process."""
        self._to_sinks(channel(owner), message[:1], message[1:])

    def _tell(self, owner: Owner, message: bytes) -> None:
        self.tell_here(owner, message)
        self.outlet.send("SPUBLISH", channel(owner), self.origin + message)

    def _everybody(self, message: bytes) -> None:
        self.outlet.send("PUBLISH", EVERYBODY, self.origin + message)

    async def _subscribe(self, name: bytes) -> None:
        if self._pubsub is None:
            return
        done = self._pending[name] = asyncio.get_running_loop().create_future()
        try:
            await self._pubsub.ssubscribe(name)
        except (RedisError, OSError, AttributeError) as error:  # redis-py: closed under our feet
            log.debug("subscribe_failed", error=type(error).__name__)
        else:
            await asyncio.wait([done], timeout=SUBSCRIBE_TIMEOUT)

    async def _read(self, connected: asyncio.Event) -> None:
        while True:
            pubsub = self._client.pubsub()
            try:
                await pubsub.subscribe(EVERYBODY)
                if self._sinks:
                    await pubsub.ssubscribe(*self._sinks)
                self._pubsub = pubsub
                connected.set()
                self._doubt()
                while True:
                    self._deliver(*await _next(pubsub))
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("feed_away", error=type(error).__name__)
            finally:
                self._pubsub = None
                connected.set()
                await _quietly_close(pubsub)
            self._doubt()
            await asyncio.sleep(RETRY_S)

    def _deliver(self, kind: bytes, name: bytes, data: bytes | int) -> None:
        if isinstance(data, bytes):
            if not data.startswith(self.origin):
                message = data[len(self.origin) :]
                deliver = self._to_everybody if name == EVERYBODY else partial(self._to_sinks, name)
                deliver(message[:1], message[1:])
        elif kind == b"ssubscribe" and (done := self._pending.pop(name, None)) and not done.done():
            done.set_result(None)

    def _to_everybody(self, kind: bytes, rest: bytes) -> None:
        if kind == b"W":
            self._work()
        elif kind == b"S":
            self._stop(RunId(rest.decode()))
        elif kind == b"D":
            self._doubt()

    def _to_sinks(self, name: bytes, kind: bytes, rest: bytes) -> None:
        sinks = self._listeners(name)
        if kind == b"E":
            first, *frames = rest.split(b"\n")
            for sink in sinks:
                sink.on_events(int(first), frames)
        elif kind == b"T":
            delta = _delta.decode(rest)
            for sink in sinks:
                sink.on_delta(*delta)
        elif kind == b"P":
            notice = _typing.decode(rest)
            for sink in sinks:
                sink.on_typing(*notice)
        elif kind == b"R":
            for sink in sinks:
                sink.on_revoked()

    def _listeners(self, name: bytes) -> tuple[Sink, ...]:
        _, sinks = self._sinks.get(name, (None, ()))
        return tuple(sinks)


def _nothing(*_: object) -> None:
    """Nobody has asked to be told."""


async def _next(pubsub: PubSub) -> list[bytes]:
    """The next message, read without the retries and health checks that would cost more than it."""
    connection: AbstractConnection | None = getattr(pubsub, "connection", None)
    if connection is None:
        raise ConnectionError
    message: list[bytes] = await connection.read_response(timeout=math.inf, push_request=True)
    return message


async def _quietly_close(pubsub: PubSub) -> None:
    try:
        await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
    except (RedisError, OSError) as error:
        log.debug("close_failed", error=type(error).__name__)
