"""One authenticated connection: joins the sans-I/O machines to the socket and to the feed.

It never blocks the feed: what must wait (the socket, the log) waits in short-lived tasks, so that
an idle connection costs no task of its own beyond the server's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from msgspec import UnsetType

from netra_backend.domain.errors import NetraError
from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import MessageId, RunId, TenantId, ThreadId
from netra_backend.domain.ports import EventLog, LiveText
from netra_backend.domain.traffic import Traffic
from netra_backend.protocol import messages as m
from netra_backend.protocol import payloads as p
from netra_backend.protocol.errors import CloseCode
from netra_backend.protocol.frames import event_frame
from netra_backend.protocol.resume import Mode, Stream, refusal
from netra_backend.protocol.session import EXPIRY_NOTICE_S, Session
from netra_backend.websocket_core.following import Following
from netra_backend.websocket_core.registry import UserContext
from netra_backend.websocket_core.writer import Extensions, Send, Writer, WriterTerms

log = structlog.get_logger(__name__)

Work = Callable[[], Awaitable[None]]

PAGE = 500
"""Events read from the log at once in a replay."""
GAP_PATIENCE_S = 0.02
"""Seconds that a gap in the feed may close by itself before the log is read: two processes that
publish for one user can overtake each other by about a millisecond."""
MAX_TIMER_S = 86_400.0
"""A longer timer is set again when it fires: event loops do not take any length."""


def _unheard(_tenant_id: TenantId, _code: str) -> None:
    """Nobody counts refusals by tenant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms(WriterTerms):
    """What all connections of a gateway share. Never anything of one user.

    `refused` hears of every error frame, for the tenant's operators.
    """

    log: EventLog
    live: LiveText
    heartbeat_s: float
    start_silence_s: float
    max_frame_bytes: int
    server_version: str
    resumed: Callable[[str], None]
    refused: Callable[[TenantId, str], None] = _unheard


