"""The `Store` in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import msgspec

from netra_backend.domain.errors import Busy, Conflict, NotFound
from netra_backend.domain.events import Draft, Event
from netra_backend.domain.ids import MessageId, Owner, RunId, ThreadId
from netra_backend.domain.ports import Starter
from netra_backend.domain.runs import Acceptance, RunRecord, Stopping, Submission
from netra_backend.domain.threads import Message, Page, Thread, title_of
from netra_backend.protocol import payloads as p
from netra_backend.protocol.lifecycle import TYPES, LifecyclePayload, RunLifecycle, State
from netra_backend.protocol.views import message_view
from netra_backend.testing.memory.feed import MemoryFeed
from netra_backend.testing.memory.state import Memory, MessageRow, RunRow, ThreadRow

MAX_POSITION = 1000
SHARE_S = 0.02
"""Seconds that each queued run of a tenant puts the next one back (its fair share)."""
BUSY_RETRY_MS = 2000


class MemoryStore:
    """See `domain.ports.Store`."""

    def __init__(self, memory: Memory, feed: MemoryFeed) -> None:
        self._memory = memory
        self._feed = feed
        self._starter: Starter | None = None

    def start_with(self, starter: Starter) -> None:
        """See the port."""
        self._starter = starter

    async def accept(self, submission: Submission) -> Acceptance:
        """See the port."""
        earlier = self._earlier(submission)
        if earlier is not None:
            return earlier
        owner, thread_id = submission.owner, submission.thread_id
        if thread_id is not None:
            self._memory.thread(owner, thread_id)
        queued = self._queued(owner)
        if queued >= self._memory.queue_limit:
            raise Busy(retry_after_ms=BUSY_RETRY_MS)
        open_runs = self._memory.open_runs(owner, thread_id) if thread_id is not None else []
        if open_runs and submission.if_running == "reject":
            raise Conflict
        if open_runs and submission.if_running == "interrupt":
            self._stop(open_runs)
        return self._add(submission, position=min(queued, MAX_POSITION), waits=bool(open_runs))

    async def stop(self, owner: Owner, run_id: RunId) -> Stopping:
        """See the port."""
        row = self._memory.run(owner, run_id)
        ended = not row.open
        self._stop([row])
        return Stopping(thread_id=row.thread_id, run_id=run_id, message_id=row.message_id, ended=ended)

    async def stop_all(self, owner: Owner) -> None:
        """See the port."""
        self._stop(self._memory.open_runs(owner))

    async def history(
        self, owner: Owner, thread_id: ThreadId, *, limit: int, before: MessageId | None = None
    ) -> Page[Message]:
        """See the port."""
        self._memory.thread(owner, thread_id)
        rows = sorted(self._said(owner, thread_id), key=lambda row: row.seq)
        if before is not None:
            places = [place for place, row in enumerate(rows) if row.message.id == before]
            if not places:
                raise NotFound
            rows = rows[: places[0]]
        newest = rows[-limit:]
        return Page(tuple(row.message for row in newest), has_more=len(rows) > limit)

    async def search(self, owner: Owner, words: str, limit: int) -> Sequence[tuple[Thread, Message]]:
        """See the port."""
        wanted = words.lower().split()
        rows = [
            row
            for row in self._memory.messages
            if row.owner == owner and wanted and all(word in row.message.content.lower() for word in wanted)
        ]
        rows.sort(key=lambda row: -row.seq)
        return [(self._memory.threads[row.thread_id].thread, row.message) for row in rows[:limit]]

    async def threads(self, owner: Owner, *, limit: int, before: ThreadId | None = None) -> Page[Thread]:
        """See the port."""
        bound = None if before is None else self._memory.thread(owner, before).last_seq
        rows = [
            row
            for row in self._memory.threads.values()
            if row.owner == owner and not row.thread.archived and (bound is None or row.last_seq < bound)
        ]
        rows.sort(key=lambda row: -row.last_seq)
        return Page(tuple(row.thread for row in rows[:limit]), has_more=len(rows) > limit)

    async def run(self, owner: Owner, run_id: RunId) -> RunRecord:
        """See the port."""
        return self._memory.run(owner, run_id).record()

    async def open_runs(self, owner: Owner, thread_id: ThreadId) -> Sequence[RunRecord]:
        """See the port."""
        self._memory.thread(owner, thread_id)
        return [row.record() for row in self._memory.open_runs(owner, thread_id)]

    def _said(self, owner: Owner, thread_id: ThreadId) -> list[MessageRow]:
        return [row for row in self._memory.messages if row.owner == owner and row.thread_id == thread_id]

    def _queued(self, owner: Owner) -> int:
        rows = self._memory.runs.values()
        return sum(row.owner.tenant_id == owner.tenant_id and row.status == "queued" for row in rows)

    def _earlier(self, submission: Submission) -> Acceptance | None:
        for row in self._memory.messages:
            message = row.message
            if row.owner == submission.owner and message.client_id == submission.client_id:
                return Acceptance(
                    thread_id=row.thread_id,
                    run_id=message.run_id or RunId(""),
                    message_id=message.id,
                    duplicate=True,
                    queue_position=0,
                )
        return None

    def _add(self, submission: Submission, *, position: int, waits: bool) -> Acceptance:
        memory, owner, now = self._memory, submission.owner, self._memory.clock.now()
        message = Message(
            id=MessageId(memory.new_id()),
            role="user",
            content=submission.text,
            created_at=now,
            run_id=RunId(memory.new_id()),
            client_id=submission.client_id,
            references=submission.references,
        )
        run = RunRow(
            id=message.run_id or RunId(""),
            owner=owner,
            thread_id=submission.thread_id or ThreadId(memory.new_id()),
            message_id=message.id,
            answer_id=MessageId(memory.new_id()),
            agent=submission.agent,
            text=submission.text,
            input=submission.input or {},
            turn=memory.head(owner) + 1,
            lane=submission.lane,
            due_at=now + timedelta(seconds=submission.lane / 1000 + position * SHARE_S),
            created_at=now,
        )
        self._use_thread(run, title=title_of(submission.text))
        memory.runs[run.id] = run
        memory.messages.append(
            MessageRow(owner=owner, thread_id=run.thread_id, message=message, seq=run.turn, turn=run.turn)
        )
        created = msgspec.json.encode(p.MessageCreatedPayload(message=message_view(message)))
        self._announce(run, Draft("message_created", created), waits=waits)
        return Acceptance(
            thread_id=run.thread_id,
            run_id=run.id,
            message_id=message.id,
            duplicate=False,
            queue_position=position,
        )

    def _announce(self, run: RunRow, created: Draft, *, waits: bool) -> None:
        """Tell of a new run; it queues unless a worker takes it at once."""
        memory, starter = self._memory, self._starter
        payload = None if starter is None or waits else starter.reserve(run.agent, run.answer_id)
        drafts = [created] if payload is None else [created, Draft("agent_started", payload)]
        self._publish(run, memory.add_events(run, drafts, ts=run.created_at))
        if payload is None or starter is None:
            self._feed.work()
        else:
            starter.start(memory.take(run, starter.worker_id, started=True))

    def _use_thread(self, run: RunRow, *, title: str) -> None:
        now = run.created_at
        row = self._memory.threads.get(run.thread_id)
        if row is None:
            thread = Thread(id=run.thread_id, title=title, archived=False, created_at=now, updated_at=now)
            row = ThreadRow(owner=run.owner, thread=thread, last_seq=run.turn)
            self._memory.threads[run.thread_id] = row
        row.thread = replace(row.thread, updated_at=now)
        row.last_seq = run.turn

    def _stop(self, rows: Sequence[RunRow]) -> None:
        for row in rows:
            if row.status == "running":
                row.stop_requested = True
                self._feed.stop(row.id)
            elif row.status == "queued":
                self._end_queued(row)

    def _end_queued(self, row: RunRow) -> None:
        now = self._memory.clock.now()
        row.status, row.stop_requested, row.ended_at = "stopped", True, now
        events = self._memory.of_run(row.owner, row.id)
        drafts = [Draft(TYPES[type(payload)], msgspec.json.encode(payload)) for payload in _last(row, events)]
        self._publish(row, self._memory.add_events(row, drafts, ts=now))

    def _publish(self, run: RunRow, events: Sequence[Event]) -> None:
        self._feed.publish(run.owner, events)


def _last(row: RunRow, events: Sequence[Event]) -> list[LifecyclePayload]:
    """The last events of a queued run: a whole life, or the rest of one that a drain handed back."""
    life = RunLifecycle.replay((event.type, event.payload) for event in events)
    before: list[LifecyclePayload] = [*life.closing("unknown")]
    if life.state is State.NEW:
        agent = row.agent or "default"
        before = [p.AgentStartedPayload(agent=agent, attempt=1, message_id=row.answer_id)]
    return [*before, p.AgentCompletedPayload(status="stopped", duration_ms=0, attempts=life.attempt)]
