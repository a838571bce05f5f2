"""Frames waiting to leave one connection: bounded, in order, deltas of one message merged. Sans-I/O.

A mark stands behind the durable frames that it belongs to, and says which numbers have left with them.
"""

from collections import deque

from netra_backend.protocol.messages import MessageDelta, ServerFrame, encode
from netra_backend.protocol.payloads import MessageDeltaPayload

FRAME_COST = 64
"""Bytes counted for a frame besides its text, so that many tiny frames count as well."""


Numbers = tuple[int, int]
"""The first and the last of consecutive numbers."""


class Outbox:
    """A queue of frames.

    Args:
        max_bytes: beyond this the connection is too slow (`full`).
    """

    __slots__ = ("_bytes", "_frames", "_marks", "_max_bytes", "_newest")

    def __init__(self, max_bytes: int) -> None:
        self._frames: deque[bytes | MessageDelta | Numbers] = deque()
        self._marks: list[Numbers] = []
        self._max_bytes = max_bytes
        self._bytes = 0
        self._newest = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def waiting(self) -> int:
        """Bytes that wait, with the cost of each frame."""
        return self._bytes

    @property
    def full(self) -> bool:
        """Whether more waits than a connection may keep waiting.

        The newest frame does not count: one that is larger than the bound must still reach a client
        that reads, or it would be closed for it after every `resume`.
        """
        return self._bytes - self._newest > self._max_bytes

    @property
    def half_full(self) -> bool:
        """Whether half of that waits."""
        return self._bytes * 2 > self._max_bytes

    def put(self, frame: ServerFrame | bytes) -> None:
        """Queue a frame; a delta that continues the one before it is merged into it."""
        if isinstance(frame, MessageDelta):
            self._put_delta(frame)
            return
        encoded = frame if isinstance(frame, bytes) else encode(frame)
        self._frames.append(encoded)
        self._newest = len(encoded) + FRAME_COST
        self._bytes += self._newest

    def mark(self, first: int, last: int) -> None:
        """The frames put last are durable ones with these numbers; nothing if they were dropped."""
        if self._frames:
            self._frames.append((first, last))

    def marks(self) -> list[Numbers]:
        """The numbers whose frames were taken since the last call, as ranges."""
        marks, self._marks = self._marks, []
        return marks

    def take(self) -> bytes:
        """The next frame; the outbox must not be empty."""
        frame = self._frames.popleft()
        assert not isinstance(frame, tuple)  # noqa: S101 - a mark is taken together with its frame
        self._bytes -= _size(frame)
        if self._frames and isinstance(mark := self._frames[0], tuple):
            self._frames.popleft()
            self._marks.append(mark)
        return frame if isinstance(frame, bytes) else encode(frame)

    def take_some(self, max_bytes: int) -> list[bytes]:
        """The next frames: at least one, and further ones while they fit."""
        frames = [self.take()]
        size = len(frames[0])
        while self._frames:
            following = self._frames[0]
            if isinstance(following, tuple) or size + _size(following) > max_bytes:
                break
            frames.append(self.take())
            size += len(frames[-1])
        return frames

    def clear(self) -> None:
        """Drop everything."""
        self._frames.clear()
        self._marks.clear()
        self._bytes = self._newest = 0

    def _put_delta(self, delta: MessageDelta) -> None:
        last = self._frames[-1] if self._frames else None
        if isinstance(last, MessageDelta) and _continues(last.payload, delta.payload):
            self._frames.pop()
            self._bytes -= _size(last)
            delta = _merged(last, delta)
        self._frames.append(delta)
        self._newest = 0  # text is merged and could grow without end
        self._bytes += _size(delta)


def _continues(first: MessageDeltaPayload, second: MessageDeltaPayload) -> bool:
    return first.message_id == second.message_id and first.offset + len(first.text) == second.offset


def _merged(first: MessageDelta, second: MessageDelta) -> MessageDelta:
    payload = first.payload
    text = payload.text + second.payload.text
    return MessageDelta(
        thread_id=first.thread_id,
        payload=MessageDeltaPayload(message_id=payload.message_id, offset=payload.offset, text=text),
    )


def _size(frame: bytes | MessageDelta) -> int:
    return FRAME_COST + (len(frame) if isinstance(frame, bytes) else 4 * len(frame.payload.text))
