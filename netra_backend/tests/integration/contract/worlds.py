"""The adapters under contract, and what a test may do to them from the outside.

`Memory` and the real servers are driven by the same few deeds, so that each test is written once.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import asyncpg
import msgspec

from netra_backend.app import Core
from netra_backend.domain.events import Append, Draft, Event
from netra_backend.domain.ids import MessageId, Owner, RunId, TenantId, ThreadId, UserId, WorkerId
from netra_backend.domain.ports import EventLog, Feed, LiveText, Queue, Store
from netra_backend.domain.runs import Acceptance, Ending, EndStatus, Run, Submission
from netra_backend.embedded.wiring import Addresses
from netra_backend.protocol import payloads as p
from netra_backend.queue.postgres import PostgresQueue
from netra_backend.testing.fake_clock import FakeClock
from netra_backend.testing.memory import (
    Memory,
    MemoryEventLog,
    MemoryFeed,
    MemoryLiveText,
    MemoryQueue,
    MemoryStore,
)
from netra_backend.tests.valkey_servers import tell

PATIENCE_S = 10.0
"""Seconds until a notice that does not come fails the test; never a pause."""
QUEUE_LIMIT = 40
"""Queued runs of one tenant in these tests."""

ADA = Owner(TenantId("acme"), UserId("ada"))
BOB = Owner(TenantId("acme"), UserId("bob"))
EVE = Owner(TenantId("globex"), UserId("ada"))
"""The same user name as Ada's, in another tenant."""
NOBODY = ThreadId("00000000-0000-7000-8000-000000000000")
WORKER = WorkerId("worker-1")
OTHER_WORKER = WorkerId("worker-2")

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """The adapters of one process."""

    store: Store
    queue: Queue
    log: EventLog
    feed: Feed
    live: LiveText


class World(Protocol):
    """Two processes on the same stores, and the deeds."""

    one: Process
    two: Process

    async def lapse(self, run_id: RunId) -> None:
        """Let the run's lease run out."""
        ...

    async def age(self, run_id: RunId, seconds: float) -> None:
        """Let a queued run have waited `seconds` longer."""
        ...

    async def empty_live(self) -> None:
        """Lose every live text."""
        ...

    async def cut_feeds(self) -> None:
        """Break the connections on which feeds listen; they come back by themselves."""
        ...


class MemoryWorld:
    """See `World`."""

    def __init__(self) -> None:
        ids = itertools.count(1)
        self._clock = FakeClock()
        self._memory = Memory(
            clock=self._clock,
            new_id=lambda: f"00000000-0000-7000-8000-{next(ids):012x}",
            queue_limit=QUEUE_LIMIT,
        )
        self._feeds: list[MemoryFeed] = []
        self.one, self.two = self._process(), self._process()

    def _process(self) -> Process:
        feed = MemoryFeed(self._memory)
        self._feeds.append(feed)
        return Process(
            store=MemoryStore(self._memory, feed),
            queue=MemoryQueue(self._memory),
            log=MemoryEventLog(self._memory, feed),
            feed=feed,
            live=MemoryLiveText(self._memory, feed),
        )

    async def lapse(self, run_id: RunId) -> None:
        """See `World`."""
        self._memory.runs[run_id].lease_until = self._clock.now() - timedelta(seconds=1)

    async def age(self, run_id: RunId, seconds: float) -> None:
        """See `World`."""
        self._memory.runs[run_id].due_at -= timedelta(seconds=seconds)

    async def empty_live(self) -> None:
        """See `World`."""
        self._memory.texts.clear()

    async def cut_feeds(self) -> None:
        """See `World`."""
        for feed in self._feeds:
            feed.go_away()
        for feed in self._feeds:
            feed.come_back()


class RealWorld:
    """See `World`."""

    def __init__(self, one: Core, two: Core, addresses: Addresses, valkey_urls: Sequence[str]) -> None:
        self._core = one
        self._addresses = addresses
        self._valkey_urls = valkey_urls
        # Lapsed leases are looked for every half second only: the tests move that clock.
        self._clock = FakeClock()
        self.one, self.two = self._process(one), self._process(two)

    def _process(self, core: Core) -> Process:
        queue = PostgresQueue(core.database, self._clock, lease_s=core.settings.lease_s)
        return Process(store=core.store, queue=queue, log=core.log, feed=core.feed, live=core.live)

    async def lapse(self, run_id: RunId) -> None:
        """See `World`."""
        self._clock.forward(1)
        await self._execute("UPDATE runs SET lease_until = now() - interval '1 s' WHERE id = $1", run_id)

    async def age(self, run_id: RunId, seconds: float) -> None:
        """See `World`."""
        query = "UPDATE runs SET due_at = due_at - make_interval(secs => $2) WHERE id = $1"
        await self._execute(query, run_id, seconds)

    async def empty_live(self) -> None:
        """See `World`."""
        await self._core.feed.outlet.settle()
        for url in self._valkey_urls:
            await tell(url, "FLUSHDB")

    async def cut_feeds(self) -> None:
        """See `World`."""
        for url in self._valkey_urls:
            await tell(url, "CLIENT", "KILL", "TYPE", "pubsub")

    async def _execute(self, query: str, *arguments: Any) -> None:
        connection = await asyncpg.connect(self._addresses.owner_url)
        try:
            await connection.execute(query, *arguments)
        finally:
            await connection.close()


