"""Durable events as frames: the payload was encoded when it was stored and is never decoded again."""

from msgspec import UNSET, Raw

from netra_backend.domain.events import Event
from netra_backend.protocol.messages import EventFrame, encode


def event_frame(event: Event) -> bytes:
    """The frame of a stored event, byte for byte the same from feed and log."""
    return encode(
        EventFrame(
            type=event.type,
            seq=event.seq,
            thread_id=event.thread_id if event.thread_id is not None else UNSET,
            run_id=event.run_id if event.run_id is not None else UNSET,
            ts=event.ts,
            payload=Raw(event.payload),
        )
    )
