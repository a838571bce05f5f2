"""A disposable Valkey in memory, and each process's `Feed` and `LiveText` on it.

It drops, repeats, delays (and so reorders), goes away, comes back, and forgets all live text. Who
listens in the publishing process is told at once, as the real feed does.
"""

from typing import Any

from netra_backend.domain.ids import MessageId, Owner, RunId, ThreadId
from netra_backend.testing.memory.listeners import Listeners
from netra_backend.testing.simulation.loop import Process
from netra_backend.testing.simulation.weather import Weather

LATE_S = 3.0
"""Seconds that a delayed message takes at most."""
RETRY_S = 0.2
"""Seconds until a feed notices that the server is back."""


class Valkey:
    """The server: live text by message, and the feeds that are connected."""

    def __init__(self, weather: Weather) -> None:
        self.weather = weather
        self.up = True
        self.feeds: list[SimulatedFeed] = []
        self.texts: dict[tuple[Owner, MessageId], str] = {}

    def go_away(self) -> None:
        """Stop answering; what it held in memory is gone."""
        self.up = False
        self.texts.clear()
        for feed in self.feeds:
            feed.process.soon(feed.doubt)

    def come_back(self) -> None:
        """Answer again: every feed connects anew, and doubts what it heard."""
        self.up = True
        for feed in self.feeds:
            feed.process.soon(feed.doubt, delay=RETRY_S)

    def send(self, source: "SimulatedFeed", *message: Any) -> None:
        """Give a message to every other feed, as the network allows."""
        if not self.up:
            return
        for feed in self.feeds:
            if feed is not source and feed.process.alive:
                self._deliver(feed, message)

    def _deliver(self, feed: "SimulatedFeed", message: tuple[Any, ...]) -> None:
        weather, name = self.weather, feed.process.name
        if weather.strikes("feed_drops", name):
            return
        delay = weather.long(LATE_S) if weather.strikes("feed_delays", name) else 0.0
        feed.process.soon(feed.take, *message, delay=delay)
        if weather.strikes("feed_repeats", name):
            feed.process.soon(feed.take, *message, delay=weather.long(LATE_S))


class SimulatedFeed(Listeners):
    """See `domain.ports.Feed`."""

    def __init__(self, process: Process, valkey: Valkey) -> None:
        super().__init__()
        self.process = process
        self.valkey = valkey
        valkey.feeds.append(self)

    @property
    def healthy(self) -> bool:
        """See the port."""
        return self.valkey.up

    def work(self) -> None:
        """See the port."""
        self.worked()
        self.valkey.send(self, None, "work")

    def stop(self, run_id: RunId) -> None:
        """See the port."""
        self.stopped(run_id)
        self.valkey.send(self, None, "stop", run_id)

    def doubt(self) -> None:
        """The connection was lost, or is new."""
        self.doubted()

    def tell(self, owner: Owner, method: str, *arguments: Any) -> None:
        """Tell every listener of `owner`: those here at once."""
        self.tell_here(owner, method, *arguments)
        self.valkey.send(self, owner, method, *arguments)

    def take(self, owner: Owner | None, method: str, *arguments: Any) -> None:
        """A message came."""
        if owner is not None:
            self.tell_here(owner, method, *arguments)
        elif method == "work":
            self.worked()
        else:
            self.stopped(*arguments)


class SimulatedLiveText:
    """See `domain.ports.LiveText`."""

    def __init__(self, feed: SimulatedFeed) -> None:
        self._feed = feed
        self._valkey = feed.valkey

    def write(self, owner: Owner, thread_id: ThreadId, message_id: MessageId, *, text: str, new: int) -> None:
        """See the port."""
        if self._valkey.up:
            self._valkey.texts[owner, message_id] = text
        offset = len(text) - new
        self._feed.tell(owner, "on_delta", thread_id, message_id, offset, text[offset:])

    async def snapshot(self, owner: Owner, message_id: MessageId) -> str | None:
        """See the port."""
        answer = self._feed.process.loop.create_future()
        delay = self._valkey.weather.latency()
        self._feed.process.soon(_answer, answer, self._valkey, (owner, message_id), delay=delay)
        text: str | None = await answer
        return text

    def clear(self, owner: Owner, message_id: MessageId) -> None:
        """See the port."""
        if self._valkey.up:
            self._valkey.texts.pop((owner, message_id), None)


def _answer(answer: Any, valkey: Valkey, key: tuple[Owner, MessageId]) -> None:
    if not answer.done():
        answer.set_result(valkey.texts.get(key) if valkey.up else None)
