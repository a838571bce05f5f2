"""Who listens to a feed in this process, and what a feed tells them: the part that needs no transport.

How a message reaches other processes is for the subclass.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from netra_backend.domain.events import Event
from netra_backend.domain.ids import Owner, RunId, ThreadId
from netra_backend.domain.ports import Sink
from netra_backend.protocol.frames import event_frame


class Listeners(ABC):
    """The half of a `domain.ports.Feed` that all feeds in memory share; the rest is their own."""

    def __init__(self) -> None:
        self._sinks: dict[Owner, dict[int, Sink]] = {}
        self.doubted: Callable[[], None] = _nothing
        self.worked: Callable[[], None] = _nothing
        self.stopped: Callable[[RunId], None] = _nothing

    async def attach(self, owner: Owner, sink: Sink) -> None:
        """See the port."""
        self._sinks.setdefault(owner, {})[id(sink)] = sink

    async def detach(self, owner: Owner, sink: Sink) -> None:
        """See the port."""
        sinks = self._sinks.get(owner, {})
        sinks.pop(id(sink), None)
        if not sinks:
            self._sinks.pop(owner, None)

    def publish(self, owner: Owner, events: Sequence[Event]) -> None:
        """See the port."""
        if events:
            self.tell(owner, "on_events", events[0].seq, [event_frame(event) for event in events])

    def typing(self, owner: Owner, thread_id: ThreadId, source: str, *, active: bool) -> None:
        """See the port."""
        self.tell(owner, "on_typing", thread_id, source, active)

    def revoke(self, owner: Owner) -> None:
        """See the port."""
        self.tell(owner, "on_revoked")

    def owners(self) -> Collection[Owner]:
        """See the port."""
        return list(self._sinks)

    def beat(self, heads: Mapping[Owner, int | None]) -> None:
        """See the port."""
        for owner, head in heads.items():
            self.tell_here(owner, "on_head", head)

    def on_doubt(self, callback: Callable[[], None]) -> None:
        """See the port."""
        self.doubted = callback

    def on_work(self, callback: Callable[[], None]) -> None:
        """See the port."""
        self.worked = callback

    def on_stop(self, callback: Callable[[RunId], None]) -> None:
        """See the port."""
        self.stopped = callback

    @abstractmethod
    def tell(self, owner: Owner, method: str, *arguments: Any) -> None:
        """Call a method of every `Sink` of `owner`, here and elsewhere."""

    def tell_here(self, owner: Owner, method: str, *arguments: Any) -> None:
        """Call a method of every `Sink` of `owner` in this process."""
        for sink in tuple(self._sinks.get(owner, {}).values()):
            getattr(sink, method)(*arguments)


def _nothing(*_: object) -> None:
    """Nobody has asked to be told."""
