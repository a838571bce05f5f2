"""What the core needs from the outside, as Protocols. Adapters pass one contract suite.

Every call that touches data takes an `Owner`; nothing here works across owners but the queue,
which hands out runs and names their owners.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from netra_backend.domain.events import Append, Draft, Event
from netra_backend.domain.ids import MessageId, Owner, RunId, ThreadId, WorkerId
from netra_backend.domain.runs import Acceptance, Lane, Run, RunRecord, Stopping, Submission
from netra_backend.domain.threads import Message, Page, Thread


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards; for timeouts and durations."""
        ...


class Starter(Protocol):
    """The worker in a gateway's own process: what is accepted there need not go through the queue."""

    @property
    def worker_id(self) -> WorkerId:
        """Who holds the lease."""
        ...

    @property
    def lease_s(self) -> float:
        """How long, in seconds."""
        ...

    def reserve(self, agent: str | None, answer_id: MessageId) -> bytes | None:
        """Set a slot aside; returns the payload of the run's `agent_started`, or None: it must queue."""
        ...

    def release(self, answer_id: MessageId) -> None:
        """Give the slot back."""
        ...

    def start(self, run: Run) -> None:
        """Execute a run for which a slot was set aside, and whose `agent_started` is stored."""
        ...


class Store(Protocol):
    """Threads, messages and runs of one owner at a time.

    Raises `NotFound` alike for what does not exist and for what is somebody else's.
    """

    def start_with(self, starter: Starter) -> None:
        """Offer `starter` the runs of accepted messages; it has what it takes from the same commit on."""
        ...

    async def accept(self, submission: Submission) -> Acceptance:
        """Store message, run and `message_created` in one transaction; return after commit.

        The same `client_id` again returns the first answer with `duplicate=True`.

        Raises:
            NotFound: the thread is not this owner's.
            Conflict: `if_running` is `reject` and the thread has an open run.
            Busy: the tenant has too many queued runs.
        """
        ...

    async def stop(self, owner: Owner, run_id: RunId) -> Stopping:
        """Make the intent to stop durable; a queued run ends at once, with its events."""
        ...

    async def stop_all(self, owner: Owner) -> None:
        """Make the intent to stop durable for every open run of the owner."""
        ...

    async def history(
        self, owner: Owner, thread_id: ThreadId, *, limit: int, before: MessageId | None = None
    ) -> Page[Message]:
        """The newest `limit` messages before `before`, oldest first."""
        ...

    async def search(self, owner: Owner, words: str, limit: int) -> Sequence[tuple[Thread, Message]]:
        """The owner's newest messages that contain every word of `words`."""
        ...

    async def threads(self, owner: Owner, *, limit: int, before: ThreadId | None = None) -> Page[Thread]:
        """The owner's threads, last used first, that come after `before` in that order."""
        ...

    async def run(self, owner: Owner, run_id: RunId) -> RunRecord:
        """One run."""
        ...

    async def open_runs(self, owner: Owner, thread_id: ThreadId) -> Sequence[RunRecord]:
        """The thread's runs that have not ended, in order; `NotFound` if the thread is not theirs."""
        ...


class Queue(Protocol):
    """The runs table seen as a queue. All times are the database's."""

    async def claim(self, worker: WorkerId, *, limit: int) -> Sequence[Run]:
        """Take up to `limit` due runs, at most one per thread, and start their leases.

        A run comes with its `history`. Each claim raises `attempt` by one. Runs whose lease ran out are taken first; one that
        comes back `exhausted` must be ended as a dead letter, not run.
        A worker holds one run at most that is on its last try: a message that kills its workers must
        not use up the tries of those that run beside it.
        """
        ...

    async def heartbeat(
        self, worker: WorkerId, runs: Collection[Run]
    ) -> tuple[Collection[RunId], Collection[RunId]]:
        """Extend the leases of `runs`. Returns (still held, asked to stop)."""
        ...

    async def release(self, worker: WorkerId, runs: Collection[Run]) -> None:
        """Hand runs back for another worker at once, for a drain; that is no death."""
        ...

    async def depth(self) -> Mapping[str, int]:
        """Runs by status (`queued`, `running`), over all tenants; numbers only."""
        ...

    async def lanes(self) -> Mapping[Lane, int]:
        """Queued runs by lane, every lane, over all tenants; numbers only."""
        ...


