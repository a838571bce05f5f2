"""Which live text a connection gets, and from where. Sans-I/O.

A delta is passed on only where it continues what this connection was sent; otherwise the caller is
asked to fetch a snapshot, during which deltas wait.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from netra_backend.domain.ids import MessageId, RunId, ThreadId
from netra_backend.protocol.messages import MessageDelta, MessageSnapshot, ServerFrame
from netra_backend.protocol.payloads import MessageDeltaPayload, MessageSnapshotPayload

MAX_MESSAGES = 16
"""Messages remembered per thread: only those being written matter, and one run at a time writes."""

MAX_THREADS = 64
"""Threads followed at once; following one more ends the oldest."""

MAX_ENDED = 64
"""Runs remembered after their end: a look at the database that is on its way may still say that they run."""

Delta = tuple[int, str]


class _Message:
    """What was sent of one message; `waiting` holds deltas while a snapshot is fetched.

    Once its run is `over`, nothing of it may follow: a late delta or snapshot would undo the answer.
    """

    __slots__ = ("length", "over", "run_id", "waiting")

    def __init__(self) -> None:
        self.length = 0
        self.waiting: list[Delta] | None = None
        self.run_id: RunId | None = None
        self.over = False


class _Answer(Struct):
    id: MessageId


class _Payload(Struct):
    message_id: MessageId | None = None
    message: _Answer | None = None


class _Told(Struct):
    """What a frame says of the message that its run writes; the rest of it is not looked at."""

    thread_id: ThreadId
    run_id: RunId
    payload: _Payload


_STARTED, _ENDED = b'{"type":"agent_started"', b'{"type":"agent_completed"'
"""How the frames begin that say so (`protocol/frames.py`): most frames need not be decoded."""
_decoder = msgspec.json.Decoder(_Told)


class Following:
    """The live text of one connection."""

    __slots__ = ("_ended", "_threads")

    def __init__(self) -> None:
        self._threads: dict[ThreadId, dict[MessageId, _Message]] = {}
        self._ended: dict[RunId, None] = {}  # in order

    def follow(self, thread_id: ThreadId) -> None:
        """Pass the thread's deltas on from now."""
        self._threads.setdefault(thread_id, {})
        while len(self._threads) > MAX_THREADS:
            del self._threads[next(iter(self._threads))]

    def unfollow(self, thread_id: ThreadId) -> None:
        """Pass nothing of the thread on any more."""
        self._threads.pop(thread_id, None)

    def fetching(self, thread_id: ThreadId, message_id: MessageId, run_id: RunId | None = None) -> None:
        """A snapshot is being fetched, of what that run writes if it is known: keep deltas until it is there."""
        messages = self._threads.get(thread_id)
        if messages is not None:
            message = self._known(messages, message_id)
            message.length, message.waiting = 0, []
            message.run_id = run_id or message.run_id
            message.over = message.over or run_id in self._ended

    def told(self, frame: bytes) -> None:
        """A durable frame is sent: it may say that the run of a message has begun or ended."""
        if not frame.startswith((_STARTED, _ENDED)):
            return
        told, ended = _decoder.decode(frame), frame.startswith(_ENDED)
        if ended:
            self._ended[told.run_id] = None
            while len(self._ended) > MAX_ENDED:
                del self._ended[next(iter(self._ended))]
        messages = self._threads.get(told.thread_id)
        if messages is None:
            return
        answer = told.payload.message.id if told.payload.message else told.payload.message_id
        if answer is not None:
            message = self._known(messages, answer)
            message.run_id, message.over = told.run_id, False
        if ended:  # whose run is not known is this one's: a thread has one at a time
            for message in messages.values():
                message.over = message.over or message.run_id in (told.run_id, None)

    def fetched(self, thread_id: ThreadId, message_id: MessageId, text: str) -> Sequence[ServerFrame]:
        """The snapshot, then the deltas that came meanwhile and go beyond it."""
        message = self._threads.get(thread_id, {}).get(message_id)
        if message is None or message.over:
            return []
        waiting, message.waiting, message.length = message.waiting or [], None, len(text)
        frames: list[ServerFrame] = [snapshot_frame(thread_id, message_id, text)]
        for offset, more in waiting:
            frames += self.delta(thread_id, message_id, offset, more) or []
        return frames

    def delta(
        self, thread_id: ThreadId, message_id: MessageId, offset: int, text: str
    ) -> Sequence[ServerFrame] | None:
        """What to send for a delta; None means: fetch a snapshot first."""
        messages = self._threads.get(thread_id)
        if messages is None:
            return []
        message = self._known(messages, message_id)
        if message.over:
            return []
        if message.waiting is not None:
            message.waiting.append((offset, text))
            return []
        return self._continue(message, thread_id, message_id, offset, text)

    def _known(self, messages: dict[MessageId, _Message], message_id: MessageId) -> _Message:
        message = messages.get(message_id)
        if message is None:
            message = messages[message_id] = _Message()
            while len(messages) > MAX_MESSAGES:
                del messages[next(iter(messages))]
        return message

    def _continue(
        self, message: _Message, thread_id: ThreadId, message_id: MessageId, offset: int, text: str
    ) -> Sequence[ServerFrame] | None:
        if offset == message.length:
            message.length += len(text)
            return [delta_frame(thread_id, message_id, offset, text)]
        if offset == 0:  # a later attempt writes the message anew
            message.length = len(text)
            return [snapshot_frame(thread_id, message_id, text)]
        return None  # ahead of what was sent, or of another attempt: only a snapshot can tell


def delta_frame(thread_id: ThreadId, message_id: MessageId, offset: int, text: str) -> MessageDelta:
    """More text of a message."""
    payload = MessageDeltaPayload(message_id=message_id, offset=offset, text=text)
    return MessageDelta(thread_id=thread_id, payload=payload)


def snapshot_frame(thread_id: ThreadId, message_id: MessageId, text: str) -> MessageSnapshot:
    """The whole text of a message so far."""
    return MessageSnapshot(
        thread_id=thread_id, payload=MessageSnapshotPayload(message_id=message_id, text=text)
    )
