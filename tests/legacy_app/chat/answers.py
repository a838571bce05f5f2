"""A socket that is none: keeps the answers to a message that came from the queue or over HTTP."""

import json
from typing import Any

from netra_backend.protocol.messages import encode


class AnswerBox:
    """Keeps frames; whoever sent the message may fetch them. Takes frames of both kinds of handlers."""

    head = 0

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []

    async def send_json(self, data: dict[str, Any]) -> None:
        """A frame of a handler that knows users only."""
        self.frames.append(data)

    def send(self, frame: Any) -> None:
        """A frame of a handler that knows its socket."""
        self.frames.append(json.loads(encode(frame)))

    def follow(self, thread_id: str) -> None:
        """There is nobody to watch live text."""

    def close(self, code: int) -> None:
        """There is nothing to close."""