class Connection:
    """One user's socket, as handlers (`registry.Socket`) and the feed (`ports.Sink`) see it.

    Args:
        send: ASGI's.
        extensions: ASGI's.
    """

    __slots__ = (
        "__weakref__",
        "_expiry",
        "_following",
        "_gap",
        "_principal",
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
        extensions: Extensions,
    ) -> None:
        self.context = context
        self._principal = principal
        self._session = session
        self._terms = terms
        self._stream = Stream(head)
        self._writer = Writer(context, send=send, terms=terms, extensions=extensions)
        self._following = Following()
        self._gap: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] | None = None
        self._start: asyncio.Handle | None = None
        self._expiry: asyncio.TimerHandle | None = None

    # What the server does with it.

    def begin(self, head: int, reply_to: str | UnsetType) -> None:
        """Greet, and start with the head that was read after the feed was attached."""
        self._stream = Stream(max(head, self._stream.head))
        self._greet(reply_to)
        self._await_silence()
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
        tasks = list(self._tasks or ())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._writer.end()

    async def flushed(self) -> None:
        """Wait until what is queued has left, but not for ever."""
        await self._writer.flushed()

    def close(self, code: CloseCode) -> None:
        """Send what is waiting, then close; what is not taken in time is cut off."""
        self._writer.close(code)

    def traffic(self) -> Traffic:
        """What was sent and what waits, just now."""
        return self._writer.traffic()

    @property
    def closing(self) -> bool:
        """Whether no more frames are taken."""
        return self._writer.closing

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
        if isinstance(frame, m.Error):
            self._terms.refused(self.context.owner.tenant_id, frame.payload.code)
        self._writer.put(frame)

    def renew(self, principal: Principal, reply_to: str | UnsetType) -> None:
        """See `registry.Socket`."""
        self._session.authenticated(principal.owner)
        self._principal = principal
        self._greet(reply_to)
        self._watch_expiry()

    async def resume(self, epoch: str, after: int, reply_to: str | UnsetType) -> m.ServerFrame:
        """See `registry.Socket`."""
        head = await self._head_to_resume(after)
        self._stream.seen(head)
        reason = refusal(epoch=epoch, after=after, our_epoch=self._terms.log.epoch, head=head)
        self._terms.resumed(reason or "resumed")
        if reason is not None:
            self.client_spoke()
            return m.Resync(reply_to=reply_to, payload=p.ResyncPayload(reason=reason, head=head))
        if self._gap is not None:
            self._gap.cancel()
            await asyncio.wait([self._gap])
        if after == head:  # nothing was missed: thousands that come back at once need not all read the log
            self._stream.resume(after)
            self._deliver(self._stream.caught_up())
        else:
            await self._replay_from(after)
        if self._stream.next <= head and not self.closing:
            return self._give_up(head, reply_to)
        return m.Resumed(reply_to=reply_to, payload=p.HeadPayload(head=self._stream.next - 1))

    def follow(self, thread_id: ThreadId) -> None:
        """See `registry.Socket`."""
        self._following.follow(thread_id)

    def unfollow(self, thread_id: ThreadId) -> None:
        """See `registry.Socket`."""
        self._following.unfollow(thread_id)

    async def show(self, thread_id: ThreadId, message_id: MessageId, run_id: RunId | None = None) -> None:
        """See `registry.Socket`."""
        self._following.fetching(thread_id, message_id, run_id)
        text = await self._terms.live.snapshot(self.context.owner, message_id)
        for frame in self._following.fetched(thread_id, message_id, text or ""):
            self.send(frame)

    # What the feed does with it.

    def on_events(self, first_seq: int, frames: Sequence[bytes]) -> None:
        """See `ports.Sink`."""
        self._deliver(self._stream.offer(first_seq, frames))

    def on_delta(self, thread_id: ThreadId, message_id: MessageId, offset: int, text: str) -> None:
        """See `ports.Sink`."""
        frames = self._following.delta(thread_id, message_id, offset, text)
        if frames is None:
            self._spawn(partial(self.show, thread_id, message_id))
        for frame in frames or ():
            self.send(frame)

    def on_typing(self, thread_id: ThreadId, source: str, active: bool) -> None:
        """See `ports.Sink`."""
        if self._begun and source != self.context.connection_id:
            self.send(m.TypingChanged(thread_id=thread_id, payload=p.TypingNotice(active=active)))

    def on_revoked(self) -> None:
        """See `ports.Sink`."""
        self.shut_out()

    def shut_out(self) -> None:
        """The session has ended: what still waits is not for its holder any more."""
        self._writer.shut(CloseCode.TOKEN)

    def on_head(self, head: int | None) -> None:
        """See `ports.Sink`."""
        if not self._begun:
            return
        if head is not None:
            self._stream.seen(head)
        self._deliver([])
        if self._gap is None:
            self._beat()
        else:
            self._gap.add_done_callback(self._beat)

    # Inside.

    def _beat(self, gap: asyncio.Task[None] | None = None) -> None:
        """Not before our own attempt at a gap has ended: the client would ask for what is on its way."""
        if gap is None or not gap.cancelled():
            self.send(m.Heartbeat(payload=p.HeadPayload(head=self._stream.head)))

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
        self._send_durable(frames)
        if self._stream.behind and self._stream.mode is Mode.LIVE and self._gap is None:
            self._gap = self._spawn(self._close_gap)
            self._gap.add_done_callback(self._gap_ended)

    def _gap_ended(self, _: asyncio.Task[None]) -> None:
        self._gap = None

    def _await_silence(self) -> None:
        """Durable events start when the client says nothing for a while."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._terms.start_silence_s
        self._start = loop.call_at(due, self._silent, due)

    def _silent(self, due: float) -> None:
        """One turn later: a frame may have come while this process stood still, and is read first.

        Long after `due` the client may not even have been greeted before: it has its time from now on.
        """
        loop = asyncio.get_running_loop()
        if loop.time() - due > self._terms.start_silence_s / 2:
            self._await_silence()
        else:
            self._start = loop.call_soon(self.client_spoke)

    async def _head_to_resume(self, after: int) -> int:
        """The owner's head. However long the log takes, nothing is sent before the replay.

        Who begins where the head was at the greeting, and nothing came since, needs no second look: that head
        was read while the feed was attached already. Of those who come back at once most are such.
        """
        owner = self.context.owner
        silent, self._start = self._start, None
        if silent is not None:
            silent.cancel()
            if after == self._stream.head:
                return after
        try:
            return max((await self._terms.log.heads([owner]))[owner], self._stream.head)
        except NetraError:
            if silent is not None:
                self._await_silence()
            raise

    def _send_durable(self, frames: Sequence[bytes]) -> None:
        """The frames just before the stream's `next`."""
        for frame in frames:
            self.send(frame)
            self._following.told(frame)
        if frames:
            self._writer.mark(self._stream.next - len(frames), self._stream.next - 1)

    def _give_up(self, head: int, reply_to: str | UnsetType) -> m.ServerFrame:
        """The log was read up to `head` and does not hold all of it any more: go on behind that."""
        self._stream.resume(head)
        self._send_durable(self._stream.caught_up())
        return m.Resync(reply_to=reply_to, payload=p.ResyncPayload(reason="retention", head=head))

    async def _close_gap(self) -> None:
        await asyncio.sleep(GAP_PATIENCE_S)
        if self._stream.behind and self._stream.mode is Mode.LIVE:
            self._stream.catch_up()
            await self._replay()

    async def _replay_from(self, after: int) -> None:
        """If the log cannot be read, the stream goes on behind what was sent before, and repeats nothing."""
        sent = self._stream.next - 1 if self._stream.mode is Mode.LIVE else after
        self._stream.resume(after)
        try:
            await self._replay()
        except NetraError:
            self._stream.resume(max(sent, self._stream.next - 1))
            self._send_durable(self._stream.caught_up())
            raise

    async def _replay(self) -> None:
        """Read the log until it has no more; what the feed brings meanwhile is kept in order."""
        try:
            more = True
            while more and not self._writer.closing:
                events = await self._terms.log.read(
                    self.context.owner, after=self._stream.next - 1, limit=PAGE
                )
                more = len(events) == PAGE and events[0].seq <= self._stream.next
                for event in events:
                    self._send_durable(self._stream.replay(event.seq, [event_frame(event)]))
                    await self._writer.room()
        finally:
            self._send_durable(self._stream.caught_up())

    def _spawn(self, work: Work) -> asyncio.Task[None]:
        if self._tasks is None:
            self._tasks = set()
        task = asyncio.create_task(_forgiving(work), name="connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

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


async def _forgiving(work: Work) -> None:
    """A store that is away now is asked again after the next heartbeat."""
    try:
        await work()
    except NetraError as error:
        log.info("catch_up_failed", code=error.code)
