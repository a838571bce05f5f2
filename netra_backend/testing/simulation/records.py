"""What a schedule leaves behind, as plain data: recordings of connections, rows, side effects."""

from dataclasses import dataclass, field
from typing import Any

from netra_backend.domain.events import Event
from netra_backend.domain.ids import Owner
from netra_backend.testing.memory.state import MessageRow, RunRow
from netra_backend.testing.simulation.agents import Effect

Frame = dict[str, Any]


@dataclass(slots=True)
class Recording:
    """One connection: what was sent and received, with virtual times, in order."""

    tab: str
    owner: Owner
    gateway: str
    sent: list[tuple[float, Frame]] = field(default_factory=list)
    frames: list[tuple[float, bytes, Frame]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Outcome:
    """Everything that `checks` judges.

    Args:
        visits: per owner, what a last visitor got, who replayed everything.
        undisturbed: no fault was planned that can cost a run its worker.
        deathless: none was planned that can cost it its lease; a drain does not.
        complaints: what the simulation itself noticed.
    """

    events: dict[Owner, list[Event]]
    messages: list[MessageRow]
    runs: dict[str, RunRow]
    recordings: list[Recording]
    visits: dict[Owner, Recording]
    effects: list[Effect]
    undisturbed: bool
    deathless: bool
    complaints: list[str]
