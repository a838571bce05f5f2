"""The canonical service: sockets go to Netra's gateway, messages from inside to the handlers."""

from typing import Any

from chat.websocket_core.handlers import HANDLERS
from chat.websocket_core.messages import WebSocketMessage
from netra_backend.domain.errors import NetraError, UnknownType
from netra_backend.protocol.errors import error_frame
from netra_backend.websocket_core.registry import Socket


class ChatService:
    """What `/ws` is served by, and the door for messages that come without a socket.

    Args:
        runtime: the running service; see `chat.runtime.Runtime`.
    """

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one socket; see ASGI."""
        await self._runtime.application.gateway(scope, receive, send)

    async def handle_message(self, user_id: str, websocket: Socket, message: WebSocketMessage) -> bool:
        """Give a message to its handler. True when it was handled, False after one `error` frame."""
        try:
            handler = HANDLERS.get(message.type)
            if handler is None:
                raise UnknownType(f"No handler takes {message.type!r}.")
            context = self._runtime.context(user_id)
        except NetraError as error:
            websocket.send(error_frame(error, reply_to=message.id))
            return False
        return await handler(context, self._runtime.services).handle_message(user_id, websocket, message)
