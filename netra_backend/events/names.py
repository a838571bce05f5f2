"""Names in Valkey. An owner's keys and channel share one hash slot, so that Cluster works."""

import hashlib
from functools import lru_cache

from netra_backend.domain.ids import MessageId, Owner

EVERYBODY = b"netra:all"
"""The channel of workers and gateways: work, stops, doubts. Sharded too, so that Cluster tells one server."""


def mailbox(origin: bytes) -> bytes:
    """The channel of one process, for answers to what it asked."""
    return b"netra:to:" + origin


@lru_cache(maxsize=65536)
def channel(owner: Owner) -> bytes:
    """The owner's channel. A digest, because ids are any text."""
    digest = hashlib.sha256("\x1f".join(owner).encode()).hexdigest()[:32]
    return f"netra:{{{digest}}}".encode()


def live_key(owner: Owner, message_id: MessageId) -> bytes:
    """Where the text of an answer being written stands."""
    return channel(owner) + b":" + message_id.encode()