@dataclass(eq=False)
class Listener:
    """A `Sink` that records its calls as tuples: the method's name, then what it was given."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def on_events(self, first_seq: int, frames: Sequence[bytes]) -> None:
        """Record each frame under its number."""
        for seq, frame in enumerate(frames, first_seq):
            self._note("event", seq, msgspec.json.decode(frame))

    def on_delta(self, thread_id: ThreadId, message_id: MessageId, offset: int, text: str) -> None:
        """Record."""
        self._note("delta", thread_id, message_id, offset, text)

    def on_typing(self, thread_id: ThreadId, source: str, active: bool) -> None:
        """Record."""
        self._note("typing", thread_id, source, active)

    def on_revoked(self) -> None:
        """Record."""
        self._note("revoked")

    def on_head(self, head: int | None) -> None:
        """Record."""
        self._note("head", head)

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        """What was recorded of one kind, without its name."""
        return [call[1:] for call in self.calls if call[0] == kind]

    async def until(self, count: int, kind: str) -> list[tuple[Any, ...]]:
        """Wait until `count` calls of a kind were recorded."""
        await happens(self._news, lambda: len(self.of(kind)) >= count)
        return self.of(kind)

    def _note(self, *call: Any) -> None:
        self.calls.append(call)
        self._news.set()


async def happens(news: asyncio.Event, condition: Callable[[], bool]) -> None:
    """Wait for `condition`, looked at whenever `news` is set."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            news.clear()
            await news.wait()


def said(owner: Owner = ADA, text: str = "hello", **fields: Any) -> Submission:
    """A message with a client id of its own, for a new thread unless `thread_id` says otherwise."""
    given = {"client_id": f"c{next(_numbers)}", "thread_id": None} | fields
    return Submission(owner=owner, text=text, **given)


async def claimed(world: World, accepted: Acceptance, *, worker: WorkerId = WORKER) -> Run:
    """Claim everything that is due; returns the run of `accepted`."""
    runs = await world.one.queue.claim(worker, limit=QUEUE_LIMIT)
    return next(run for run in runs if run.id == accepted.run_id)


async def running(world: World, submission: Submission) -> Run:
    """A run that was accepted and claimed."""
    return await claimed(world, await world.one.store.accept(submission))


def started(run: Run, *, attempt: int | None = None) -> Draft:
    """An `agent_started`."""
    payload = p.AgentStartedPayload(agent="a", attempt=attempt or run.attempt, message_id=run.answer_id)
    return Draft("agent_started", msgspec.json.encode(payload))


def thought(text: str) -> Draft:
    """An `agent_thinking`."""
    return Draft("agent_thinking", msgspec.json.encode(p.AgentThinkingPayload(text=text)))


def completed(status: EndStatus = "completed") -> Draft:
    """An `agent_completed`."""
    payload = p.AgentCompletedPayload(status=status, duration_ms=1, attempts=1)
    return Draft("agent_completed", msgspec.json.encode(payload))


def appended(run: Run, *drafts: Draft, ending: Ending | None = None) -> Append:
    """A write of a run's own attempt."""
    return Append(
        owner=run.owner,
        thread_id=run.thread_id,
        run_id=run.id,
        attempt=run.attempt,
        drafts=drafts,
        ending=ending,
    )


def an_end(content: str | None = "answer", status: EndStatus = "completed") -> Ending:
    """An ending at a fixed time, far from both clocks."""
    return Ending(status=status, content=content, at=datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC))


async def answered(world: World, run: Run, content: str | None = "answer") -> Sequence[Event]:
    """A run that is ended with an answer."""
    return await world.one.log.append(appended(run, started(run), completed(), ending=an_end(content)))


async def refused(call: Awaitable[object]) -> str:
    """The code of a refusal; empty if there was none."""
    try:
        await call
    except Exception as error:  # noqa: BLE001 - the test compares what it was
        return str(getattr(error, "code", type(error).__name__))
    return ""
