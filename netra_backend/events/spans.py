"""Reads of committed events which runs have ended, for who exports spans. Ids, numbers and codes, never a text."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from netra_backend.domain.events import Event
from netra_backend.domain.ids import Owner


class RunEnded(Protocol):
    """Hears of a run's end: its id as a number, when in seconds since 1970, and after how long."""

    def __call__(
        self, run: int, *, at: float, seconds: float, attributes: Mapping[str, str | int], error: str | None
    ) -> None:
        """See the class."""


class _Error(msgspec.Struct):
    code: str


class _Ending(msgspec.Struct):
    status: str
    duration_ms: int
    attempts: int
    error: _Error | None = None


_ending = msgspec.json.Decoder(_Ending)


class RunSpans:
    """Hears of commits."""

    def __init__(self, ended: RunEnded) -> None:
        self._ended = ended

    def __call__(self, _owner: Owner, events: Sequence[Event]) -> None:
        """These events of an owner were committed."""
        for event in events:
            if event.type == "agent_completed" and event.run_id is not None:
                self._tell(event.run_id, event, _ending.decode(event.payload))

    def _tell(self, run_id: str, event: Event, ending: _Ending) -> None:
        self._ended(
            UUID(run_id).int,
            at=event.ts.timestamp(),
            seconds=ending.duration_ms / 1000,
            attributes={
                "netra.run.id": run_id,
                "netra.thread.id": event.thread_id or "",
                "netra.run.status": ending.status,
                "netra.run.attempts": ending.attempts,
            },
            error=ending.error.code if ending.error is not None else None,
        )
