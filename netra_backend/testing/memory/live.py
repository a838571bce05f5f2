"""The `LiveText` in memory."""

from netra_backend.domain.ids import MessageId, Owner, ThreadId
from netra_backend.testing.memory.feed import MemoryFeed
from netra_backend.testing.memory.state import Memory


class MemoryLiveText:
    """See `domain.ports.LiveText`."""

    def __init__(self, memory: Memory, feed: MemoryFeed) -> None:
        self._memory = memory
        self._feed = feed

    def write(self, owner: Owner, thread_id: ThreadId, message_id: MessageId, *, text: str, new: int) -> None:
        """See the port."""
        if not self._feed.healthy:
            return
        offset = len(text) - new
        self._memory.texts[owner, message_id] = text
        self._feed.tell(owner, "on_delta", thread_id, message_id, offset, text[offset:])

    async def snapshot(self, owner: Owner, message_id: MessageId) -> str | None:
        """See the port."""
        return self._memory.texts.get((owner, message_id))

    def clear(self, owner: Owner, message_id: MessageId) -> None:
        """See the port."""
        self._memory.texts.pop((owner, message_id), None)
