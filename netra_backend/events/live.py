"""Live text on Valkey: the answer so far under a key, each addition published with its offset."""

from pathlib import Path

import msgspec

from netra_backend.domain.ids import MessageId, Owner, ThreadId
from netra_backend.events.feed import ValkeyFeed
from netra_backend.events.names import channel, live_key

SCRIPT = (Path(__file__).parent / "live.lua").read_text(encoding="utf-8")
LIFETIME_MS = 3_600_000
"""An hour after the last addition the text is forgotten: no run writes so rarely."""


class ValkeyLiveText:
    """See `domain.ports.LiveText`."""

    def __init__(self, feed: ValkeyFeed) -> None:
        self._feed = feed
        self._outlet = feed.outlet

    def write(self, owner: Owner, thread_id: ThreadId, message_id: MessageId, *, text: str, new: int) -> None:
        """See the port."""
        offset = len(text) - new
        delta = b"T" + msgspec.json.encode((thread_id, message_id, offset, text[offset:]))
        self._feed.tell_here(owner, delta)
        delta = self._feed.origin + delta
        key, where, whole = live_key(owner, message_id), channel(owner), text.encode()

        def repair(answer: int) -> None:
            if not answer:
                self._outlet.send("SET", key, whole, "PX", LIFETIME_MS)
                self._outlet.send("SPUBLISH", where, delta)

        self._outlet.send(
            *("EVAL", SCRIPT, 2, key, where, text[offset:].encode(), len(whole), LIFETIME_MS, delta),
            reply=repair,
        )

    async def snapshot(self, owner: Owner, message_id: MessageId) -> str | None:
        """See the port."""
        text = await self._outlet.ask("GET", live_key(owner, message_id))
        return None if text is None else text.decode("utf-8", "replace")

    def clear(self, owner: Owner, message_id: MessageId) -> None:
        """See the port."""
        self._outlet.send("UNLINK", live_key(owner, message_id))
