"""Durable events as the log holds them: typed, numbered per user, with an encoded payload."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from netra_backend.domain.ids import Owner, RunId, ThreadId
from netra_backend.domain.runs import Ending


class Draft(NamedTuple):
    """An event that has no number yet; `payload` is JSON, encoded once for log and wire."""

    type: str
    payload: bytes


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A stored event. `seq` starts at 1 and is gapless per owner."""

    seq: int
    type: str
    payload: bytes
    thread_id: ThreadId | None
    run_id: RunId | None
    ts: datetime


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one run, written together under its fencing token or not at all."""

    owner: Owner
    thread_id: ThreadId
    run_id: RunId
    attempt: int
    drafts: tuple[Draft, ...]
    ending: Ending | None = None


class Fenced(Exception):
    """The run belongs to a later attempt or has ended: this writer must stop."""
