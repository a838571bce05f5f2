"""Socket handlers."""

from .message_handler import (
    BaseMessageHandler,
    MessageHandlerService,
    StartAgentHandler,
    StopAgentHandler,
    ThreadHistoryHandler,
    UserMessageHandler,
)

__all__ = [
    "BaseMessageHandler",
    "MessageHandlerService",
    "StartAgentHandler",
    "StopAgentHandler",
    "ThreadHistoryHandler",
    "UserMessageHandler",
]
