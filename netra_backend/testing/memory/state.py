"""What the memory adapters share: rows as the database has them, and the numbering of events.

No method awaits, so each is a transaction. Only the adapters beside this file use it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from netra_backend.domain.errors import NotFound
from netra_backend.domain.events import Draft, Event
from netra_backend.domain.ids import IdSource, MessageId, Owner, RunId, ThreadId, WorkerId
from netra_backend.domain.ports import Clock
from netra_backend.domain.runs import Lane, Run, RunRecord, RunStatus
from netra_backend.domain.threads import Message, Thread

HISTORY = 200
"""Messages of a thread that a run comes with, as on PostgreSQL."""

OPEN = ("queued", "running")


@dataclass(slots=True, kw_only=True)
class ThreadRow:
    """A thread; `last_seq` orders listings."""

    owner: Owner
    thread: Thread
    last_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A message; `turn` is the `seq` of the user's message that it belongs to."""

    owner: Owner
    thread_id: ThreadId
    message: Message
    seq: int
    turn: int


@dataclass(slots=True, kw_only=True)
class RunRow:
    """A run. `due_at` and `lease_until` are wall times."""

    id: RunId
    owner: Owner
    thread_id: ThreadId
    message_id: MessageId
    answer_id: MessageId
    agent: str | None
    text: str
    input: dict[str, Any]
    turn: int
    lane: Lane
    due_at: datetime
    created_at: datetime
    status: RunStatus = "queued"
    attempt: int = 0
    deaths: int = 0
    worker: WorkerId | None = None
    lease_until: datetime | None = None
    stop_requested: bool = False
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.status in OPEN

    def record(self) -> RunRecord:
        """The run as its owner may see it."""
        return RunRecord(
            id=self.id,
            thread_id=self.thread_id,
            message_id=self.message_id,
            answer_id=self.answer_id,
            agent=self.agent,
            status=self.status,
            attempts=self.attempt,
            created_at=self.created_at,
            started_at=self.started_at,
            ended_at=self.ended_at,
        )


@dataclass(slots=True, kw_only=True)
class Memory:
    """One installation.

    Args:
        clock: the "database's" time.
        new_id: makes ids of threads, messages and runs.
        lease_s: seconds until a silent worker's runs may be taken.
        queue_limit: queued runs of one tenant before it is told `busy`.
    """

    clock: Clock
    new_id: IdSource
    lease_s: float = 15.0
    queue_limit: int = 5000
    epoch: str = "memory-1"
    threads: dict[ThreadId, ThreadRow] = field(default_factory=dict)
    messages: list[MessageRow] = field(default_factory=list)
    runs: dict[RunId, RunRow] = field(default_factory=dict)
    events: dict[Owner, list[Event]] = field(default_factory=dict)
    texts: dict[tuple[Owner, MessageId], str] = field(default_factory=dict)
    feeds: list[Any] = field(default_factory=list)  # `MemoryFeed`s, which register themselves

    def head(self, owner: Owner) -> int:
        """The owner's last number."""
        return len(self.events.get(owner, ()))

    def add_events(self, run: RunRow, drafts: Iterable[Draft], *, ts: datetime) -> list[Event]:
        """Number and store `drafts` of a run."""
        stored = self.events.setdefault(run.owner, [])
        added = [
            Event(
                seq=len(stored) + number,
                type=draft.type,
                payload=draft.payload,
                thread_id=run.thread_id,
                run_id=run.id,
                ts=ts,
            )
            for number, draft in enumerate(drafts, 1)
        ]
        stored.extend(added)
        return added

    def of_run(self, owner: Owner, run_id: RunId) -> list[Event]:
        """A run's events, in order."""
        return [event for event in self.events.get(owner, ()) if event.run_id == run_id]

    def history(self, run: RunRow) -> tuple[Message, ...]:
        """What was said in the run's thread before it, an answer after the message that it answers."""
        said = [row for row in self.messages if row.thread_id == run.thread_id and row.turn < run.turn]
        said.sort(key=lambda row: (row.turn, row.seq))
        return tuple(row.message for row in said[-HISTORY:])

    def take(self, row: RunRow, worker: WorkerId, *, started: bool = False) -> Run:
        """Give a run to `worker`, as its next attempt."""
        now = self.clock.now()
        row.deaths += row.status == "running"
        row.attempt += 1
        row.status, row.worker = "running", worker
        row.lease_until = now + timedelta(seconds=self.lease_s)
        row.started_at = row.started_at or now
        return Run(
            id=row.id,
            owner=row.owner,
            thread_id=row.thread_id,
            message_id=row.message_id,
            answer_id=row.answer_id,
            agent=row.agent,
            text=row.text,
            input=row.input,
            attempt=row.attempt,
            deaths=row.deaths,
            stop_requested=row.stop_requested,
            history=self.history(row),
            started=started,
        )

    def thread(self, owner: Owner, thread_id: ThreadId) -> ThreadRow:
        """The owner's thread; raises `NotFound`."""
        row = self.threads.get(thread_id)
        if row is None or row.owner != owner:
            raise NotFound
        return row

    def run(self, owner: Owner, run_id: RunId) -> RunRow:
        """The owner's run; raises `NotFound`."""
        row = self.runs.get(run_id)
        if row is None or row.owner != owner:
            raise NotFound
        return row

    def open_runs(self, owner: Owner, thread_id: ThreadId | None = None) -> list[RunRow]:
        """The owner's runs that have not ended, of one thread or of all, in order."""
        rows = [row for row in self.runs.values() if row.owner == owner and row.open]
        return sorted(
            (row for row in rows if thread_id is None or row.thread_id == thread_id),
            key=lambda row: row.turn,
        )
