"""Builds the handlers of a connection, around who it is for. Nothing is shared between connections."""

from collections.abc import Callable, Mapping
from typing import Any

from netra_backend.protocol.messages import CLIENT_TYPES, WebSocketMessage
from netra_backend.websocket_core.handlers import HANDLERS, Services
from netra_backend.websocket_core.registry import HandlerRegistry, MessageHandler, UserContext

Maker = Callable[[UserContext, Services], MessageHandler]


class HandlerFactory:
    """Makes one handler set per connection; the set is freed with the connection.

    Args:
        services: the ports that handlers use.
        registry: who makes the handler of each type; by default the handlers of `handlers.py`.
    """

    def __init__(self, services: Services, registry: HandlerRegistry[Maker] | None = None) -> None:
        self._services = services
        self._registry = registry or default_registry()
        self._registry.require(CLIENT_TYPES)

    def create(self, context: UserContext) -> "HandlerSet":
        """The handlers of one connection."""
        makers = self._registry.makers
        return HandlerSet(context, {kind: maker(context, self._services) for kind, maker in makers.items()})


class HandlerSet:
    """The handlers of one connection, by message type."""

    __slots__ = ("_handlers", "context")

    def __init__(self, context: UserContext, handlers: Mapping[str, MessageHandler]) -> None:
        self.context = context
        self._handlers = handlers

    def handler(self, message_type: str) -> MessageHandler:
        """The handler of a type of the wire."""
        return self._handlers[message_type]

    async def handle(self, websocket: Any, message: WebSocketMessage) -> bool:
        """Give `message` to its handler."""
        handler = self._handlers[str(message.__struct_config__.tag)]
        return await handler.handle_message(self.context.owner.user_id, websocket, message)


def default_registry() -> HandlerRegistry[Maker]:
    """Every handler of `handlers.py` under the type that it names."""
    registry: HandlerRegistry[Maker] = HandlerRegistry()
    for handler in HANDLERS:
        registry.register(handler.message_type(), handler)
    return registry
