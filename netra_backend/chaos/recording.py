"""The recording client: behaves as a correct client must, and writes every frame down before it looks at it.

Reconnects, fails over, resumes and sends again; what the server repeats or leaves out stays in the recording.
"""

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from netra_client.address import parse_address
from netra_client.backoff import Backoff
from netra_client.closing import NO_CLOSE_FRAME, After, Ended

from netra_backend.chaos.raw_socket import RawSocket, open_raw
from netra_backend.chaos.session import Session
from netra_backend.chaos.tape import Entry, Recording, Span
from netra_backend.chaos.wire import Envelope, envelope
from netra_backend.domain.ids import Owner

any_luck = secrets.SystemRandom().random
_numbers = itertools.count(1)

Token = Callable[[], Awaitable[str]]
"""Gives a token that is good now: for the first connection, before an expiry, and after a 4401.

What it raises ends the client: it tries again by itself if that helps.
"""

SILENT_HEARTBEATS = 2.5
"""Two heartbeats may be late for good reasons; half of a third is not coming."""
CONNECT_S = 10.0
"""Seconds for one attempt, up to `connected`."""


class Refused(Exception):
    """The server will not have this client again: the close code says why."""


@dataclass(slots=True, kw_only=True)
class Sent:
    """A message on its way. `accepted` is its first answer: `{message_id, duplicate, queue_position}`.

    Attributes:
        backoff: of its own: a store that is away says nothing about the connection.
        times: how often it was written to a socket.
        refused: the code of an `error` that is final.
    """

    id: str
    frame: str
    sent_at: float
    backoff: Backoff
    times: int = 0
    accepted_at: float | None = None
    thread_id: str = ""
    run_id: str = ""
    message_id: str = ""
    refused: str | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def acceptance_s(self) -> float | None:
        """Seconds from the first sending to `accepted`, reconnects included."""
        return None if self.accepted_at is None else self.accepted_at - self.sent_at


