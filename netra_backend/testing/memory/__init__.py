"""The ports in memory, for tests without servers: adapters that share one `Memory`.

They pass the same contract suite as the real ones (`tests/integration/contract`). Never for users.
"""

from netra_backend.testing.memory.feed import MemoryFeed
from netra_backend.testing.memory.live import MemoryLiveText
from netra_backend.testing.memory.log import MemoryEventLog
from netra_backend.testing.memory.queue import MemoryQueue
from netra_backend.testing.memory.state import Memory
from netra_backend.testing.memory.store import MemoryStore

__all__ = ["Memory", "MemoryEventLog", "MemoryFeed", "MemoryLiveText", "MemoryQueue", "MemoryStore"]
