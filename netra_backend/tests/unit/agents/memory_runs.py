"""Runs on the memory adapters, for the tests of emitter, runner and worker."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from netra_backend.agents.context import AgentFunction
from netra_backend.agents.runner import Agents, RunTask
from netra_backend.domain.errors import Degraded
from netra_backend.domain.events import Append, Draft, Event
from netra_backend.domain.ids import MessageId, Owner, RunId, TenantId, ThreadId, UserId, WorkerId
from netra_backend.domain.runs import EndStatus, Run, Submission
from netra_backend.protocol.lifecycle import PAYLOADS, RunLifecycle, State
from netra_backend.testing.agents import ALL, echo
from netra_backend.testing.fake_clock import FakeClock
from netra_backend.testing.memory import (
    Memory,
    MemoryEventLog,
    MemoryFeed,
    MemoryLiveText,
    MemoryQueue,
    MemoryStore,
)

ADA = Owner(TenantId("acme"), UserId("ada"))
WORKER = WorkerId("w1")
SUCCESSOR = WorkerId("w2")
PATIENCE_S = 10.0


class ShakyLog(MemoryEventLog):
    """A log that is away when told so, before or after its commit.

    `faults` holds what happens to the next calls: "before", "after", or "" for nothing.
    """

    def __init__(self, memory: Memory, feed: MemoryFeed) -> None:
        super().__init__(memory, feed)
        self.faults: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.batches: list[int] = []

    async def append(self, append: Append) -> Sequence[Event]:
        """See the port; waits while the gate is closed."""
        await self.gate.wait()
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "before":
            raise Degraded
        events = await super().append(append)
        self.batches.append(len(events))
        if fault == "after":
            raise Degraded
        return events

    async def restart(
        self, run: Run, reopen: Callable[[Sequence[Event]], Sequence[Draft]]
    ) -> Sequence[Event]:
        """See the port."""
        await self.gate.wait()
        return await super().restart(run, reopen)


class Scene:
    """One installation in memory, and what a test looks at."""

    def __init__(self) -> None:
        ids = itertools.count(1)
        self.clock = FakeClock()
        self.new_id = lambda: f"00000000-0000-7000-8000-{next(ids):012x}"
        self.memory = Memory(clock=self.clock, new_id=self.new_id)
        self.feed = MemoryFeed(self.memory)
        self.log = ShakyLog(self.memory, self.feed)
        self.store = MemoryStore(self.memory, self.feed)
        self.queue = MemoryQueue(self.memory)
        self.live = MemoryLiveText(self.memory, self.feed)
        self.ends: list[EndStatus] = []
        self.deltas: list[tuple[int, str]] = []
        self._ids = itertools.count(1)

    async def accept(self, text: str = "hello", **fields: Any) -> RunId:
        """A queued run."""
        given = {"thread_id": None, "client_id": f"c{next(self._ids)}"} | fields
        return (await self.store.accept(Submission(owner=ADA, text=text, **given))).run_id

    async def claim(self, worker: WorkerId = WORKER) -> Run:
        """The next due run."""
        (run,) = await self.queue.claim(worker, limit=1)
        return run

    async def claimed(self, text: str = "hello", **fields: Any) -> Run:
        """A run that was just claimed."""
        await self.accept(text, **fields)
        return await self.claim()

    async def lost(self, run: Run) -> Run:
        """Its next attempt, after its worker was silent for too long."""
        self.clock.forward(60)
        return await self.claim(SUCCESSOR)

    def task(self, run: Run, agent: AgentFunction = echo, *, timeout_s: float = 60.0) -> RunTask:
        """The execution of a run by `agent`."""
        return RunTask(
            run,
            agents=Agents(default=agent, default_name="tested", named=ALL),
            events=self.log,
            live=self.live,
            clock=self.clock,
            new_id=self.new_id,
            timeout_s=timeout_s,
            ended=lambda status, _: self.ends.append(status),
        )

    def events(self, run_id: RunId) -> list[tuple[str, dict[str, Any]]]:
        """The run's lifecycle events as stored: type and payload."""
        return [
            (event.type, msgspec.json.decode(event.payload))
            for event in self.memory.of_run(ADA, run_id)
            if event.type in PAYLOADS
        ]

    def names(self, run_id: RunId) -> list[str]:
        """The types of the run's lifecycle events."""
        return [name for name, _ in self.events(run_id)]

    def legal(self, run_id: RunId) -> State:
        """Where the stored run stands; raises if its events are in an illegal order."""
        events = self.memory.of_run(ADA, run_id)
        return RunLifecycle.replay((event.type, event.payload) for event in events).state

    def end(self, run_id: RunId) -> dict[str, Any]:
        """The payload of `agent_completed`."""
        name, payload = self.events(run_id)[-1]
        assert name == "agent_completed"
        return payload

    async def listen(self) -> None:
        """Record Ada's deltas from now on."""
        await self.feed.attach(ADA, _Deltas(self.deltas))


class _Deltas:
    """A `Sink` that keeps deltas."""

    def __init__(self, deltas: list[tuple[int, str]]) -> None:
        self._deltas = deltas

    def on_events(self, first_seq: int, frames: Sequence[bytes]) -> None:
        """Not kept: tests read the log."""

    def on_delta(self, thread_id: ThreadId, message_id: MessageId, offset: int, text: str) -> None:
        """Keep offset and text."""
        self._deltas.append((offset, text))

    def on_typing(self, thread_id: ThreadId, source: str, active: bool) -> None:
        """Not kept."""

    def on_revoked(self) -> None:
        """Not kept."""

    def on_head(self, head: int | None) -> None:
        """Not kept."""


async def soon(event: asyncio.Event) -> None:
    """Wait for an event that must come."""
    async with asyncio.timeout(PATIENCE_S):
        await event.wait()


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until `condition` holds, which needs no outside time."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - state of plain objects, which tell nobody
            await asyncio.sleep(0)
