"""One connection's inbound side: limits, decoding, authentication order, expiry. Sans-I/O.

The caller gives every received frame and the time to `receive`, sends what a `Refusal` holds, and
closes when it says so. After a close it must not call again.
"""

import math
from dataclasses import dataclass
from enum import Enum, auto

import msgspec

from netra_backend.domain.errors import (
    BadMessage,
    NetraError,
    RateLimited,
    TooLarge,
    Unauthenticated,
)
from netra_backend.domain.ids import Owner
from netra_backend.protocol.errors import CloseCode, from_decode_error
from netra_backend.protocol.messages import Authenticate, WebSocketMessage, decode, id_of
from netra_backend.protocol.nesting import check_keys, too_deep

EXPIRY_NOTICE_S = 60.0
"""`token_expiring` comes this many seconds before the end (docs/protocol.md, Authentication)."""


class Phase(Enum):
    """Where a connection stands."""

    AWAITING = auto()
    OPEN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one connection may do. Rates are frames a second; sizes are bytes of UTF-8."""

    frame_bytes: int = 65536
    frames_per_second: float = 50.0
    burst: int = 200
    bad_frames: int = 20


@dataclass(frozen=True, slots=True)
class Refusal:
    """A frame that gets an `error`, and then a close if `close` is set."""

    error: NetraError
    reply_to: str | None = None
    close: CloseCode | None = None


class Session:
    """The state of one connection's inbound side.

    Times are seconds of one monotonic clock. Bad frames are forgiven one by one: each good frame
    takes one off the count.
    """

    __slots__ = ("_bad", "_limits", "_owner", "_tat", "phase")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._owner: Owner | None = None
        self._tat = 0.0
        self._bad = 0
        self.phase = Phase.AWAITING

    @property
    def owner(self) -> Owner | None:
        """Who the connection is for, once that is known."""
        return self._owner

    def authenticated(self, owner: Owner) -> None:
        """Record a verified token; a renewal must be for the same owner.

        Raises:
            Unauthenticated: the token is somebody else's.
        """
        if self._owner is not None and owner != self._owner:
            raise Unauthenticated("A connection can only be renewed for the same user and tenant.")
        self._owner = owner
        self.phase = Phase.OPEN

    def receive(self, frame: str | bytes, *, now: float, wait_s: float = 0.0) -> WebSocketMessage | Refusal:
        """The typed message, or why it is refused.

        `wait_s` above 0 says that the user's connections together have sent too much, and for how
        many seconds more nothing is taken from them.
        """
        limited = self._limit(now) if wait_s <= 0 else RateLimited(retry_after_ms=math.ceil(wait_s * 1000))
        if limited is not None:
            return self._refuse(limited, frame, CloseCode.RATE)
        try:
            message = self._decode(frame)
        except BadMessage as error:
            return self._refuse(error, frame, CloseCode.VIOLATION)
        if self.phase is Phase.AWAITING and not isinstance(message, Authenticate):
            reply_to = message.id if isinstance(message.id, str) else None
            return Refusal(Unauthenticated("Send `authenticate` first."), reply_to, CloseCode.TOKEN)
        self._bad = max(self._bad - 1, 0)
        return message

    def _limit(self, now: float) -> RateLimited | None:
        """The generic cell rate algorithm: one number instead of a window of times."""
        interval = 1 / self._limits.frames_per_second
        allowance = interval * self._limits.burst
        due = max(self._tat, now)
        if due - now > allowance:
            return RateLimited(retry_after_ms=round((due - now - allowance + interval) * 1000))
        self._tat = due + interval
        return None

    def _decode(self, frame: str | bytes) -> WebSocketMessage:
        if isinstance(frame, bytes):
            raise BadMessage("Frames are JSON text; this one is binary.", path="$")
        if self._too_large(frame):
            raise TooLarge(f"A frame may have {self._limits.frame_bytes} bytes at most.", path="$")
        if too_deep(frame):
            raise BadMessage("The frame is nested too deeply.", path="$")
        try:
            message = decode(frame)
        except msgspec.DecodeError as error:
            raise from_decode_error(error) from None
        check_keys(frame)
        return message

    def _refuse(self, error: NetraError, frame: str | bytes, close: CloseCode) -> Refusal:
        self._bad += 1
        reply_to = None
        if isinstance(frame, str) and not self._too_large(frame) and not too_deep(frame):
            reply_to = id_of(frame)
        return Refusal(error, reply_to, close if self._bad >= self._limits.bad_frames else None)

    def _too_large(self, frame: str) -> bool:
        limit = self._limits.frame_bytes
        return len(frame) > limit or (len(frame) * 4 > limit and len(frame.encode()) > limit)
