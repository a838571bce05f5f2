"""One authenticated connection: joins the sans-I/O machines to the socket and to the feed.

It never blocks the feed: what must wait (the socket, the log) waits in short-lived tasks, so that
an idle connection costs no task of its own beyond the server's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from msgspec import UnsetType

from netra_backend.domain.errors import NetraError
from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import MessageId, ThreadId
from netra_backend.domain.ports import Clock, EventLog, LiveText
from netra_backend.protocol import messages as m
from netra_backend.protocol import payloads as p
from netra_backend.protocol.errors import CloseCode
from netra_backend.protocol.frames import event_frame
from netra_backend.protocol.resume import Mode, Stream, refusal
from netra_backend.protocol.session import EXPIRY_NOTICE_S, Session
from netra_backend.websocket_core.following import Following
from netra_backend.websocket_core.outbox import Outbox
from netra_backend.websocket_core.registry import UserContext

log = structlog.get_logger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]

PAGE = 500
"""Events read from the log at once in a replay."""
GAP_PATIENCE_S = 0.02
"""Seconds that a gap in the feed may close by itself before the log is read: two processes that
publish for one user can overtake each other by about a millisecond."""
FLUSH_PATIENCE_S = 5.0
"""Seconds that a refused connection has to take its reason."""
WRITE_BYTES = 65_536
"""Bytes handed to the server at once: what a socket's buffer takes without waiting."""
MAX_TIMER_S = 86_400.0
"""A longer timer is set again when it fires: event loops do not take any length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What all connections of a gateway share. Never anything of one user."""

    log: EventLog
    live: LiveText
    clock: Clock
    heartbeat_s: float
    start_silence_s: float
    max_frame_bytes: int
    outbox_bytes: int
    server_version: str
    slow: Callable[[], None]
    resumed: Callable[[str], None]
    sent: Callable[[float], None]


