"""A small typed client of the wire `netra.v1`, written from `docs/protocol.md` alone.

It never imports the server. `netra_client.terminal` is a chat on it and is the only part that needs `rich`.
"""

from netra_client.client import NetraClient
from netra_client.credentials import Login, TokenProvider, login
from netra_client.errors import (
    AuthenticationFailed,
    ClientClosed,
    ConnectFailed,
    ConnectionClosedForGood,
    FrameTooLarge,
    MalformedFrame,
    NetraError,
    ResyncRequired,
    ServerError,
)
from netra_client.ids import Epoch, MessageId, RunId, ThreadId, ToolCallId
from netra_client.link import Options
from netra_client.messages import (
    Accepted,
    AgentCompleted,
    AgentStarted,
    AgentThinking,
    ErrorFrame,
    MessageCreated,
    MessageDelta,
    MessageSnapshot,
    Reconnect,
    Resumed,
    Resync,
    ThreadUpdated,
    TokenExpiring,
    ToolCompleted,
    ToolExecuting,
    Typing,
)
from netra_client.payloads import Message, ThreadHistoryPayload, ThreadsPayload, ThreadSummary
from netra_client.runs import RunEvent, events_of_run
from netra_client.stream import Position
from netra_client.subscription import ConnectionChanged, Event, Subscription

__all__ = [
    "Accepted",
    "AgentCompleted",
    "AgentStarted",
    "AgentThinking",
    "AuthenticationFailed",
    "ClientClosed",
    "ConnectFailed",
    "ConnectionChanged",
    "ConnectionClosedForGood",
    "Epoch",
    "ErrorFrame",
    "Event",
    "FrameTooLarge",
    "Login",
    "MalformedFrame",
    "Message",
    "MessageCreated",
    "MessageDelta",
    "MessageId",
    "MessageSnapshot",
    "NetraClient",
    "NetraError",
    "Options",
    "Position",
    "Reconnect",
    "Resumed",
    "Resync",
    "ResyncRequired",
    "RunEvent",
    "RunId",
    "ServerError",
    "Subscription",
    "ThreadHistoryPayload",
    "ThreadId",
    "ThreadSummary",
    "ThreadUpdated",
    "ThreadsPayload",
    "TokenExpiring",
    "TokenProvider",
    "ToolCallId",
    "ToolCompleted",
    "ToolExecuting",
    "Typing",
    "events_of_run",
    "login",
]
