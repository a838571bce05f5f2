"""Bridges the sample application's two kinds of handlers. Nothing is swallowed here and nothing pretended.

It stands outside of the application, so that nothing of it is left there after the migration.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from netra_backend.domain.errors import NetraError
from netra_backend.protocol.errors import error_frame
from netra_backend.protocol.messages import Accepted, Pong, ThreadHistory
from netra_backend.tests import sample_app
from netra_backend.websocket_core.adapter import (
    LegacyHandler,
    LegacyHandlerAdapter,
    LegacyHandlerError,
)
from netra_backend.websocket_core.registry import MessageHandler, Socket

Answer = Accepted | Pong | ThreadHistory


class _Heard:
    """Listens to what a legacy handler sends while it handles, so that silence is not taken for success."""

    def __init__(self, legacy: LegacyHandler) -> None:
        self.legacy = legacy
        self.heard: list[Answer] = []

    async def handle(self, user_id: str, payload: dict[str, Any]) -> None:
        """Give the frame to the handler in the form that it knows; raise what it would have swallowed."""
        inner = {**payload.get("payload", {}), "type": payload["type"], "client_id": payload.get("id")}
        connections = sample_app.module("chat.connections").connections
        box = sample_app.module("chat.answers").AnswerBox()
        with _only(connections, user_id, box):
            await self.legacy.handle(user_id, {**inner, "thread_id": payload.get("thread_id")})
        answers = []
        for frame in box.frames:
            if frame["type"] == "agent_completed":  # of an earlier run: meant for the user's real sockets
                await connections.send_to_user(user_id, frame)
            else:
                answers.append(frame)
        if not answers:
            raise LegacyHandlerError("The handler said nothing.")
        try:
            self.heard = [msgspec.convert(frame, Answer) for frame in answers]
        except msgspec.ValidationError as error:
            raise LegacyHandlerError("The handler's answer is not one of the wire.") from error


class _Bridge(LegacyHandlerAdapter):
    """Answers the socket that asked, and no other."""

    def __init__(self, heard: _Heard, message_type: str) -> None:
        super().__init__(heard, [message_type], report=_report)
        self._heard = heard

    async def handle_message(self, user_id: str, websocket: Socket, message: Any) -> bool:
        """See `LegacyHandlerAdapter`."""
        handled = await super().handle_message(user_id, websocket, message)
        if handled:
            for frame in self._heard.heard:
                websocket.send(frame)
        return handled


def to_canonical(legacy: Any) -> MessageHandler:
    """A legacy handler as a canonical one, for one message."""
    return _Bridge(_Heard(legacy), legacy.get_message_type())


def _report(websocket: Socket, error: NetraError, reply_to: str | None) -> None:
    websocket.send(error_frame(error, reply_to=reply_to))


@contextmanager
def _only(connections: Any, user_id: str, box: Any) -> Iterator[None]:
    """Inside the block the user has this one socket and no other."""
    sockets: dict[str, list[Any]] = connections._sockets
    others = sockets.pop(user_id, [])
    sockets[user_id] = [box]
    try:
        yield
    finally:
        sockets[user_id] = others