class RecordingClient:
    """One user's client at any of several gateways.

    Args:
        owner: whom the tokens are for; frames for somebody else are violations.
        urls: gateways (`http://…`); each next attempt goes to the next of them.
        token: see `Token`.
        canary: put into every text; unique to the user (`tape.canary`).
        name: of this client in evidence.
        from_start: ask for the user's whole stream; otherwise begin at the head of the first connection.
        random: numbers in [0, 1), for the jitter between attempts.
    """

    def __init__(
        self,
        owner: Owner,
        *,
        urls: Sequence[str],
        token: Token,
        canary: str,
        name: str = "",
        from_start: bool = True,
        random: Callable[[], float] = any_luck,
    ) -> None:
        self.recording = Recording(owner=owner, name=name or f"client {next(_numbers)}", canary=canary)
        self._urls = itertools.cycle([parse_address(url).socket for url in urls])
        self._token = token
        self._known_token: str | None = None
        self._random = random
        self._backoff = Backoff(random)
        self._session = Session(self._new_id, from_start=from_start)
        self._unanswered: dict[str, Sent] = {}
        self._ids = (f"{secrets.token_hex(8)}-{number}" for number in itertools.count(1))
        self._socket: RawSocket | None = None
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._reading = asyncio.Event()
        self._reading.set()
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._renewals: set[asyncio.Task[None]] = set()
        self._retry_after_s: float | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._live(), name=f"recording {self.recording.name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop; the recording stays."""
        tasks = [task for task in (self._task, *self._renewals) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)

    # What a user does.

    def post(self, text: str, *, thread_id: str | None = None, **payload: Any) -> Sent:
        """Send a message, now or when there is a connection, again after each reconnect until it is answered.

        Args:
            text: the canary is added to it.
            thread_id: of a thread; without one a thread is started.
            payload: further fields of `user_message`, such as `agent`.
        """
        self.recording.settled = False
        identity = self._new_id()
        body = {"text": f"{text} {self.recording.canary}", **payload}
        frame = self._session.frame("user_message", body, identity, thread_id)
        return self._begin(identity, frame)

    async def say(self, text: str, *, thread_id: str | None = None, **payload: Any) -> Sent:
        """Send a message and wait until it is accepted or refused for good; see `post`."""
        sent = self.post(text, thread_id=thread_id, **payload)
        await self._unless_over(sent.done.wait())
        return sent

    async def stop(self, run_id: str) -> Sent:
        """Ask to stop a run and wait until the intent is durable."""
        sent = self.post_stop(run_id)
        await self._unless_over(sent.done.wait())
        return sent

    def post_stop(self, run_id: str) -> Sent:
        """Ask to stop a run, now or when there is a connection; see `post`."""
        identity = self._new_id()
        frame = self._session.frame("stop_agent", {"run_id": run_id}, identity)
        return self._begin(identity, frame)

    def repeat(self, sent: Sent) -> None:
        """Send an answered message once more, as an impatient user's second click would."""
        sent.times += 1
        self._write(sent.frame)

    def has_ended(self, run_id: str) -> bool:
        """Whether this client was shown the end of a run."""
        return run_id in self._session.ended_runs

    async def ended(self, run_id: str) -> None:
        """Wait until this client was shown the end of a run."""
        await self.until(lambda: self.has_ended(run_id))

    async def connected(self) -> None:
        """Wait until there is a connection whose stream is whole."""
        await self.until(lambda: self._socket is not None and self._session.whole)

    async def settle(self) -> None:
        """Wait until the server says that this client misses nothing, and mark the recording so.

        To be called when nothing happens any more: afterwards an event that is not in the recording is lost.
        """
        while not self.recording.settled:
            await self.connected()
            spans = len(self.recording.spans)
            self.recording.settled = await self._misses_nothing(self._session.pongs, spans)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is asked after every frame and every change of connection.

        Raises:
            Refused: the server closed for good meanwhile.
        """

        async def hold() -> None:
            async with self._news:
                await self._news.wait_for(condition)

        await self._unless_over(hold())

    async def _misses_nothing(self, pongs: int, spans: int) -> bool:
        """Ask where the stream's head is; False if there is more to come, or the connection was lost over it."""
        self._write(self._session.frame("ping", {}, self._new_id()))
        await self.until(lambda: self._session.pongs > pongs or len(self.recording.spans) > spans)
        return self._session.pongs > pongs and self._session.caught_up

    @property
    def position(self) -> int:
        """The last durable event without a gap before it."""
        return self._session.position

    @property
    def whole(self) -> bool:
        """Whether it is connected and no replay is under way."""
        return self._session.whole

    # What a bad network or a slow machine does to it.

    def drop(self) -> None:
        """Break the connection without a word."""
        if self._socket is not None:
            self._socket.abort()

    def stop_reading(self) -> None:
        """Take no more frames: buffers fill, up to the server's."""
        self._reading.clear()

    def read_on(self) -> None:
        """Take frames again."""
        self._reading.set()

    # The connection.

    async def _live(self) -> None:
        while True:
            span = Span(number=len(self.recording.spans) + 1, url=next(self._urls), tried_at=self._now())
            self.recording.spans.append(span)
            try:
                ended = await self._serve(span)
            except asyncio.CancelledError:
                span.ended_at = self._now()
                raise
            span.ended_at, span.code, span.reason = self._now(), ended.code, ended.reason
            await self._tell()
            if ended.after is After.GIVE_UP:
                raise Refused(f"{self.recording.name} was closed for good: {ended.code} {ended.reason}")
            if ended.after is After.RENEW_TOKEN:
                self._known_token = None
            delay, self._retry_after_s = self._retry_after_s, None
            await asyncio.sleep(self._backoff.next_delay() if delay is None else delay)

    async def _serve(self, span: Span) -> Ended:
        self.recording.settled = False
        if self._known_token is None:
            self._known_token = await self._token()
        opened = await open_raw(span.url, token=self._known_token, timeout_s=CONNECT_S)
        if isinstance(opened, Ended):
            return opened
        writer = asyncio.create_task(self._write_out(opened, span), name="recording-writer")
        try:
            return await self._read(opened, span)
        finally:
            self._socket = None
            self._session.disconnected()
            self._outbox = asyncio.Queue()
            writer.cancel()
            await asyncio.wait([writer])
            opened.abort()

    async def _read(self, socket: RawSocket, span: Span) -> Ended:
        while True:
            await self._reading.wait()
            try:
                async with asyncio.timeout(self._session.heartbeat_s * SILENT_HEARTBEATS):
                    raw = await socket.receive()
            except TimeoutError:
                return Ended(code=NO_CLOSE_FRAME, reason="no heartbeat")
            if isinstance(raw, Ended):
                return raw
            self.recording.entries.append(Entry(self._now(), span.number, False, raw))
            frame = envelope(raw)
            if frame is not None:
                self._take(frame, socket, span)
                await self._tell()

    def _take(self, frame: Envelope, socket: RawSocket, span: Span) -> None:
        if frame.type == "connected" and span.connected_at is None:
            span.connected_at = self._now()
            self._socket = socket
            for text in self._session.connected(frame):
                self._write(text)
            for sent in self._unanswered.values():
                self._send_message(sent)
        else:
            for text in self._session.received(frame):
                self._write(text)
        if self._session.whole and span.back_at is None:
            span.back_at = self._now()
        self._control(frame)

    def _control(self, frame: Envelope) -> None:
        if frame.type in ("accepted", "error") and frame.reply_to in self._unanswered:
            self._answered(self._unanswered[frame.reply_to], frame)
        elif frame.type == "token_expiring":
            renewal = asyncio.create_task(self._renew(), name="recording-renewal")
            self._renewals.add(renewal)
            renewal.add_done_callback(self._renewals.discard)
        elif frame.type == "reconnect":
            self._retry_after_s = float(frame.body().get("retry_after_ms", 0)) / 1000
        elif frame.type == "heartbeat":
            self._backoff.reset()

    def _answered(self, sent: Sent, frame: Envelope) -> None:
        body = frame.body()
        if frame.type == "accepted":
            sent.accepted_at = self._now()
            sent.thread_id, sent.run_id = frame.thread_id or "", frame.run_id or ""
            sent.message_id = str(body.get("message_id", ""))
        elif body.get("retryable"):
            delay = float(body.get("retry_after_ms", 0)) / 1000 or sent.backoff.next_delay()
            asyncio.get_running_loop().call_later(delay, self._send_message, sent)
            return
        else:
            sent.refused = str(body.get("code", ""))
        del self._unanswered[sent.id]
        sent.done.set()

    async def _renew(self) -> None:
        self._known_token = await self._token()
        self._write(self._session.frame("authenticate", {"token": self._known_token}, self._new_id()))

    def _begin(self, identity: str, frame: str) -> Sent:
        backoff = Backoff(self._random)
        sent = Sent(id=identity, frame=frame, sent_at=self._now(), backoff=backoff)
        self._unanswered[identity] = sent
        self._send_message(sent)
        return sent

    def _send_message(self, sent: Sent) -> None:
        if self._socket is not None and sent.id in self._unanswered:
            sent.times += 1
            self._write(sent.frame)

    def _write(self, raw: str) -> None:
        if self._socket is not None:
            self._outbox.put_nowait(raw)

    async def _write_out(self, socket: RawSocket, span: Span) -> None:
        outbox = self._outbox
        while True:
            raw = await outbox.get()
            self.recording.entries.append(Entry(self._now(), span.number, True, raw))
            await socket.send(raw)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _unless_over(self, wait: Awaitable[Any]) -> None:
        """Await, unless the client has ended."""
        if self._task is None:
            raise RuntimeError("Use the client inside `async with`.")
        waiting = asyncio.ensure_future(wait)
        try:
            await asyncio.wait([waiting, self._task], return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                self._task.result()
        finally:
            waiting.cancel()
        await waiting

    def _new_id(self) -> str:
        return next(self._ids)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
