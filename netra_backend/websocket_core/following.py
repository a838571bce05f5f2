"""Which live text a connection gets, and from where. Sans-I/O.

A delta is passed on only where it continues what this connection was sent; otherwise the caller is
asked to fetch a snapshot, during which deltas wait.
"""

from collections.abc import Sequence

from netra_backend.domain.ids import MessageId, ThreadId
from netra_backend.protocol.messages import MessageDelta, MessageSnapshot, ServerFrame
from netra_backend.protocol.payloads import MessageDeltaPayload, MessageSnapshotPayload

MAX_MESSAGES = 16
"""Messages remembered per thread: only those being written matter, and one run at a time writes."""

MAX_THREADS = 64
"""Threads followed at once; following one more ends the oldest."""

Delta = tuple[int, str]


class _Message:
    """What was sent of one message; `waiting` holds deltas while a snapshot is fetched."""

    __slots__ = ("length", "waiting")

    def __init__(self, length: int, waiting: list[Delta] | None) -> None:
        self.length = length
        self.waiting = waiting


class Following:
    """The live text of one connection."""

    __slots__ = ("_threads",)

    def __init__(self) -> None:
        self._threads: dict[ThreadId, dict[MessageId, _Message]] = {}

    def follow(self, thread_id: ThreadId) -> None:
        """Pass the thread's deltas on from now."""
        self._threads.setdefault(thread_id, {})
        while len(self._threads) > MAX_THREADS:
            del self._threads[next(iter(self._threads))]

    def unfollow(self, thread_id: ThreadId) -> None:
        """Pass nothing of the thread on any more."""
        self._threads.pop(thread_id, None)

    def fetching(self, thread_id: ThreadId, message_id: MessageId) -> None:
        """A snapshot is being fetched: keep deltas until it is there."""
        messages = self._threads.get(thread_id)
        if messages is not None:
            messages[message_id] = _Message(0, [])

    def fetched(self, thread_id: ThreadId, message_id: MessageId, text: str) -> Sequence[ServerFrame]:
        """The snapshot, then the deltas that came meanwhile and go beyond it."""
        message = self._threads.get(thread_id, {}).get(message_id)
        if message is None:
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
        message = messages.get(message_id)
        if message is None:
            message = messages[message_id] = _Message(0, None)
            while len(messages) > MAX_MESSAGES:
                del messages[next(iter(messages))]
        if message.waiting is not None:
            message.waiting.append((offset, text))
            return []
        return self._continue(message, thread_id, message_id, offset, text)

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
