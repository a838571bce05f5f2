"""What a tab may know of the world around it."""

from typing import Protocol

from netra_backend.domain.ids import Owner
from netra_backend.testing.simulation.loop import Process
from netra_backend.testing.simulation.records import Frame, Recording
from netra_backend.testing.simulation.wire import Closed, FrameTaken, Wire


class Scene(Protocol):
    """See `world.World`."""

    people: Process

    def time(self) -> float:
        """Virtual seconds."""
        ...

    def note(self, who: str, what: str | bytes) -> None:
        """A line of the trace."""
        ...

    def dial(self, owner: Owner, frame: FrameTaken, closed: Closed) -> Wire | None:
        """A socket to any gateway, or None if it is refused."""
        ...

    def record(self, tab: str, owner: Owner, gateway: str) -> Recording:
        """A new recording."""
        ...

    def head(self, owner: Owner) -> int:
        """The owner's last number."""
        ...

    def stop_accepted(self, owner: Owner, run_id: str) -> None:
        """A stop was acknowledged just now."""
        ...

    def said(self, owner: Owner, frame: Frame) -> None:
        """Remember a frame that may be sent again, by any tab of the owner."""
        ...

    def any_said(self, owner: Owner, pick: float) -> Frame | None:
        """One of those."""
        ...

    def of_others(self, owner: Owner) -> tuple[str, str] | None:
        """A thread and a run of somebody else."""
        ...
