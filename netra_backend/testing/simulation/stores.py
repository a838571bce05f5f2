"""The ports of one process on the simulated stores: the memory adapters, called as another machine would be."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from netra_backend.domain.events import Append, Draft, Event
from netra_backend.domain.ids import MessageId, Owner, RunId, ThreadId, WorkerId
from netra_backend.domain.ports import Starter
from netra_backend.domain.runs import Acceptance, Lane, Run, RunRecord, Stopping, Submission
from netra_backend.domain.threads import Message, Page, Thread
from netra_backend.store.group import GroupCommit
from netra_backend.testing.memory import MemoryEventLog, MemoryQueue, MemoryStore
from netra_backend.testing.simulation.acceptor import SimulatedAcceptor
from netra_backend.testing.simulation.link import Link


class DistantStore:
    """See `domain.ports.Store`."""

    def __init__(self, store: MemoryStore, link: Link, acceptor: SimulatedAcceptor) -> None:
        self._store = store
        self._call = link.call
        self._acceptor = acceptor
        self._acceptances: GroupCommit[Submission, Acceptance] = GroupCommit(acceptor.commit)

    def start_with(self, starter: Starter) -> None:
        """See the port."""
        self._acceptor.starter = starter

    async def accept(self, submission: Submission) -> Acceptance:
        """See the port; batches as the real store does."""
        return await self._acceptances.submit(submission)

    async def stop(self, owner: Owner, run_id: RunId) -> Stopping:
        """See the port."""
        return await self._call(lambda: self._store.stop(owner, run_id))

    async def stop_all(self, owner: Owner) -> None:
        """See the port."""
        await self._call(lambda: self._store.stop_all(owner))

    async def history(
        self, owner: Owner, thread_id: ThreadId, *, limit: int, before: MessageId | None = None
    ) -> Page[Message]:
        """See the port."""
        return await self._call(lambda: self._store.history(owner, thread_id, limit=limit, before=before))

    async def search(self, owner: Owner, words: str, limit: int) -> Sequence[tuple[Thread, Message]]:
        """See the port."""
        return await self._call(lambda: self._store.search(owner, words, limit))

    async def threads(self, owner: Owner, *, limit: int, before: ThreadId | None = None) -> Page[Thread]:
        """See the port."""
        return await self._call(lambda: self._store.threads(owner, limit=limit, before=before))

    async def run(self, owner: Owner, run_id: RunId) -> RunRecord:
        """See the port."""
        return await self._call(lambda: self._store.run(owner, run_id))

    async def open_runs(self, owner: Owner, thread_id: ThreadId) -> Sequence[RunRecord]:
        """See the port."""
        return await self._call(lambda: self._store.open_runs(owner, thread_id))


class DistantQueue:
    """See `domain.ports.Queue`."""

    def __init__(self, queue: MemoryQueue, link: Link) -> None:
        self._queue = queue
        self._call = link.call

    async def claim(self, worker: WorkerId, *, limit: int) -> Sequence[Run]:
        """See the port."""
        return await self._call(lambda: self._queue.claim(worker, limit=limit))

    async def heartbeat(
        self, worker: WorkerId, runs: Collection[Run]
    ) -> tuple[Collection[RunId], Collection[RunId]]:
        """See the port."""
        return await self._call(lambda: self._queue.heartbeat(worker, runs))

    async def release(self, worker: WorkerId, runs: Collection[Run]) -> None:
        """See the port."""
        await self._call(lambda: self._queue.release(worker, runs))

    async def depth(self) -> Mapping[str, int]:
        """See the port."""
        return await self._call(self._queue.depth)

    async def lanes(self) -> Mapping[Lane, int]:
        """See the port."""
        return await self._call(self._queue.lanes)


class DistantLog:
    """See `domain.ports.EventLog`."""

    def __init__(self, log: MemoryEventLog, link: Link) -> None:
        self._log = log
        self._call = link.call
        self._asking: set[asyncio.Task[None]] = set()

    @property
    def epoch(self) -> str:
        """See the port."""
        return self._log.epoch

    def append(self, append: Append) -> asyncio.Future[Sequence[Event]]:
        """See the port. A future, as the real one gives: its failure is for who asked, and no accident of a task."""
        answer: asyncio.Future[Sequence[Event]] = asyncio.get_running_loop().create_future()

        async def ask() -> None:
            try:
                events = await self._call(lambda: self._log.append(append))
            except Exception as error:  # noqa: BLE001 - handed on
                answer.set_exception(error)
            else:
                answer.set_result(events)

        task = asyncio.create_task(ask(), name="append")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return answer

    async def restart(
        self, run: Run, reopen: Callable[[Sequence[Event]], Sequence[Draft]]
    ) -> Sequence[Event]:
        """See the port."""
        return await self._call(lambda: self._log.restart(run, reopen))

    async def read(self, owner: Owner, *, after: int, limit: int) -> Sequence[Event]:
        """See the port."""
        return await self._call(lambda: self._log.read(owner, after=after, limit=limit))

    async def run_events(self, owner: Owner, run_id: RunId) -> Sequence[Event]:
        """See the port."""
        return await self._call(lambda: self._log.run_events(owner, run_id))

    async def heads(self, owners: Collection[Owner]) -> Mapping[Owner, int]:
        """See the port."""
        return await self._call(lambda: self._log.heads(owners))
