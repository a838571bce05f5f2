"""Bridges legacy handlers, `handle(user_id, payload) -> None`, and canonical ones, both ways.

Nothing is swallowed and nothing pretended: an unknown type is an error, and the original exception
stays the cause.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import msgspec

from netra_backend.domain.errors import NetraError, UnknownType
from netra_backend.protocol.errors import from_decode_error
from netra_backend.protocol.messages import CLIENT_TYPES, WebSocketMessage
from netra_backend.websocket_core.registry import MessageHandler, Socket


class LegacyHandler(Protocol):
    """The interface that is left behind: no result, no connection, an untyped payload."""

    async def handle(self, user_id: str, payload: dict[str, Any]) -> None:
        """Handle a payload; failure is an exception."""
        ...


class LegacyHandlerError(NetraError):
    """The legacy handler failed."""


class RefusedByHandler(NetraError):
    """The canonical handler refused the message and has sent its error."""


class LegacyHandlerAdapter:
    """Lets a legacy handler serve canonical messages of the types that it is known for.

    Args:
        legacy: the handler to serve with.
        message_types: the types that it claims; it declares none itself.
        report: sends the error of a failure, as `BaseHandler` does for canonical handlers.
    """

    def __init__(
        self,
        legacy: LegacyHandler,
        message_types: Collection[str],
        *,
        report: Callable[[Socket, NetraError, str | None], None],
    ) -> None:
        unknown = sorted(set(message_types) - set(CLIENT_TYPES))
        if unknown:
            raise UnknownType(f"No such message type: {', '.join(unknown)}.")
        self._legacy = legacy
        self._types = frozenset(message_types)
        self._report = report

    def can_handle(self, message_type: str) -> bool:
        """Whether the legacy handler claims this type."""
        return message_type in self._types

    async def handle_message(self, user_id: str, websocket: Socket, message: WebSocketMessage) -> bool:
        """Give the message to the legacy handler as an untyped payload."""
        reply_to = message.id if isinstance(message.id, str) else None
        kind = str(message.__struct_config__.tag)
        if not self.can_handle(kind):
            self._report(websocket, UnknownType(f"This handler does not take {kind!r}."), reply_to)
            return False
        try:
            await self._legacy.handle(user_id, msgspec.to_builtins(message))
        except NetraError as error:
            self._report(websocket, error, reply_to)
        except Exception as cause:  # noqa: BLE001 - reported, with the original as its cause
            failure = LegacyHandlerError()
            failure.__cause__ = cause
            self._report(websocket, failure, reply_to)
        else:
            return True
        return False


class CanonicalHandlerAdapter:
    """Lets canonical handlers serve callers that still call `handle(user_id, payload)`.

    Args:
        handlers: canonical handlers by message type.
        websocket: where their answers go.
    """

    def __init__(self, handlers: Mapping[str, MessageHandler], websocket: Socket) -> None:
        self._handlers = handlers
        self._websocket = websocket

    async def handle(self, user_id: str, payload: dict[str, Any]) -> None:
        """Validate the payload and give it to the handler of its type.

        Raises:
            BadMessage: the payload is not a message of the wire (UnknownType: nobody claims it).
            RefusedByHandler: the handler returned False.
        """
        try:
            message = msgspec.convert(payload, WebSocketMessage)
        except msgspec.ValidationError as error:
            raise from_decode_error(error) from error
        handler = self._handlers.get(str(message.__struct_config__.tag))
        if handler is None:
            raise UnknownType(f"No handler claims {payload.get('type')!r}.")
        if not await handler.handle_message(user_id, self._websocket, message):
            raise RefusedByHandler
