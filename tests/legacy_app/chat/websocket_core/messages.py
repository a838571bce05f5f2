"""A message of the service, whichever way it came: socket, queue, HTTP."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import msgspec

from netra_backend.domain.errors import BadMessage
from netra_backend.protocol import messages as wire


@dataclass(frozen=True)
class WebSocketMessage:
    """One message. `payload` holds all of it in one dictionary, as the first handlers want it."""

    type: str
    id: str
    thread_id: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def payload(self) -> dict[str, Any]:
        """Fields, type, thread and id together."""
        return {**self.fields, "type": self.type, "thread_id": self.thread_id, "client_id": self.id}

    def typed(self) -> wire.WebSocketMessage:
        """The message as Netra's handlers take it; raises `BadMessage`."""
        frame: dict[str, Any] = {"type": self.type, "id": self.id, "payload": self.fields}
        if self.thread_id is not None:
            frame["thread_id"] = self.thread_id
        try:
            return msgspec.convert(frame, wire.WebSocketMessage)
        except msgspec.ValidationError as error:
            raise BadMessage(str(error)) from error


def read_message(frame: dict[str, Any]) -> WebSocketMessage:
    """A message from its frame on the socket or in the queue."""
    return WebSocketMessage(
        type=str(frame.get("type", "")),
        id=str(frame.get("id") or uuid.uuid4()),
        thread_id=frame.get("thread_id"),
        fields=dict(frame.get("payload") or {}),
    )
