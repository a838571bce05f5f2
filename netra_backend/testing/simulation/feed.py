"""A disposable Valkey in memory, and each process's `Feed` and `LiveText` on it.

It drops, repeats, delays (and so reorders), goes away, comes back, and forgets all live text. Who
listens in the publishing process is told at once, as the real feed does.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from netra_backend.domain.events import Event
from netra_backend.domain.ids import MessageId, Owner, RunId, ThreadId
from netra_backend.domain.ports import Sink
from netra_backend.protocol.frames import event_frame
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


class SimulatedFeed:
    """See `domain.ports.Feed`."""

    def __init__(self, process: Process, valkey: Valkey) -> None:
        self.process = process
        self.valkey = valkey
        self._sinks: dict[Owner, dict[int, Sink]] = {}
        self._doubted: Callable[[], None] = _nothing
        self._worked: Callable[[], None] = _nothing
        self._stopped: Callable[[RunId], None] = _nothing
        valkey.feeds.append(self)

    @property
    def healthy(self) -> bool:
        """See the port."""
        return self.valkey.up

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

    def work(self) -> None:
        """See the port."""
        self._worked()
        self.valkey.send(self, None, "work")

    def stop(self, run_id: RunId) -> None:
        """See the port."""
        self._stopped(run_id)
        self.valkey.send(self, None, "stop", run_id)

    def owners(self) -> Collection[Owner]:
        """See the port."""
        return list(self._sinks)

    def beat(self, heads: Mapping[Owner, int | None]) -> None:
        """See the port."""
        for owner, head in heads.items():
            self.take(owner, "on_head", head)

    def on_doubt(self, callback: Callable[[], None]) -> None:
        """See the port."""
        self._doubted = callback

    def on_work(self, callback: Callable[[], None]) -> None:
        """See the port."""
        self._worked = callback

    def on_stop(self, callback: Callable[[RunId], None]) -> None:
        """See the port."""
        self._stopped = callback

    def doubt(self) -> None:
        """The connection was lost, or is new."""
        self._doubted()

    def tell(self, owner: Owner, method: str, *arguments: Any) -> None:
        """Call a method of every listener of `owner`, here and elsewhere."""
        self.take(owner, method, *arguments)
        self.valkey.send(self, owner, method, *arguments)

    def take(self, owner: Owner | None, method: str, *arguments: Any) -> None:
        """A message came."""
        if owner is not None:
            for sink in tuple(self._sinks.get(owner, {}).values()):
                getattr(sink, method)(*arguments)
        elif method == "work":
            self._worked()
        else:
            self._stopped(*arguments)


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


def _nothing(*_: object) -> None:
    """Nobody has asked to be told."""
