"""Services of the chat; the handlers are handed on so that callers need not know where they live."""

from chat.services.websocket import (
    MessageHandlerService,
    StartAgentHandler,
    StopAgentHandler,
    ThreadHistoryHandler,
    UserMessageHandler,
)

__all__ = [
    "MessageHandlerService",
    "StartAgentHandler",
    "StopAgentHandler",
    "ThreadHistoryHandler",
    "UserMessageHandler",
]