class EventLog(Protocol):
    """The durable truth about what happened, per owner, numbered 1, 2, 3 without gaps.

    Example: an owner's log holds 1..7. `read(after=5)` gives 6 and 7; `head` is 7. After an older
    backup was restored the log may hold 1..4 and write another 5: `epoch` differs then, so a
    client that saw the first 5 is told to reload.
    """

    @property
    def epoch(self) -> str:
        """Which life of the database this is."""
        ...

    def append(self, append: Append) -> Awaitable[Sequence[Event]]:
        """Number and store the drafts; with `ending`, also end the run and store its answer.

        Raises:
            Fenced: the run is of a later attempt or has ended; nothing was written.
        """
        ...

    async def restart(
        self, run: Run, reopen: Callable[[Sequence[Event]], Sequence[Draft]]
    ) -> Sequence[Event]:
        """Begin a later attempt of a run.

        Under the owner's lock, gives `reopen` the run's events so far and stores what it returns:
        open tool calls closed, then `agent_started`.
        """
        ...

    async def read(self, owner: Owner, *, after: int, limit: int) -> Sequence[Event]:
        """Events with `seq > after`, in order."""
        ...

    async def run_events(self, owner: Owner, run_id: RunId) -> Sequence[Event]:
        """All events of one run, in order."""
        ...

    async def heads(self, owners: Collection[Owner]) -> Mapping[Owner, int]:
        """The last `seq` of each owner; 0 for one without events."""
        ...


class Sink(Protocol):
    """A local listener of one owner's channel. Calls return at once and never raise."""

    def on_events(self, first_seq: int, frames: Sequence[bytes]) -> None:
        """Encoded durable frames with consecutive numbers from `first_seq`."""
        ...

    def on_delta(self, thread_id: ThreadId, message_id: MessageId, offset: int, text: str) -> None:
        """Live text: `offset` code points came before `text`."""
        ...

    def on_typing(self, thread_id: ThreadId, source: str, active: bool) -> None:
        """Another connection of this user is typing; `source` is its connection id."""
        ...

    def on_revoked(self) -> None:
        """The owner's sessions were ended: close."""
        ...

    def on_head(self, head: int | None) -> None:
        """The owner's head as the log has it now, or None if the log could not be asked.

        Called at every heartbeat, and whenever something may have been missed.
        """
        ...


class Feed(Protocol):
    """Tells gateways and workers what was committed. May lose, repeat and reorder: never the truth.

    Publishing queues, in order, and returns at once; it never raises: a feed that is away costs
    latency only. After an outage it asks for every owner's head (`on_doubt`).
    """

    @property
    def healthy(self) -> bool:
        """Whether the feed is connected just now."""
        ...

    async def attach(self, owner: Owner, sink: Sink) -> None:
        """Call `sink` for what is published for `owner` from now on."""
        ...

    async def detach(self, owner: Owner, sink: Sink) -> None:
        """Stop calling `sink`."""
        ...

    def publish(self, owner: Owner, events: Sequence[Event]) -> None:
        """Tell the owner's gateways about consecutive stored events."""
        ...

    def typing(self, owner: Owner, thread_id: ThreadId, source: str, *, active: bool) -> None:
        """Tell the owner's other connections."""
        ...

    def revoke(self, owner: Owner) -> None:
        """Close the owner's sockets on every gateway."""
        ...

    def work(self) -> None:
        """Wake a worker: something is due."""
        ...

    def stop(self, run_id: RunId) -> None:
        """Tell the run's worker that a stop intent is stored."""
        ...

    def owners(self) -> Collection[Owner]:
        """Everybody who is listening here."""
        ...

    def beat(self, heads: Mapping[Owner, int | None]) -> None:
        """Call `on_head` of the sinks of these owners."""
        ...

    def on_doubt(self, callback: Callable[[], None]) -> None:
        """Call back when messages may have been missed (at start-up only)."""
        ...

    def on_work(self, callback: Callable[[], None]) -> None:
        """Call back when something is due (at start-up only)."""
        ...

    def on_stop(self, callback: Callable[[RunId], None]) -> None:
        """Call back when a run should stop (at start-up only)."""
        ...


class LiveText(Protocol):
    """The text of answers being written. Losing it costs nothing: the answer is stored at the end."""

    def write(self, owner: Owner, thread_id: ThreadId, message_id: MessageId, *, text: str, new: int) -> None:
        """`text` is the whole answer so far, of which the last `new` code points are new."""
        ...

    async def snapshot(self, owner: Owner, message_id: MessageId) -> str | None:
        """What was written so far, or None if nothing is known."""
        ...

    def clear(self, owner: Owner, message_id: MessageId) -> None:
        """Forget the text; its message is stored."""
        ...
