"""The real acceptance (group commit, slots set aside, direct starts) on the simulated stores.

Only its statements are replaced: a batch is carried out by the memory adapter, in one call that may
be refused, late or lost. It also judges whether a direct start overtakes what its process knew of.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from netra_backend.domain.errors import NetraError
from netra_backend.domain.events import Event
from netra_backend.domain.ids import IdSource, MessageId, Owner, RunId, WorkerId
from netra_backend.domain.ports import Clock, Starter
from netra_backend.domain.runs import Acceptance, Run, Submission
from netra_backend.store.acceptance import Acceptor
from netra_backend.store.database import Database
from netra_backend.testing.memory import Memory, MemoryStore
from netra_backend.testing.memory.state import RunRow
from netra_backend.testing.simulation.feed import SimulatedFeed
from netra_backend.testing.simulation.link import Commits, Link

Row = dict[str, Any]
"""What `accept_messages` of the schema answers for one submission; `events` are the new ones."""


class Offer:
    """A `Starter` inside the stores: the slot that was set aside before the call, or none."""

    def __init__(self, starter: Starter | None, payload: bytes | None) -> None:
        self.worker_id = starter.worker_id if starter else WorkerId("")
        self.lease_s = starter.lease_s if starter else 0.0
        self.run: Run | None = None
        self._payload = payload

    def reserve(self, _: str | None, __: MessageId) -> bytes | None:
        """What was set aside."""
        return self._payload

    def release(self, answer_id: MessageId) -> None:
        """Acceptance does that, in the process that asked."""

    def start(self, run: Run) -> None:
        """Stored as running; the process that asked hears of it with the answer."""
        self.run = run


class SimulatedAcceptor(Acceptor):
    """See the module.

    Args:
        complain: takes what must never happen.
    """

    def __init__(
        self,
        memory: Memory,
        store: MemoryStore,
        *,
        link: Link,
        commits: Commits,
        feed: SimulatedFeed,
        clock: Clock,
        new_id: IdSource,
        complain: Callable[[str], None],
    ) -> None:
        super().__init__(
            Database("postgresql://nowhere"),
            clock,
            new_id,
            queue_limit=memory.queue_limit,
            committed=self._publish,
            queued=self._tell,
            stopping=feed.stop,
        )
        self._memory, self._store = memory, store
        self._link, self._commits, self._feed = link, commits, feed
        self._complain = complain
        self._moment = 0
        self._aside: dict[MessageId, int] = {}
        self._told: dict[str, int] = {}
        self._queueing: list[str] = []

    def _entry(self, item: Submission, now: datetime) -> Any:
        entry = super()._entry(item, now)
        self._moment += 1
        self._aside[entry.answer_id] = self._moment
        return entry

    def _publish(self, told: Sequence[tuple[Owner, Sequence[Event]]]) -> None:
        for owner, events in told:
            self._feed.publish(owner, events)

    def _tell(self) -> None:
        self._moment += 1
        self._told.update(dict.fromkeys(self._queueing, self._moment))
        self._feed.work()

    async def _write(self, entries: Sequence[Any], now: datetime) -> Any:
        rows = await self._link.call(lambda: self._accept_all(entries))
        self._queueing = [
            row["run_id"] for row in rows if row["outcome"] == "accepted" and not row["started"]
        ]
        return rows

    async def _events(self, entry: Any, row: Any, now: datetime) -> Sequence[Event]:
        if row["first_seq"] is not None:
            return await self._events_between(entry.item.owner, row["first_seq"], row["seq"])
        events: Sequence[Event] = row["events"]
        return events

    async def _events_between(self, owner: Owner, first: int, last: int) -> Sequence[Event]:
        return await self._link.call(lambda: self._read(owner, first, last))

    # In the stores.

    async def _accept_all(self, entries: Sequence[Any]) -> list[Row]:
        return [await self._accept(entry) for entry in entries]

    async def _accept(self, entry: Any) -> Row:
        """One submission; as in the schema, one that may interrupt or be refused starts nothing."""
        memory, item = self._memory, entry.item
        offer = Offer(self.starter, entry.started if item.if_running == "enqueue" else None)
        head, running = memory.head(item.owner), self._running(item)
        self._store.start_with(offer)
        new_thread = [] if item.thread_id is not None else [memory.new_id()]
        ids = iter([entry.message.id, entry.message.run_id, *new_thread, entry.answer_id])
        before, memory.new_id = memory.new_id, ids.__next__
        try:
            acceptance = await self._store.accept(item)
        except NetraError as error:
            return {"outcome": error.code, "started": False, "interrupted": ()}
        finally:
            memory.new_id = before
            self._commits.take()  # acceptance publishes
        if offer.run is not None:
            self._judge(offer.run)
        row = _row(acceptance, offer.run, memory.events[item.owner][head:])
        if item.if_running == "interrupt" and item.thread_id is not None and not acceptance.duplicate:
            row |= {"interrupted": running, "first_seq": head + 1}
        return row

    def _running(self, item: Submission) -> list[RunId]:
        """The runs that `item` interrupts."""
        if item.thread_id is None or item.if_running != "interrupt":
            return []
        rows = self._memory.open_runs(item.owner, item.thread_id)
        return [row.id for row in rows if row.status == "running"]

    async def _read(self, owner: Owner, first: int, last: int) -> Sequence[Event]:
        return self._memory.events[owner][first - 1 : last]

    def _judge(self, run: Run) -> None:
        """A process that knew of a run that anybody may claim sets no slot aside for a later one."""
        since = self._aside[run.answer_id]
        for row in self._memory.runs.values():
            if self._told.get(row.id, since) < since and row.status == "queued" and self._first(row):
                self._complain(f"Overtaking: run {run.id} began at once, and {row.id} was known to wait.")

    def _first(self, row: RunRow) -> bool:
        """Whether a run began its thread, and so could be claimed from its acceptance on."""
        rows = self._memory.runs.values()
        return row.attempt == 0 and not any(
            other.thread_id == row.thread_id and other.turn < row.turn for other in rows
        )


def _row(acceptance: Acceptance, run: Run | None, events: Sequence[Event]) -> Row:
    return {
        "outcome": "duplicate" if acceptance.duplicate else "accepted",
        "thread_id": acceptance.thread_id,
        "run_id": acceptance.run_id,
        "message_id": acceptance.message_id,
        "position_": acceptance.queue_position,
        "started": run is not None,
        "interrupted": [],
        "first_seq": None,
        "history": None if run is None else msgspec.json.encode(run.history).decode(),
        "seq": events[-1].seq if events else None,
        "events": events,
    }
