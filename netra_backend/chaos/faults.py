"""What a fault proxy can do to bytes, as plain values. No sockets."""

from dataclasses import dataclass, replace
from enum import Enum, Flag, auto


class Direction(Flag):
    """Which way bytes go, seen from the proxy."""

    TO_UPSTREAM = auto()
    TO_CLIENT = auto()
    BOTH = TO_UPSTREAM | TO_CLIENT


class Cut(Enum):
    """How a connection ends: as after a crash (`RESET`), or in order (`FIN`)."""

    RESET = auto()
    FIN = auto()


class Refusal(Enum):
    """What new connections meet."""

    NOT_LISTENING = auto()
    """The connect fails at once."""
    CLOSED = auto()
    """Accepted and reset, as by a load balancer without backends."""


class Passage(Enum):
    """What becomes of bytes that arrive."""

    OPEN = auto()
    STALLED = auto()
    """They wait, in the sender's buffers when ours is full, and go on after `heal`: a network partition that
    ends before the ends have given up."""
    SWALLOWED = auto()
    """They are gone and the sender does not notice: a half-open connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The conditions of one direction.

    Attributes:
        latency_s: seconds that each byte is under way.
        jitter_s: up to so many seconds more, drawn per chunk; order is kept all the same.
        bytes_per_s: for each connection; None is unlimited.
        passage: whether bytes pass at all.
        cut_after: bytes of each connection, counted from when it was set, after which it is cut.
        cut: how it is cut then.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float | None = None
    passage: Passage = Passage.OPEN
    cut_after: int | None = None
    cut: Cut = Cut.RESET

    def __post_init__(self) -> None:
        if min(self.latency_s, self.jitter_s) < 0 or (self.cut_after or 0) < 0:
            raise ValueError("Latency, jitter and the bytes before a cut must not be negative.")
        if self.bytes_per_s is not None and self.bytes_per_s <= 0:
            raise ValueError("The bytes a second must be more than 0; use stall() to let none pass.")


class Weather:
    """The conditions of both directions, and who wants to know when they change."""

    def __init__(self) -> None:
        self._of = {Direction.TO_UPSTREAM: Conditions(), Direction.TO_CLIENT: Conditions()}

    def __getitem__(self, direction: Direction) -> Conditions:
        return self._of[direction]

    def change(self, direction: Direction, **changes: object) -> None:
        """Replace some conditions of one direction or of both."""
        for one in direction:
            self._of[one] = replace(self._of[one], **changes)  # type: ignore[arg-type]  # names checked by replace

    def clear(self) -> None:
        """Fair weather."""
        for one in Direction.BOTH:
            self._of[one] = Conditions()
