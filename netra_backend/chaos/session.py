"""What a correct client answers to each frame: `resume`, `follow`. Sans-I/O, over any number of connections.

The position is kept by the client library's own machine; whatever that drops was recorded before.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from netra_client.commands import Resume
from netra_client.ids import MessageId, ThreadId
from netra_client.stream import Arrival, EventStream, Position, Replay
from netra_client.text import Delta, LiveText

from netra_backend.chaos.wire import Envelope, message_of

DEFAULT_HEARTBEAT_S = 20.0
"""Until the server has named its own."""


class Session:
    """One user's stream.

    Args:
        new_id: makes ids of frames.
        from_start: begin with the user's first event, not with the next one.

    Attributes:
        ended_runs: runs whose end was shown.
        pongs: how many came.
    """

    def __init__(self, new_id: Callable[[], str], *, from_start: bool) -> None:
        self._new_id = new_id
        self._from_start = from_start
        self._stream = EventStream()
        self._text = LiveText()
        self._followed: set[str] = set()
        self._resumes: set[str] = set()
        self._head = 0
        self._connected = False
        self.heartbeat_s = DEFAULT_HEARTBEAT_S
        self.ended_runs: set[str] = set()
        self.pongs = 0

    @property
    def position(self) -> int:
        """The last event without a gap before it."""
        return self._stream.position.seq if self._stream.position else 0

    @property
    def whole(self) -> bool:
        """Whether there is a connection, and no replay under way on it."""
        return self._connected and not self._stream.asking

    @property
    def caught_up(self) -> bool:
        """Whether everything that the server spoke of has arrived."""
        return self.whole and self.position >= self._head

    def connected(self, frame: Envelope) -> list[str]:
        """Take a new connection; its first frames: `resume`, then `follow`."""
        body = frame.body()
        epoch, head = body["epoch"], int(body["head"])
        self.heartbeat_s = float(body["heartbeat_s"])
        if self._stream.position is None and self._from_start:
            self._stream.rewind(Position(epoch, 0))
        self._connected, self._head = True, head
        resume = self._stream.connected(epoch=epoch, head=head)
        frames = [] if resume is None else [self._resume(resume)]
        return frames + [self._follow(thread_id) for thread_id in sorted(self._followed)]

    def disconnected(self) -> None:
        """Take the end of the connection."""
        self._connected = False
        self._resumes.clear()
        self._text.disconnected()

    def received(self, frame: Envelope) -> list[str]:
        """Take a frame; what must be sent because of it."""
        if frame.seq is not None:
            return self._durable(frame, frame.seq)
        match frame.type:
            case "resumed":
                return self._resumed(int(frame.body()["head"]))
            case "resync":
                self._resumes.clear()
                self._head = self._stream.lost(int(frame.body()["head"]))
            case "heartbeat" | "pong":
                self.pongs += frame.type == "pong"
                return self._catch_up(int(frame.body()["head"]))
            case "error" if frame.reply_to in self._resumes:
                self._refused(frame)
            case "accepted" if frame.thread_id is not None:
                self._followed.add(frame.thread_id)
            case "followed":
                self._text.followed(ThreadId(frame.thread_id or ""))
            case "message_delta" | "message_snapshot":
                return self._live(frame)
            case _:
                pass
        return []

    def frame(
        self, kind: str, payload: Mapping[str, Any], identity: str, thread_id: str | None = None
    ) -> str:
        """One frame as text."""
        fields = {} if thread_id is None else {"thread_id": thread_id}
        return json.dumps({"type": kind, "id": identity, **fields, "payload": payload})

    def _durable(self, frame: Envelope, seq: int) -> list[str]:
        self._head = max(self._head, seq)
        arrival = self._stream.arrived(seq)
        if arrival is Arrival.ASK:
            return [self._resume(self._stream.ask())]
        if arrival is Arrival.DELIVER and frame.type == "agent_completed" and frame.run_id is not None:
            self.ended_runs.add(frame.run_id)
        return []

    def _resumed(self, head: int) -> list[str]:
        self._head = max(self._head, head)
        self._resumes.clear()
        if self._stream.resumed(head) is Replay.ASK:
            return [self._resume(self._stream.ask())]
        return []

    def _refused(self, frame: Envelope) -> None:
        self._resumes.discard(frame.reply_to or "")
        if frame.body().get("retryable"):
            self._stream.refused()
        else:
            self._head = self._stream.lost()

    def _catch_up(self, head: int) -> list[str]:
        self._head = max(self._head, head)
        return [self._resume(self._stream.ask())] if self._stream.behind(head) else []

    def _live(self, frame: Envelope) -> list[str]:
        body, message_id = frame.body(), MessageId(message_of(frame))
        text, thread_id = str(body.get("text", "")), frame.thread_id
        if frame.type == "message_snapshot":
            self._text.snapshot(message_id, text)
            return []
        offset = int(body.get("offset", 0))
        of_thread = None if thread_id is None else ThreadId(thread_id)
        delta = self._text.delta(message_id, thread_id=of_thread, offset=offset, text=text)
        return [self._follow(thread_id)] if delta is Delta.FOLLOW and thread_id is not None else []

    def _resume(self, resume: Resume) -> str:
        identity = self._new_id()
        self._resumes.add(identity)
        return self.frame("resume", {"epoch": resume.epoch, "after": resume.after}, identity)

    def _follow(self, thread_id: str) -> str:
        return self.frame("follow", {}, self._new_id(), thread_id)
