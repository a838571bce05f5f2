"""A user whose gateway may die: remembers where its stream stood, comes back, and says whether all of it came.

The memory outlives the connections; a connection is one `Visit`.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.frames import type_of, value_after
from benchmarks.user import User

_SEQ = re.compile(rb'"seq":(\d+)')
_HEAD = re.compile(rb'"head":(\d+)')


@dataclass(slots=True)
class Guest:
    """One user over all its connections. Times are `time.perf_counter` seconds.

    Attributes:
        seq: up to here every event came.
        says: it has something to say, and says it again until that is accepted.
        lost_at: when the connection broke.
        back_s: seconds from there to `resumed`.
        head: of the stream, as the last `pong` said.
    """

    token: str
    name: bytes
    seq: int = 0
    says: bool = False
    accepted: bool = False
    completed: bool = False
    lost_at: float | None = None
    back_s: float | None = None
    head: int = -1
    wrong: list[str] = field(default_factory=list)

    @property
    def served(self) -> bool:
        """Whether it has got what it asked for."""
        return self.completed or not self.says

    def miss(self, events: int, *, says: bool) -> None:
        """Forget the last events, and perhaps have something else to say."""
        self.seq -= events
        self.name += b"+"
        self.says, self.accepted, self.completed = says, False, False


class Visit(User):
    """One connection of a guest, which resumes first.

    Args:
        address: host and port for the handshake's `Host`.
        guest: whose it is.
        lost: called when the connection ends, unless the guest left.
        news: called after every frame that changes the guest.
    """

    def __init__(
        self, address: str, guest: Guest, *, lost: Callable[[Guest], None], news: Callable[[], None]
    ) -> None:
        super().__init__(
            address, guest.token, completed=_nothing, failed=news, verify_every=1, series=guest.name
        )
        self.guest = guest
        self._lost = lost
        self._news = news

    def speak(self) -> None:
        """Send the message, with the id that it always has."""
        if self.guest.says and not self.guest.accepted:
            self._send(b'{"type":"user_message","id":"%s","payload":{"text":"Hello?"}}' % self.guest.name)

    def connection_lost(self, exc: Exception | None) -> None:
        """A guest may be cut off."""
        if not self.gone:
            self.gone = True
            if not self.ready.done():
                self.ready.set_exception(ConnectionResetError("cut off"))
            self._lost(self.guest)

    def _take(self, payload: bytes) -> None:
        guest, kind = self.guest, type_of(payload)
        if kind == b"connected":
            epoch = value_after(payload, b'"epoch":"')
            self._send(b'{"type":"resume","id":"r","payload":{"epoch":"%s","after":%d}}' % (epoch, guest.seq))
        elif kind == b"resumed":
            self._resumed()
        elif kind == b"pong":
            guest.head = int(_first(_HEAD, payload))
        elif kind == b"accepted":
            guest.accepted = True
        elif kind in (b"error", b"resync"):
            guest.wrong.append(f"{kind.decode()}: {payload[:200]!r}")
        elif (found := _SEQ.search(payload)) is not None:
            self._event(int(found[1]), kind)
        self._news()

    def _resumed(self) -> None:
        guest = self.guest
        if guest.lost_at is not None:
            guest.back_s = time.perf_counter() - guest.lost_at
        self.speak()
        if not self.ready.done():
            self.ready.set_result(None)

    def _event(self, seq: int, kind: bytes) -> None:
        guest = self.guest
        if seq > guest.seq + 1:
            guest.wrong.append(f"event {seq} came after {guest.seq}")
        guest.seq = max(guest.seq, seq)
        guest.completed = guest.completed or kind == b"agent_completed"


def _first(pattern: re.Pattern[bytes], payload: bytes) -> bytes:
    found = pattern.search(payload)
    return found[1] if found else b"-1"


def _nothing(*_: object) -> None:
    """A guest's runs are not timed."""
