"""What each frame of the server means for one user's stream. Sans-I/O: frames in, frames out.

It owns the position, the live text, the followed threads and the unanswered frames, all of which outlive a
connection. The caller must send what `connected` and `receive` return, in order and before anything else.
"""

import asyncio
from collections.abc import Callable
from typing import assert_never

from netra_client.commands import Empty, Resume, encode
from netra_client.ids import ThreadId
from netra_client.ledger import Ledger
from netra_client.messages import (
    Accepted,
    AgentCompleted,
    AgentStarted,
    Answer,
    Connected,
    Control,
    Durable,
    ErrorFrame,
    Followed,
    Heartbeat,
    Live,
    MessageDelta,
    MessageSnapshot,
    Pong,
    Reconnect,
    Resumed,
    Resync,
    ServerFrame,
    ThreadHistory,
    Threads,
    TokenExpiring,
    Typing,
    Unfollowed,
    Unknown,
)
from netra_client.payloads import ResyncPayload
from netra_client.stream import Arrival, EventStream, Position, Replay
from netra_client.subscription import Broadcast
from netra_client.text import Delta, LiveText

Replayed = Resumed | Resync


class Session:
    """One user's stream over any number of connections.

    Args:
        position: where to go on; `None` starts at the server's head.
        new_id: makes frame ids, 1-64 printable characters, never twice the same.
    """

    def __init__(
        self,
        *,
        position: Position | None,
        ledger: Ledger,
        broadcast: Broadcast,
        new_id: Callable[[], str],
    ) -> None:
        self.stream = EventStream(position)
        self.text = LiveText()
        self.followed: set[ThreadId] = set()
        self._ledger = ledger
        self._broadcast = broadcast
        self._new_id = new_id
        # Our own frames that no caller waits for: a thread for `follow`, `None` for `resume`.
        self._own: dict[str, ThreadId | None] = {}
        self._replays: list[asyncio.Future[Replayed]] = []

    def connected(self, frame: Connected) -> list[bytes]:
        """Take a new connection; return its first frames: `resume`, then `follow`, then what was unanswered."""
        resume = self.stream.connected(epoch=frame.payload.epoch, head=frame.payload.head)
        out = [] if resume is None else [self._resume(resume)]
        out += [self._follow(thread_id) for thread_id in sorted(self.followed)]
        return out + self._ledger.frames()

    def disconnected(self) -> None:
        """Take the end of the connection."""
        self._own.clear()
        self.text.disconnected()

    def rewind(self, position: Position) -> tuple[asyncio.Future[Replayed], bytes]:
        """Go to `position`; return the future of the replay's end, and the frame to send."""
        self.stream.rewind(position)
        future: asyncio.Future[Replayed] = asyncio.get_running_loop().create_future()
        self._replays.append(future)
        return future, self._resume(self.stream.ask())

    def fail(self, error: Exception) -> None:
        """Give `error` to all who wait for an answer."""
        self._ledger.fail(error)
        for future in self._replays:
            if not future.done():
                future.set_exception(error)
        self._replays.clear()

    def receive(self, frame: ServerFrame | Unknown) -> list[bytes]:
        """Take one frame: deliver what is new, return what must be sent because of it."""
        if isinstance(frame, Unknown):
            return [] if frame.seq is None else self._durable(frame.seq, None)
        if isinstance(frame, Durable):
            return self._durable(frame.seq, frame)
        if isinstance(frame, Live):
            return self._live(frame)
        if isinstance(frame, Answer):
            return self._answer(frame)
        return self._control(frame)

    def _durable(self, seq: int | None, event: Durable | None) -> list[bytes]:
        arrival = Arrival.DELIVER if seq is None else self.stream.arrived(seq)
        match arrival:
            case Arrival.DROP:
                return []
            case Arrival.ASK:
                return [self._resume(self.stream.ask())]
            case Arrival.DELIVER:
                if event is not None:
                    self._note_run(event)
                    self._broadcast.put(event)
                return []
            case _ as unreachable:
                assert_never(unreachable)

    def _note_run(self, event: Durable) -> None:
        if event.run_id is None:
            return
        if isinstance(event, AgentStarted) and event.payload.message_id is not None:
            self.text.started(event.run_id, event.payload.message_id, attempt=event.payload.attempt)
        elif isinstance(event, AgentCompleted):
            self.text.completed(event.run_id)

    def _live(self, frame: Live) -> list[bytes]:
        payload = frame.payload
        if isinstance(frame, MessageSnapshot):
            self.text.snapshot(payload.message_id, payload.text)
            self._broadcast.put(frame)
            return []
        delta = self._delta(frame)
        if delta is Delta.APPLIED:
            self._broadcast.put(frame)
        if delta is Delta.FOLLOW and frame.thread_id is not None:
            return [self._follow(frame.thread_id)]
        return []

    def _delta(self, frame: MessageDelta) -> Delta:
        payload = frame.payload
        return self.text.delta(
            payload.message_id, thread_id=frame.thread_id, offset=payload.offset, text=payload.text
        )

    def _answer(self, frame: Answer) -> list[bytes]:
        match frame:
            case Resumed():
                return self._replayed(frame)
            case Followed():
                self.text.followed(frame.thread_id)
            case Pong():
                self._ledger.resolve(frame)
                return self._catch_up(frame.payload.head)
            case Accepted() | Unfollowed() | ThreadHistory() | Threads():
                pass
            case _ as unreachable:
                assert_never(unreachable)
        self._ledger.resolve(frame)
        return []

    def _control(self, frame: Control) -> list[bytes]:
        match frame:
            case Connected():
                # The answer to a renewed token; a new connection goes to `connected`.
                return []
            case Heartbeat():
                return self._catch_up(frame.payload.head)
            case ErrorFrame():
                return self._refused(frame)
            case Resync():
                self.stream.lost(frame.payload.head)
                self._end_replay(frame)
                self._broadcast.put(frame)
            case Typing() | TokenExpiring() | Reconnect():
                self._broadcast.put(frame)
            case _ as unreachable:
                assert_never(unreachable)
        return []

    def _catch_up(self, head: int) -> list[bytes]:
        return [self._resume(self.stream.ask())] if self.stream.behind(head) else []

    def _replayed(self, frame: Resumed) -> list[bytes]:
        match self.stream.resumed(frame.payload.head):
            case Replay.COMPLETE:
                self._end_replay(frame)
            case Replay.ASK:
                return [self._resume(self.stream.ask())]
            case Replay.LOST:
                self._lose("gap", frame.payload.head)
            case _ as unreachable:
                assert_never(unreachable)
        return []

    def _refused(self, frame: ErrorFrame) -> list[bytes]:
        if self._ledger.resolve(frame):
            return []
        if frame.reply_to is None or frame.reply_to not in self._own:
            self._broadcast.put(frame)
            return []
        thread_id = self._own.pop(frame.reply_to)
        if thread_id is not None:
            if not frame.payload.retryable:
                self.followed.discard(thread_id)
        elif frame.payload.retryable:
            self.stream.refused()
        else:
            self._lose(frame.payload.code, self.stream.lost())
        return []

    def _lose(self, reason: str, head: int) -> None:
        resync = Resync(payload=ResyncPayload(reason=reason, head=head))
        self._end_replay(resync)
        self._broadcast.put(resync)

    def _end_replay(self, end: Replayed) -> None:
        for future in self._replays:
            if not future.done():
                future.set_result(end)
        self._replays.clear()

    def _resume(self, resume: Resume) -> bytes:
        return encode("resume", resume, id_=self._own_id(None))

    def _follow(self, thread_id: ThreadId) -> bytes:
        return encode("follow", Empty(), id_=self._own_id(thread_id), thread_id=thread_id)

    def _own_id(self, thread_id: ThreadId | None) -> str:
        id_ = self._new_id()
        self._own[id_] = thread_id
        return id_
