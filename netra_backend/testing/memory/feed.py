"""The `Feed` in memory: every feed of one `Memory` hears what any of them publishes, in order.

An outage can be staged: a feed that is away loses what it publishes and hears nothing.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from netra_backend.domain.events import Event
from netra_backend.domain.ids import Owner, RunId, ThreadId
from netra_backend.domain.ports import Sink
from netra_backend.protocol.frames import event_frame
from netra_backend.testing.memory.state import Memory


class MemoryFeed:
    """See `domain.ports.Feed`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._sinks: dict[Owner, dict[int, Sink]] = {}
        self._healthy = True
        self._doubt: list[Callable[[], None]] = []
        self._work: list[Callable[[], None]] = []
        self._stop: list[Callable[[RunId], None]] = []
        memory.feeds.append(self)

    @property
    def healthy(self) -> bool:
        """See the port."""
        return self._healthy

    def go_away(self) -> None:
        """Stage an outage."""
        self._healthy = False

    def come_back(self) -> None:
        """End the outage: everybody doubts, since this feed's messages were lost as well."""
        self._healthy = True
        self._everybody(lambda feed: _call(feed._doubt))

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
            first, frames = events[0].seq, [event_frame(event) for event in events]
            self.tell(owner, lambda sink: sink.on_events(first, frames))

    def typing(self, owner: Owner, thread_id: ThreadId, source: str, *, active: bool) -> None:
        """See the port."""
        self.tell(owner, lambda sink: sink.on_typing(thread_id, source, active))

    def revoke(self, owner: Owner) -> None:
        """See the port."""
        self.tell(owner, lambda sink: sink.on_revoked())

    def work(self) -> None:
        """See the port."""
        self._everybody(lambda feed: _call(feed._work))

    def stop(self, run_id: RunId) -> None:
        """See the port."""
        self._everybody(lambda feed: [callback(run_id) for callback in feed._stop])

    def owners(self) -> Collection[Owner]:
        """See the port."""
        return list(self._sinks)

    def beat(self, heads: Mapping[Owner, int | None]) -> None:
        """See the port."""
        for owner, head in heads.items():
            for sink in [*self._sinks.get(owner, {}).values()]:
                sink.on_head(head)

    def on_doubt(self, callback: Callable[[], None]) -> None:
        """See the port."""
        self._doubt = [callback]

    def on_work(self, callback: Callable[[], None]) -> None:
        """See the port."""
        self._work = [callback]

    def on_stop(self, callback: Callable[[RunId], None]) -> None:
        """See the port."""
        self._stop = [callback]

    def tell(self, owner: Owner, notice: Callable[[Sink], None]) -> None:
        """Give every listener of `owner`, on every feed, a notice; in order, after this returns."""

        def deliver(feed: MemoryFeed) -> None:
            for sink in [*feed._sinks.get(owner, {}).values()]:
                notice(sink)

        self._everybody(deliver)

    def _everybody(self, deliver: Callable[["MemoryFeed"], object]) -> None:
        if self._healthy:
            asyncio.get_running_loop().call_soon(self._to_all, deliver)

    def _to_all(self, deliver: Callable[["MemoryFeed"], object]) -> None:
        for feed in self._memory.feeds:
            if feed.healthy:
                deliver(feed)


def _call(callbacks: Sequence[Callable[[], None]]) -> None:
    for callback in callbacks:
        callback()
