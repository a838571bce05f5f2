"""Bridges the sample application's two kinds of handlers. Nothing is swallowed here and nothing pretended.

It stands outside of the application, so that nothing of it is left there after the migration. `chat.main`
must have been imported.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import msgspec

from netra_backend.app import new_id
from netra_backend.domain.errors import NetraError
from netra_backend.protocol.errors import error_frame
from netra_backend.protocol.messages import Accepted, Pong, ThreadHistory
from netra_backend.websocket_core.adapter import (
    CanonicalHandlerAdapter,
    LegacyHandlerAdapter,
    LegacyHandlerError,
)
from netra_backend.websocket_core.registry import MessageHandler, Socket

Answer = Accepted | Pong | ThreadHistory
Payload = dict[str, Any]


class _Heard:
    """Hears what a legacy handler says to its user while it handles, so that silence is not taken for success."""

    def __init__(self, legacy: Any) -> None:
        self._legacy = copy.copy(legacy)  # one handler serves all users: it is not to send to us for them
        self._legacy.send = self._hear
        self._frames: list[Payload] = []
        self.answers: list[Answer] = []

    async def _hear(self, user_id: str, frame: Payload) -> None:
        self._frames.append(frame)

    async def handle(self, user_id: str, payload: Payload) -> None:
        """Give the frame to the handler in the form that it knows; raise what it would have swallowed."""
        inner = {**payload.get("payload", {}), "type": payload["type"], "client_id": payload.get("id")}
        await self._legacy.handle(user_id, {**inner, "thread_id": payload.get("thread_id")})
        if not self._frames:
            raise LegacyHandlerError("The handler said nothing.")
        try:
            self.answers = [msgspec.convert(frame, Answer) for frame in self._frames]
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
            for frame in self._heard.answers:
                websocket.send(frame)
        return handled


def to_canonical(legacy: Any) -> MessageHandler:
    """A legacy handler as a canonical one, for one message."""
    return _Bridge(_Heard(legacy), legacy.get_message_type())


def _report(websocket: Socket, error: NetraError, reply_to: str | None) -> None:
    websocket.send(error_frame(error, reply_to=reply_to))


class _Door:
    """Stands in the legacy service for one of its handlers, which is asked by way of both bridges."""

    def __init__(self, legacy: Any) -> None:
        self._legacy = legacy

    async def handle(self, user_id: str, payload: Payload) -> None:
        """See `LegacyHandler`; what the handler says goes to all of the user's sockets, as ever."""
        box = import_module("chat.answers").AnswerBox()
        handlers = {self._legacy.get_message_type(): to_canonical(self._legacy)}
        try:
            await CanonicalHandlerAdapter(handlers, box).handle(user_id, _framed(payload))
        finally:
            for frame in box.frames:
                await import_module("chat.connections").connections.send_to_user(user_id, frame)


def _framed(payload: Payload) -> Payload:
    """The frame that the service flattened; messages from inside have no id."""
    outer = {name: payload.get(name) for name in ("type", "thread_id")}
    inner = {name: value for name, value in payload.items() if name not in (*outer, "client_id")}
    frame = outer | {"id": payload.get("client_id") or new_id(), "payload": inner}
    return {name: value for name, value in frame.items() if value is not None}


@contextmanager
def bridged_service() -> Iterator[None]:
    """Inside the block the legacy service makes its own handlers with a bridge each way."""
    module: Any = import_module("chat.services.websocket.message_handler")
    service: Any = module.MessageHandlerService
    plain = service._make

    def make(self: Any, kind: type) -> Any:
        made = plain(self, kind)
        return _Door(made) if isinstance(made, module.BaseMessageHandler) else made

    service._make = make
    try:
        yield
    finally:
        service._make = plain
