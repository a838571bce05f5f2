"""The `EventLog` in memory."""

from collections.abc import Callable, Collection, Mapping, Sequence

from netra_backend.domain.events import Append, Draft, Event, Fenced
from netra_backend.domain.ids import Owner, RunId
from netra_backend.domain.runs import Ending, Run
from netra_backend.domain.threads import Message
from netra_backend.testing.memory.feed import MemoryFeed
from netra_backend.testing.memory.state import Memory, MessageRow, RunRow


class MemoryEventLog:
    """See `domain.ports.EventLog`."""

    def __init__(self, memory: Memory, feed: MemoryFeed) -> None:
        self._memory = memory
        self._feed = feed

    @property
    def epoch(self) -> str:
        """See the port."""
        return self._memory.epoch

    async def append(self, append: Append) -> Sequence[Event]:
        """See the port."""
        row = self._fence(append.run_id, append.attempt)
        now = append.ending.at if append.ending else self._memory.clock.now()
        events = self._memory.add_events(row, append.drafts, ts=now)
        if append.ending is not None:
            self._end(row, append.ending, seq=events[-1].seq)
        self._feed.publish(append.owner, events)
        return events

    async def restart(
        self, run: Run, reopen: Callable[[Sequence[Event]], Sequence[Draft]]
    ) -> Sequence[Event]:
        """See the port."""
        row = self._fence(run.id, run.attempt)
        drafts = reopen(self._memory.of_run(run.owner, run.id))
        events = self._memory.add_events(row, drafts, ts=self._memory.clock.now())
        self._feed.publish(run.owner, events)
        return events

    async def read(self, owner: Owner, *, after: int, limit: int) -> Sequence[Event]:
        """See the port."""
        return self._memory.events.get(owner, [])[after : after + limit]

    async def run_events(self, owner: Owner, run_id: RunId) -> Sequence[Event]:
        """See the port."""
        return self._memory.of_run(owner, run_id)

    async def heads(self, owners: Collection[Owner]) -> Mapping[Owner, int]:
        """See the port."""
        return {owner: self._memory.head(owner) for owner in owners}

    def _fence(self, run_id: RunId, attempt: int) -> RunRow:
        row = self._memory.runs.get(run_id)
        if row is None or row.status != "running" or row.attempt != attempt:
            raise Fenced(run_id)
        return row

    def _end(self, row: RunRow, ending: Ending, *, seq: int) -> None:
        row.status, row.ended_at, row.lease_until = ending.status, self._memory.clock.now(), None
        if ending.content is None:
            return
        answer = Message(
            id=row.answer_id, role="assistant", content=ending.content, created_at=ending.at, run_id=row.id
        )
        self._memory.messages.append(
            MessageRow(owner=row.owner, thread_id=row.thread_id, message=answer, seq=seq, turn=row.turn)
        )
