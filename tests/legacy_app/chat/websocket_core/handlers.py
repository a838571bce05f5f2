"""The canonical handlers: Netra's, and the base of the service's own. One interface for all of them:

    async def handle_message(self, user_id, websocket, message) -> bool

Netra's handlers serve the socket as they are (see `server.py`); the subclasses here take messages that
come from inside the service, from the queue or over HTTP.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

from chat.registry import register_handler
from chat.websocket_core.messages import WebSocketMessage
from netra_backend.domain.errors import NetraError, TooLarge
from netra_backend.protocol.errors import error_frame
from netra_backend.protocol.messages import CLIENT_TYPES
from netra_backend.websocket_core import handlers as netra
from netra_backend.websocket_core.registry import Socket

SUPPORTED_MESSAGE_TYPES = CLIENT_TYPES
"""Every type that the socket takes."""

MAX_TEXT_LENGTH = 8000
"""Characters of a message from inside the service; the socket has a limit of its own."""

Method = Callable[..., Awaitable[bool]]


def _reported(method: Method) -> Method:
    """Turn a domain error into one `error` frame and False."""

    @functools.wraps(method)
    async def reported(self: Any, user_id: str, websocket: Socket, message: WebSocketMessage) -> bool:
        try:
            return await method(self, user_id, websocket, message)
        except NetraError as error:
            websocket.send(error_frame(error, reply_to=message.id))
            return False

    return reported


class BaseMessageHandler(ABC):
    """Base of the service's own handlers. A subclass may raise domain errors; they are mapped here."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "handle_message" in cls.__dict__:
            cls.handle_message = _reported(cls.handle_message)  # type: ignore[method-assign]

    @abstractmethod
    def get_message_type(self) -> str:
        """The type that this handler takes."""

    def can_handle(self, message_type: str) -> bool:
        """Whether messages of this type are this handler's."""
        return message_type == self.get_message_type()

    @abstractmethod
    async def handle_message(self, user_id: str, websocket: Socket, message: WebSocketMessage) -> bool:
        """True when it was handled; False after one `error` frame was sent."""


class _FromInside:
    """Takes the service's own messages to the handler of Netra that it is mixed into."""

    async def handle_message(self, user_id: str, websocket: Socket, message: WebSocketMessage) -> bool:
        """See `BaseMessageHandler`."""
        try:
            if len(str(message.fields.get("text", ""))) > MAX_TEXT_LENGTH:
                raise TooLarge(f"A message may have {MAX_TEXT_LENGTH} characters.")
            typed = message.typed()
        except NetraError as error:
            websocket.send(error_frame(error, reply_to=message.id))
            return False
        return await super().handle_message(user_id, websocket, typed)  # type: ignore[misc]


class StartAgentHandler(_FromInside, netra.StartAgentHandler):
    """Accepts a task for an agent."""


class UserMessageHandler(_FromInside, netra.UserMessageHandler):
    """Accepts a message of a user."""


class ThreadHistoryHandler(_FromInside, netra.ThreadHistoryHandler):
    """Reads a page of a thread."""


class StopAgentHandler(_FromInside, netra.StopAgentHandler):
    """Stops a run."""


HANDLERS = {
    handler.message_type(): handler
    for handler in (StartAgentHandler, UserMessageHandler, ThreadHistoryHandler, StopAgentHandler)
}
"""The handlers for messages from inside, by type."""

register_handler("start_agent", StartAgentHandler)
register_handler("user_message", UserMessageHandler)
register_handler("get_thread_history", ThreadHistoryHandler)
register_handler("stop_agent", StopAgentHandler)
