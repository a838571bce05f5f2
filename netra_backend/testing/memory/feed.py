"""The `Feed` in memory: every feed of one `Memory` hears what any of them publishes, in order.

An outage can be staged: a feed that is away loses what it publishes and hears nothing.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from netra_backend.domain.ids import Owner, RunId
from netra_backend.testing.memory.listeners import Listeners
from netra_backend.testing.memory.state import Memory


class MemoryFeed(Listeners):
    """See `domain.ports.Feed`."""

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self._memory = memory
        self._healthy = True
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
        self._everybody(lambda feed: feed.doubted())

    def work(self) -> None:
        """See the port."""
        self._everybody(lambda feed: feed.worked())

    def stop(self, run_id: RunId) -> None:
        """See the port."""
        self._everybody(lambda feed: feed.stopped(run_id))

    def tell(self, owner: Owner, method: str, *arguments: Any) -> None:
        """Tell every listener of `owner`, on every feed; in order, after this returns."""
        self._everybody(lambda feed: feed.tell_here(owner, method, *arguments))

    def _everybody(self, deliver: Callable[["MemoryFeed"], object]) -> None:
        if self._healthy:
            asyncio.get_running_loop().call_soon(self._to_all, deliver)

    def _to_all(self, deliver: Callable[["MemoryFeed"], object]) -> None:
        for feed in self._memory.feeds:
            if feed.healthy:
                deliver(feed)
