"""Which handler answers which message type, and the interface of handlers. One handler a type."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from msgspec import UnsetType

from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import ConnectionId, MessageId, Owner, RunId, ThreadId
from netra_backend.protocol.errors import CloseCode
from netra_backend.protocol.messages import ServerFrame, WebSocketMessage


@dataclass(frozen=True, slots=True)
class UserContext:
    """For whom a connection is. Immutable, and handed to every handler of that connection."""

    owner: Owner
    connection_id: ConnectionId
    roles: frozenset[str]


class Socket(Protocol):
    """What a handler may do with the connection that a message came from."""

    @property
    def head(self) -> int:
        """The user's last durable number known here."""
        ...

    def send(self, frame: ServerFrame) -> None:
        """Queue a frame; returns at once. Frames leave in this order."""
        ...

    def close(self, code: CloseCode) -> None:
        """Send what is queued, then close."""
        ...

    def renew(self, principal: Principal, reply_to: str | UnsetType) -> None:
        """Go on with a newer token of the same user, and answer `connected`."""
        ...

    async def resume(self, epoch: str, after: int, reply_to: str | UnsetType) -> ServerFrame:
        """Send what came after a position; returns `resumed` or `resync` for the handler to send."""
        ...

    def follow(self, thread_id: ThreadId) -> None:
        """Send the thread's live text from now on."""
        ...

    def unfollow(self, thread_id: ThreadId) -> None:
        """Stop sending the thread's live text."""
        ...

    async def show(self, thread_id: ThreadId, message_id: MessageId, run_id: RunId | None = None) -> None:
        """Send a snapshot of a message that the run is writing, then its deltas; nothing if it has ended here."""
        ...


class MessageHandler(Protocol):
    """The one canonical interface of handlers."""

    async def handle_message(self, user_id: str, websocket: Socket, message: WebSocketMessage) -> bool:
        """Handle a validated message.

        Returns:
            True when it was handled; False after exactly one `error` frame was sent.
        """
        ...

    def can_handle(self, message_type: str) -> bool:
        """Whether messages of this type are this handler's."""
        ...


class DuplicateHandlerError(Exception):
    """Two handlers claim one message type."""

    def __init__(self, message_type: str, first: object, second: object) -> None:
        super().__init__(f"Both {_name(first)} and {_name(second)} claim {message_type!r}; remove one.")
        self.message_type = message_type


class UnclaimedTypeError(Exception):
    """Message types that no handler claims."""


H = TypeVar("H", bound=Callable[..., Any])


class HandlerRegistry(Generic[H]):
    """What makes the handler of each message type. Filled at start, then only read, by any thread."""

    def __init__(self) -> None:
        self._makers: dict[str, H] = {}

    def register(self, message_type: str, maker: H) -> None:
        """Let `maker` make the handlers of a type.

        Raises:
            DuplicateHandlerError: another maker has the type; it keeps it.
        """
        holder = self._makers.setdefault(message_type, maker)
        if holder is not maker:
            raise DuplicateHandlerError(message_type, holder, maker)

    def require(self, message_types: Collection[str]) -> None:
        """Check at start that every type is claimed.

        Raises:
            UnclaimedTypeError: naming those that are not.
        """
        unclaimed = sorted(set(message_types) - self._makers.keys())
        if unclaimed:
            raise UnclaimedTypeError(f"No handler claims {', '.join(unclaimed)}.")

    @property
    def makers(self) -> Mapping[str, H]:
        """Makers by message type."""
        return dict(self._makers)


def _name(maker: object) -> str:
    return f"{getattr(maker, '__module__', '')}.{getattr(maker, '__qualname__', type(maker).__qualname__)}"
