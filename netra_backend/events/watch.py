"""Asks the log for the heads of everybody who listens here, for heartbeats and after doubts.

One query serves hundreds of owners, spread over the heartbeat, so that thousands of idle
connections cost next to nothing.
"""

import asyncio

import structlog

from netra_backend.domain.errors import NetraError
from netra_backend.domain.ids import Owner
from netra_backend.domain.ports import EventLog, Feed

log = structlog.get_logger(__name__)

CHUNK = 500
"""Owners in one query."""
POLL_S = 1.0
"""Seconds between looks at the log while the feed is away: what a user then waits for an event."""


class HeadWatch:
    """Beats for every owner once each `heartbeat_s`, and at once after a doubt."""

    def __init__(self, log: EventLog, feed: Feed, *, heartbeat_s: float) -> None:
        self._log = log
        self._feed = feed
        self._heartbeat_s = heartbeat_s
        self._doubted = asyncio.Event()
        feed.on_doubt(self._doubted.set)

    async def run(self) -> None:
        """Beat until cancelled. A slow log makes no heartbeat late: it is sent without a new head."""
        loop = asyncio.get_running_loop()
        while True:
            owners = sorted(self._feed.owners())
            chunks = [owners[start : start + CHUNK] for start in range(0, len(owners), CHUNK)]
            share_s = self._heartbeat_s / max(len(chunks), 1)
            pause_s = share_s if self._feed.healthy else POLL_S / max(len(chunks), 1)
            for chunk in chunks or [[]]:
                began = loop.time()
                await self._beat(chunk, patience_s=share_s / 2)
                if await self._pause(began + pause_s):
                    break

    async def _beat(self, owners: list[Owner], *, patience_s: float) -> None:
        if not owners:
            return
        heads: dict[Owner, int | None]
        try:
            async with asyncio.timeout(patience_s):
                heads = dict(await self._log.heads(owners))
        except (NetraError, TimeoutError) as error:
            log.warning("heads_unknown", error=type(error).__name__)
            heads = dict.fromkeys(owners)
        self._feed.beat(heads)

    async def _pause(self, until: float) -> bool:
        """Wait until that time of the loop; True if a doubt cut it short."""
        try:
            async with asyncio.timeout_at(until):
                await self._doubted.wait()
        except TimeoutError:
            return False
        self._doubted.clear()
        return True
