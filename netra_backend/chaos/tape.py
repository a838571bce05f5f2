"""What recording clients write down, and nothing else: raw frames, connections, snapshots. No judgement."""

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from netra_backend.domain.ids import Owner

_CANARY = "netra-canary-"
CANARY = re.compile(r"netra-canary-[0-9a-z]{8,32}")
"""The token in all texts of one user; in anything that another user gets, it proves a leak (I5)."""


def canary(secret: str) -> str:
    """The token for one user, from 8 to 32 lower-case letters and digits that no other user has.

    Raises:
        ValueError: it is not of that form, and would not be found again.
    """
    token = f"{_CANARY}{secret}"
    if not CANARY.fullmatch(token):
        raise ValueError("A canary is 8 to 32 lower-case letters and digits.")
    return token


def foreign_canaries(text: str, own: str) -> list[str]:
    """Canaries in `text` other than `own`."""
    if _CANARY not in text:
        return []
    return [found for found in CANARY.findall(text) if found != own]


class Entry(NamedTuple):
    """One frame as it was on the wire.

    Attributes:
        at: monotonic seconds, taken before anything looked into the frame.
        connection: number of the connection, from 1.
        sent: by the client; otherwise received.
        raw: the text of the frame.
    """

    at: float
    connection: int
    sent: bool
    raw: str


@dataclass(slots=True, kw_only=True)
class Span:
    """One attempt at a connection. Times are monotonic seconds.

    Attributes:
        tried_at: when it was begun.
        connected_at: when `connected` came; None if it never did.
        back_at: when the stream was whole again: `resumed` or `resync` after `connected`.
        ended_at: when it ended; None while it is open.
        code: the close code; 1006 for one that broke or was never made.
    """

    number: int
    url: str
    tried_at: float
    connected_at: float | None = None
    back_at: float | None = None
    ended_at: float | None = None
    code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A thread's history as HTTP gave it to a client whose stream stood at `after` before it asked.

    Attributes:
        messages: `{id, role, content, …}` as the wire has them, oldest first, complete.
    """

    thread_id: str
    after: int
    messages: list[dict[str, Any]]


@dataclass(slots=True, kw_only=True)
class Recording:
    """Everything that one client sent and received.

    Attributes:
        settled: at its end the client had heard from the server that nothing was missing.
    """

    owner: Owner
    name: str
    canary: str
    entries: list[Entry] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    settled: bool = False

    def times_back(self) -> list[float]:
        """Seconds from each loss of a connection until the stream was whole again, oldest first."""
        times: list[float] = []
        lost_at: float | None = None
        for span in self.spans:
            if span.back_at is not None and lost_at is not None:
                times.append(span.back_at - lost_at)
                lost_at = None
            if span.back_at is not None or lost_at is None:
                lost_at = span.ended_at if span.connected_at is not None else lost_at
        return times

    def close_codes(self) -> dict[int, int]:
        """How often a connection ended with each code."""
        codes: dict[int, int] = {}
        for span in self.spans:
            if span.code is not None:
                codes[span.code] = codes.get(span.code, 0) + 1
        return codes