class Connection:
    """One user's socket, as handlers (`registry.Socket`) and the feed (`ports.Sink`) see it.

    Args:
        send: ASGI's.
        burst: the type of an ASGI message that takes many frames, where the server knows one.
    """

    __slots__ = (
        "__weakref__",
        "_burst",
        "_closing",
        "_expiry",
        "_following",
        "_gap",
        "_outbox",
        "_principal",
        "_send",
        "_session",
        "_start",
        "_stream",
        "_tasks",
        "_terms",
        "_writer",
        "context",
    )

    def __init__(
        self,
        context: UserContext,
        principal: Principal,
        session: Session,
        *,
        send: Send,
        terms: Terms,
        head: int = 0,
        burst: str | None = None,
    ) -> None:
        self.context = context
        self._principal = principal
        self._session = session
        self._send = send
        self._burst = burst
        self._terms = terms
        self._stream = Stream(head)
        self._outbox = Outbox(terms.outbox_bytes)
        self._following: Following | None = None
        self._gap: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] | None = None
        self._closing: CloseCode | None = None
        self._start: asyncio.TimerHandle | None = None
        self._expiry: asyncio.TimerHandle | None = None

    # What the server does with it.

    def begin(self, head: int, reply_to: str | UnsetType) -> None:
        """Greet, and start with the head that was read after the feed was attached."""
        self._stream = Stream(max(head, self._stream.head))
        self._greet(reply_to)
        loop = asyncio.get_running_loop()
        self._start = loop.call_later(self._terms.start_silence_s, self.client_spoke)
        self._watch_expiry()

    def client_spoke(self) -> None:
        """The first frame that is no `resume` came, or nothing for a while: durable events start."""
        if self._start is not None:
            self._start.cancel()
            self._start = None
        self._deliver(self._stream.open())

    async def end(self) -> None:
        """The socket is gone: free everything."""
        for timer in (self._start, self._expiry):
            if timer is not None:
                timer.cancel()
        self._start = self._expiry = None
        tasks = [*(self._tasks or ()), *([self._writer] if self._writer else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._outbox.clear()

    async def flushed(self) -> None:
        """Wait until what is queued has left, but not for ever."""
        if self._writer is not None:
            await asyncio.wait([self._writer], timeout=FLUSH_PATIENCE_S)

    def close(self, code: CloseCode) -> None:
        """Send what is waiting, then close."""
        if self._closing is None:
            self._closing = code
            self._wake_writer()

    @property
    def closing(self) -> bool:
        """Whether no more frames are taken."""
        return self._closing is not None

    @property
    def principal(self) -> Principal:
        """Whose token the connection lives on."""
        return self._principal

    # What handlers do with it.

    @property
    def head(self) -> int:
        """See `registry.Socket`."""
        return self._stream.head

    def send(self, frame: m.ServerFrame | bytes) -> None:
        """See `registry.Socket`."""
        if self._closing is not None:
            return
        self._outbox.put(frame)
        if self._outbox.full:
            log.info("connection_too_slow", connection_id=self.context.connection_id)
            self._terms.slow()
            self._outbox.clear()
            self.close(CloseCode.TOO_SLOW)
        self._wake_writer()

    def renew(self, principal: Principal, reply_to: str | UnsetType) -> None:
        """See `registry.Socket`."""
        self._session.authenticated(principal.owner)
        self._principal = principal
        self._greet(reply_to)
        self._watch_expiry()

    async def resume(self, epoch: str, after: int, reply_to: str | UnsetType) -> m.ServerFrame:
        """See `registry.Socket`."""
        owner = self.context.owner
        head = max((await self._terms.log.heads([owner]))[owner], self._stream.head)
        self._stream.seen(head)
        reason = refusal(epoch=epoch, after=after, our_epoch=self._terms.log.epoch, head=head)
        self._terms.resumed(reason or "resumed")
        if reason is not None:
            self.client_spoke()
            return m.Resync(reply_to=reply_to, payload=p.ResyncPayload(reason=reason, head=head))
        if self._start is not None:
            self._start.cancel()
            self._start = None
        if self._gap is not None:
            self._gap.cancel()
            await asyncio.wait([self._gap])
        self._stream.resume(after)
        await self._replay()
        return m.Resumed(reply_to=reply_to, payload=p.HeadPayload(head=self._stream.next - 1))

    def follow(self, thread_id: ThreadId) -> None:
        """See `registry.Socket`."""
        if self._following is None:
            self._following = Following()
        self._following.follow(thread_id)

    def unfollow(self, thread_id: ThreadId) -> None:
        """See `registry.Socket`."""
        if self._following is not None:
            self._following.unfollow(thread_id)

    async def show(self, thread_id: ThreadId, message_id: MessageId) -> None:
        """See `registry.Socket`."""
        following = self._following
        if following is None:
            return
        following.fetching(thread_id, message_id)
        text = await self._terms.live.snapshot(self.context.owner, message_id)
        for frame in following.fetched(thread_id, message_id, text or ""):
            self.send(frame)

    # What the feed does with it.

    def on_events(self, first_seq: int, frames: Sequence[bytes]) -> None:
        """See `ports.Sink`."""
        self._deliver(self._stream.offer(first_seq, frames))

    def on_delta(self, thread_id: ThreadId, message_id: MessageId, offset: int, text: str) -> None:
        """See `ports.Sink`."""
        if self._following is None:
            return
        frames = self._following.delta(thread_id, message_id, offset, text)
        if frames is None:
            self._spawn(self.show(thread_id, message_id))
        for frame in frames or ():
            self.send(frame)

    def on_typing(self, thread_id: ThreadId, source: str, active: bool) -> None:
        """See `ports.Sink`."""
        if self._begun and source != self.context.connection_id:
            self.send(m.TypingChanged(thread_id=thread_id, payload=p.TypingNotice(active=active)))

    def on_revoked(self) -> None:
        """See `ports.Sink`."""
        self.close(CloseCode.TOKEN)

    def on_head(self, head: int | None) -> None:
        """See `ports.Sink`."""
        if not self._begun:
            return
        if head is not None:
            self._stream.seen(head)
        self._deliver([])
        self.send(m.Heartbeat(payload=p.HeadPayload(head=self._stream.head)))

    # Inside.

    def _greet(self, reply_to: str | UnsetType) -> None:
        owner = self.context.owner
        payload = p.ConnectedPayload(
            user_id=owner.user_id,
            tenant_id=owner.tenant_id,
            connection_id=self.context.connection_id,
            epoch=self._terms.log.epoch,
            head=self._stream.head,
            heartbeat_s=self._terms.heartbeat_s,
            max_frame_bytes=self._terms.max_frame_bytes,
            server_version=self._terms.server_version,
        )
        self.send(m.Connected(reply_to=reply_to, payload=payload))

    @property
    def _begun(self) -> bool:
        """Whether `connected` was sent: nothing may come before it."""
        return self._expiry is not None

    def _deliver(self, frames: Sequence[bytes]) -> None:
        for frame in frames:
            self.send(frame)
        if self._stream.behind and self._stream.mode is Mode.LIVE and self._gap is None:
            self._gap = self._spawn(self._close_gap())

    async def _close_gap(self) -> None:
        try:
            await asyncio.sleep(GAP_PATIENCE_S)
            if self._stream.behind and self._stream.mode is Mode.LIVE:
                self._stream.catch_up()
                await self._replay()
        finally:
            self._gap = None

    async def _replay(self) -> None:
        """Read the log until it has no more; what the feed brings meanwhile is kept in order."""
        try:
            more = True
            while more and self._closing is None:
                events = await self._terms.log.read(
                    self.context.owner, after=self._stream.next - 1, limit=PAGE
                )
                for event in events:
                    for frame in self._stream.replay(event.seq, [event_frame(event)]):
                        self.send(frame)
                    await self._room()
                more = len(events) == PAGE
        finally:
            for frame in self._stream.caught_up():
                self.send(frame)

    async def _room(self) -> None:
        """Wait while half of what may wait does: a long replay must not look like a slow client."""
        while self._outbox.half_full and self._writer is not None:
            await asyncio.wait([self._writer])

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        if self._tasks is None:
            self._tasks = set()
        task = asyncio.create_task(_forgiving(work), name="connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _wake_writer(self) -> None:
        if self._writer is None:
            self._writer = asyncio.create_task(self._write(), name="connection-writer")

    async def _write(self) -> None:
        try:
            while self._outbox:
                frames = self._outbox.take_some(WRITE_BYTES if self._burst else 0)
                self._terms.sent(len(frames))
                if self._burst:
                    await self._send({"type": self._burst, "frames": frames})
                else:
                    await self._send({"type": "websocket.send", "text": frames[0].decode()})
            if self._closing is not None:
                await self._send({"type": "websocket.close", "code": int(self._closing)})
        except OSError:
            self._outbox.clear()  # the peer is gone; the read side ends the connection
        finally:
            self._writer = None

    def _watch_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        left = (self._principal.expires_at - self._terms.clock.now()).total_seconds()
        loop = asyncio.get_running_loop()
        if left > EXPIRY_NOTICE_S:
            self._expiry = loop.call_later(min(left - EXPIRY_NOTICE_S, MAX_TIMER_S), self._expiring)
        else:
            self._expiring()

    def _expiring(self) -> None:
        left = (self._principal.expires_at - self._terms.clock.now()).total_seconds()
        if left > EXPIRY_NOTICE_S + 1:
            self._watch_expiry()
            return
        self.send(m.TokenExpiring(payload=p.TokenExpiringPayload(seconds=max(round(left), 0))))
        self._expiry = asyncio.get_running_loop().call_later(max(left, 0), self.close, CloseCode.TOKEN)


async def _forgiving(work: Coroutine[Any, Any, None]) -> None:
    """A store that is away now is asked again after the next heartbeat."""
    try:
        await work
    except NetraError as error:
        log.info("catch_up_failed", code=error.code)
