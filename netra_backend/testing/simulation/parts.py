"""The adapters that a schedule is played with; a test may replace one by something defective."""

from collections.abc import Callable
from dataclasses import dataclass

from netra_backend.agents.worker import Worker
from netra_backend.testing.memory import Memory, MemoryEventLog, MemoryFeed, MemoryQueue, MemoryStore
from netra_backend.testing.simulation.acceptor import SimulatedAcceptor
from netra_backend.testing.simulation.feed import SimulatedFeed, SimulatedLiveText


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a test may replace by something defective."""

    store: Callable[[Memory, MemoryFeed], MemoryStore] = MemoryStore
    log: Callable[[Memory, MemoryFeed], MemoryEventLog] = MemoryEventLog
    queue: Callable[[Memory], MemoryQueue] = MemoryQueue
    live: Callable[[SimulatedFeed], SimulatedLiveText] = SimulatedLiveText
    acceptor: Callable[..., SimulatedAcceptor] = SimulatedAcceptor
    worker: Callable[..., Worker] = Worker
