"""Frames as the checker reads them, from `docs/protocol.md` alone; shared with no server or client code."""

from typing import Any

import msgspec


class Envelope(msgspec.Struct, gc=False):
    """Any frame of either side; what it carries stays encoded until somebody asks."""

    type: str
    payload: msgspec.Raw = msgspec.Raw(b"{}")
    id: str | None = None
    reply_to: str | None = None
    seq: int | None = None
    thread_id: str | None = None
    run_id: str | None = None

    def body(self) -> dict[str, Any]:
        """The payload, decoded."""
        return _object.decode(self.payload)


class OfMessage(msgspec.Struct, gc=False):
    """The only field of live text that the checker needs of each delta."""

    message_id: str = ""


_envelope = msgspec.json.Decoder(Envelope)
_object = msgspec.json.Decoder(dict[str, Any])
_of_message = msgspec.json.Decoder(OfMessage)


def envelope(raw: str) -> Envelope | None:
    """The frame, or None if it is none."""
    try:
        return _envelope.decode(raw)
    except (msgspec.DecodeError, UnicodeError):
        return None


def message_of(frame: Envelope) -> str:
    """`message_id` of a frame's payload; empty if it has none."""
    try:
        return _of_message.decode(frame.payload).message_id
    except msgspec.DecodeError:
        return ""
