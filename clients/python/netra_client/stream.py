"""The durable event stream as one client sees it. Sans-I/O: no await, no clock, no socket.

It owns the position (epoch, last `seq`) and decides what is new, what is a repetition, and when to ask
`resume`. The caller must send every `Resume` that it is handed, and must deliver exactly what it is told to.
"""

import enum
from dataclasses import dataclass

from netra_client.commands import Resume
from netra_client.ids import Epoch


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the stream: every event up to and including `seq` was received."""

    epoch: Epoch
    seq: int


class Arrival(enum.Enum):
    """What to do with an event that arrived."""

    DELIVER = "deliver"
    DROP = "drop"
    ASK = "ask"  # drop it, and send `ask()`: events are missing before it


class Replay(enum.Enum):
    """What the end of a replay means."""

    COMPLETE = "complete"
    ASK = "ask"  # send `ask()`: part of the replay did not arrive
    LOST = "lost"  # the server cannot give what is missing; the position was moved to its head


class EventStream:
    """The position, and whether a `resume` is under way."""

    def __init__(self, position: Position | None = None) -> None:
        self.position = position
        self._epoch: Epoch = position.epoch if position else 0
        self._head = position.seq if position else 0
        self._asked_after: int | None = None
        # The newest live event that was dropped because a replay would bring it.
        self._left_to_replay = 0

    @property
    def asking(self) -> bool:
        """Whether a `resume` was sent and not answered."""
        return self._asked_after is not None

    def connected(self, *, epoch: Epoch, head: int) -> Resume | None:
        """Take a new connection; return the `resume` that must be its first frame, if any.

        A client without a position starts at `head`: "durable events start at `connected.head + 1`".
        """
        self._epoch, self._head = epoch, head
        self._asked_after = None
        if self.position is not None:
            return self.ask()
        self.position = Position(epoch, head)
        return None

    def ask(self) -> Resume:
        """Return the `resume` for the present position; until its answer, no other is asked for."""
        position = self._known_position()
        self._asked_after = position.seq
        self._left_to_replay = 0
        return Resume(epoch=position.epoch, after=position.seq)

    def arrived(self, seq: int) -> Arrival:
        """Say what to do with the durable event `seq`."""
        position = self._known_position()
        self._head = max(self._head, seq)
        if seq <= position.seq:
            return Arrival.DROP
        if seq == position.seq + 1:
            self.position = Position(position.epoch, seq)
            return Arrival.DELIVER
        if not self.asking:
            return Arrival.ASK
        self._left_to_replay = max(self._left_to_replay, seq)
        return Arrival.DROP

    def behind(self, head: int) -> bool:
        """Say whether to send `ask()`, given the head of a heartbeat or pong."""
        self._head = max(self._head, head)
        return not self.asking and self._known_position().seq < head

    def resumed(self, head: int) -> Replay:
        """Take the end of a replay.

        A replay that brought nothing and still ends ahead of us would be asked for for ever; it is a loss.
        """
        asked_after, self._asked_after = self._asked_after, None
        position = self._known_position()
        if position.seq >= head:
            # The replay may have been read from the log before an event that overtook it and was dropped.
            return Replay.COMPLETE if position.seq >= self._left_to_replay else Replay.ASK
        if asked_after is None or position.seq > asked_after:
            return Replay.ASK
        self.lost(head)
        return Replay.LOST

    def lost(self, head: int | None = None) -> int:
        """Give up what is missing and go on after `head`; return the head used.

        Without `head` (the server refused the `resume`) the newest one heard of is used.
        """
        self._asked_after = None
        self._head = self._head if head is None else head
        self.position = Position(self._epoch, self._head)
        return self._head

    def refused(self) -> None:
        """Take an error for now (`busy`): the next heartbeat or gap asks again."""
        self._asked_after = None

    def rewind(self, position: Position) -> None:
        """Go to a position chosen by the application; the caller then sends `ask()`."""
        self.position = position
        self._asked_after = None

    def _known_position(self) -> Position:
        if self.position is None:
            raise RuntimeError("connected() comes before any event")
        return self.position
