"""Defects that the simulation must find: each takes one protection out of a part, and leaves the rest."""

import asyncio
import sys
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from netra_backend.agents.worker import Worker
from netra_backend.domain.events import Append, Draft, Event, Fenced
from netra_backend.domain.ids import MessageId, Owner, RunId, ThreadId, WorkerId
from netra_backend.domain.runs import Acceptance, Run, Submission
from netra_backend.protocol.resume import Stream
from netra_backend.testing.memory import MemoryEventLog, MemoryQueue, MemoryStore
from netra_backend.testing.memory.state import RunRow
from netra_backend.testing.simulation.acceptor import SimulatedAcceptor
from netra_backend.testing.simulation.feed import SimulatedLiveText


class UnfencedLog(MemoryEventLog):
    """Lets an earlier attempt write beside its successor."""

    def _fence(self, run_id: RunId, attempt: int) -> RunRow:
        row = self._memory.runs.get(run_id)
        if row is None:
            raise Fenced(run_id)
        return row


class TwiceEndingLog(MemoryEventLog):
    """Stores every end twice."""

    async def append(self, append: Append) -> Sequence[Event]:
        """See the port."""
        events = await super().append(append)
        if append.ending is not None:
            row = self._memory.runs[append.run_id]
            events = [*events, *self._memory.add_events(row, append.drafts[-1:], ts=append.ending.at)]
        return events


class ForgetfulStore(MemoryStore):
    """Does not know a client id again."""

    def _earlier(self, submission: Submission) -> Acceptance | None:
        return None


class HastyStore(MemoryStore):
    """Tells the worker to stop, and stores nothing about it."""

    def _stop(self, rows: Sequence[RunRow]) -> None:
        for row in rows:
            if row.status == "running":
                self._feed.stop(row.id)
            elif row.status == "queued":
                self._end_queued(row)


class NearsightedStore(MemoryStore):
    """Finds a thread by its id, whoever asks."""

    async def history(self, owner: Owner, thread_id: ThreadId, **page: Any) -> Any:
        """See the port."""
        row = self._memory.threads.get(thread_id)
        return await super().history(row.owner if row else owner, thread_id, **page)


class UnrenewedQueue(MemoryQueue):
    """Answers heartbeats and extends no lease."""

    async def heartbeat(
        self, worker: WorkerId, runs: Collection[Run]
    ) -> tuple[Collection[RunId], Collection[RunId]]:
        """See the port."""
        leases = {run.id: self._memory.runs[run.id].lease_until for run in runs}
        answer = await super().heartbeat(worker, runs)
        for run_id, lease in leases.items():
            self._memory.runs[run_id].lease_until = lease
        return answer


class EagerQueue(MemoryQueue):
    """Takes a run from a worker that is only a little late."""

    def _lapsed(self) -> list[RunRow]:
        soon = self._memory.clock.now() + timedelta(seconds=self._memory.lease_s * 0.9)
        return [
            row
            for row in self._memory.runs.values()
            if row.status == "running" and row.lease_until and row.lease_until < soon
        ]


class ChattyLiveText(SimulatedLiveText):
    """Shows the beginning of an answer once more when it is stored."""

    def clear(self, owner: Owner, message_id: MessageId) -> None:
        """See the port."""
        thread_id = self._threads[message_id]
        super().clear(owner, message_id)
        self.write(owner, thread_id, message_id, text="once more", new=9)

    def write(self, owner: Owner, thread_id: ThreadId, message_id: MessageId, *, text: str, new: int) -> None:
        """See the port."""
        self._threads[message_id] = thread_id
        super().write(owner, thread_id, message_id, text=text, new=new)

    _threads: dict[MessageId, ThreadId] = {}  # noqa: RUF012 - of no meaning, and of one test


class BlindStream(Stream):
    """Never notices that something is missing."""

    @property
    def behind(self) -> bool:
        """Never."""
        return False


class CarelessStream(Stream):
    """Sends what the feed brings, whether or not something is missing before it."""

    def offer(self, first_seq: int, frames: Sequence[bytes]) -> list[bytes]:
        """Everything, at once."""
        self.next = max(self.next, first_seq)
        return super().offer(first_seq, frames)


# Of runs that are started at their acceptance.


class KeepingAcceptor(SimulatedAcceptor):
    """Keeps the slots of a batch whose answer was lost."""

    def _release(self, entries: Sequence[Any]) -> None:
        if sys.exc_info()[0] is None:
            super()._release(entries)


class ForgettingAcceptor(SimulatedAcceptor):
    """Keeps the slots of a batch whose events could not be read after it was committed."""

    _unread = False

    async def _events_between(self, owner: Owner, first: int, last: int) -> Sequence[Event]:
        self._unread = True
        events = await super()._events_between(owner, first, last)
        self._unread = False
        return events

    def _release(self, entries: Sequence[Any]) -> None:
        if self._unread:
            self._unread = False
        else:
            super()._release(entries)


class LeaselessStore(MemoryStore):
    """Starts runs of which nobody would notice that their worker has died."""

    def _announce(self, run: RunRow, created: Draft, *, waits: bool) -> None:
        super()._announce(run, created, waits=waits)
        run.lease_until = None


class OvertakingWorker(Worker):
    """Sets slots aside whatever waits in the queue."""

    def reserve(self, agent: str | None, answer_id: MessageId) -> bytes | None:
        """See the port."""
        self._caught_up = True
        return super().reserve(agent, answer_id)


class IdleWorker(Worker):
    """Does not look at the queue when a run has ended that never was in it."""

    def _finished(self, task: asyncio.Task[None], *, calls: int | None) -> None:
        self._tasks.discard(task)
        if calls is None:
            self._wake.set()


class RepeatingWorker(Worker):
    """Reports a start that its acceptance has stored."""

    def start(self, run: Run) -> None:
        """See the port."""
        super().start(msgspec.structs.replace(run, started=False))


class RepeatingQueue(MemoryQueue):
    """Gives a run that was started at its acceptance again as if it had never begun."""

    async def claim(self, worker: WorkerId, *, limit: int) -> Sequence[Run]:
        """See the port."""
        runs = await super().claim(worker, limit=limit)
        return [self._first(run) for run in runs]

    def _first(self, run: Run) -> Run:
        if run.attempt != 2:
            return run
        self._memory.runs[run.id].attempt = 1
        return msgspec.structs.replace(run, attempt=1)


class HurriedWorker(Worker):
    """Does not wait in its drain for what acceptance is about to bring."""

    async def drain(self, seconds: float) -> None:
        """End at once if nothing runs."""
        self._none_reserved.set()
        await super().drain(seconds)
