"""One connection's durable stream: what may be sent next, in order, without gap or repetition. Sans-I/O.

Events come from the feed, which may lose, repeat and reorder, and from the log, which is right.
The machine says what to send; when it is `behind`, the caller reads the log from `next` and
`offer`s what it finds until `behind` is false or the log has no more (`caught_up`).
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Literal

from netra_backend.domain.errors import BadResume

MAX_SEQ = 2**63 - 1
"""Numbers are PostgreSQL bigints."""

MAX_AHEAD = 1000
"""Events kept while an earlier one is missing; more are dropped and read from the log later."""
MAX_AHEAD_BYTES = 1_048_576
"""And their size, so that a slow client in a long replay costs no more than any other slow client."""


class Mode(Enum):
    """HOLDING until the client speaks, REPLAYING after a resume, then LIVE."""

    HOLDING = auto()
    REPLAYING = auto()
    LIVE = auto()


def refusal(*, epoch: str, after: int, our_epoch: str, head: int) -> Literal["epoch", "ahead"] | None:
    """Why a client cannot continue from `after`, or None if it can.

    Raises:
        BadResume: `after` is not a position that a stream can have.
    """
    if not 0 <= after <= MAX_SEQ:
        raise BadResume(path="$.payload.after")
    if epoch != our_epoch:
        return "epoch"
    return "ahead" if after > head else None


class Stream:
    """The state of one connection's durable stream.

    Args:
        head: the owner's last number when the connection was attached to the feed.
    """

    __slots__ = ("_ahead", "_ahead_bytes", "_head", "mode", "next")

    def __init__(self, head: int) -> None:
        self.next = head + 1
        self.mode = Mode.HOLDING
        self._head = head
        self._ahead: dict[int, bytes] | None = None
        self._ahead_bytes = 0

    @property
    def behind(self) -> bool:
        """Whether something is known to be missing that only the log can give."""
        return self.mode is not Mode.HOLDING and self.next <= self._head

    @property
    def head(self) -> int:
        """The highest number known to exist."""
        return self._head

    def open(self) -> list[bytes]:
        """The client spoke, or was silent long enough: send from the head at connection time on."""
        if self.mode is not Mode.HOLDING:
            return []
        self.mode = Mode.LIVE
        return self._drain()

    def resume(self, after: int) -> None:
        """Replay from `after`; nothing is sent until the log was read."""
        self.next = after + 1
        self.mode = Mode.REPLAYING
        self._forget()

    def catch_up(self) -> None:
        """The log is about to be read: what the feed brings waits, so that order is kept."""
        self.mode = Mode.REPLAYING

    def caught_up(self) -> list[bytes]:
        """The log had no more: go on live with what came meanwhile."""
        self.mode = Mode.LIVE
        return self._drain()

    def seen(self, head: int) -> None:
        """Note that the log has events up to `head`."""
        self._head = max(self._head, head)

    def offer(self, first_seq: int, frames: Sequence[bytes]) -> list[bytes]:
        """Frames from the feed, numbered from `first_seq`; returns what to send now, in order."""
        self.seen(first_seq + len(frames) - 1)
        ready: list[bytes] = []
        for seq, frame in enumerate(frames, first_seq):
            if seq < self.next:
                continue
            if self.mode is Mode.LIVE and seq == self.next:
                ready.append(frame)
                self.next += 1
            else:
                self._keep(seq, frame)
        return ready + self._drain() if self.mode is Mode.LIVE else ready

    def replay(self, first_seq: int, frames: Sequence[bytes]) -> list[bytes]:
        """Frames read from the log, numbered from `first_seq`; returns what to send now, in order."""
        self.seen(first_seq + len(frames) - 1)
        ready = list(frames[max(self.next - first_seq, 0) :]) if first_seq <= self.next else []
        self.next += len(ready)
        return ready

    def _keep(self, seq: int, frame: bytes) -> None:
        if self._ahead is None:
            self._ahead = {}
        fits = self._ahead_bytes + len(frame) <= MAX_AHEAD_BYTES and len(self._ahead) < MAX_AHEAD
        if fits and seq not in self._ahead:
            self._ahead[seq] = frame
            self._ahead_bytes += len(frame)

    def _drain(self) -> list[bytes]:
        ready: list[bytes] = []
        ahead = self._ahead
        if not ahead:
            return ready
        while (frame := ahead.pop(self.next, None)) is not None:
            ready.append(frame)
            self._ahead_bytes -= len(frame)
            self.next += 1
        for seq in [seq for seq in ahead if seq < self.next]:
            self._ahead_bytes -= len(ahead.pop(seq))
        if not ahead:
            self._forget()
        return ready

    def _forget(self) -> None:
        self._ahead = None
        self._ahead_bytes = 0
