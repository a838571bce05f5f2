"""The handlers of an application without its servers: what the factory suite runs on.

Everything under test is real; the storage behind it only notes who stored what.
"""

import asyncio
import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, cast

import msgspec

from netra_backend.domain.errors import NotFound, Unauthenticated
from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import (
    ConnectionId,
    IdSource,
    MessageId,
    Owner,
    RunId,
    TenantId,
    ThreadId,
    UserId,
    uuid7,
)
from netra_backend.domain.ports import Feed, Store
from netra_backend.domain.runs import Acceptance, Submission
from netra_backend.protocol.messages import CLIENT_TYPES, ServerFrame, WebSocketMessage, encode
from netra_backend.websocket_core.factory import HandlerFactory, HandlerSet, Maker, default_registry
from netra_backend.websocket_core.handlers import Services
from netra_backend.websocket_core.registry import HandlerRegistry, UserContext

Frame = dict[str, Any]


class OpenHandlers(Protocol):
    """The handlers of one open connection, and what they sent to it."""

    frames: list[Frame]

    def handlers(self) -> Mapping[str, object]:
        """The handler of each message type."""
        ...

    def context(self) -> object:
        """For whom the handlers are."""
        ...

    async def receive(self, message: Mapping[str, Any], *, user_id: str | None = None) -> bool:
        """Give a message to its handler, in the name of the connection's user or of another."""
        ...


class Registry(Protocol):
    """Where makers of handlers are registered by message type."""

    def register(self, message_type: str, maker: Maker) -> None:
        """Claim a type."""
        ...

    def require(self, message_types: Collection[str]) -> None:
        """Check that every type is claimed."""
        ...

    @property
    def makers(self) -> Mapping[str, Any]:
        """Makers by type."""
        ...


class HandlerSubject(Protocol):
    """The handler side of an application."""

    @property
    def types(self) -> Sequence[str]:
        """The message types of the wire."""
        ...

    stored: list[tuple[Owner, str]]

    def open(self, user: str, *, tenant: str = "acme") -> OpenHandlers:
        """The handlers of a new connection of that user. They live as long as what is returned."""
        ...

    def registry(self) -> Registry:
        """A new, empty registry."""
        ...

    def claims(self) -> Mapping[str, Any]:
        """Who makes the handler of each type in the application as it starts."""
        ...

    def build(self, registry: Registry) -> object:
        """Start the handler side with these claims."""
        ...


class NotingStore:
    """Notes whose message it was given. Like a database it answers later, so that calls overlap."""

    def __init__(self, new_id: IdSource) -> None:
        self.noted: list[tuple[Owner, str]] = []
        self._new_id = new_id

    async def accept(self, submission: Submission) -> Acceptance:
        """See `Store.accept`."""
        for _ in range(len(submission.text) % 4):  # neighbours overtake each other
            await asyncio.sleep(0)
        if submission.text == "break":
            message = "secret detail of the store"
            raise ZeroDivisionError(message)
        self.noted.append((submission.owner, submission.text))
        return Acceptance(
            thread_id=submission.thread_id or ThreadId(self._new_id()),
            run_id=RunId(self._new_id()),
            message_id=MessageId(self._new_id()),
            duplicate=False,
            queue_position=0,
        )

    async def stop(self, owner: Owner, run_id: RunId) -> None:
        """See `Store.stop`; there is no run here."""
        raise NotFound


class CanonicalOpen:
    """A connection's handler set, and itself the socket that the set answers to."""

    def __init__(self, handlers: HandlerSet) -> None:
        self.frames: list[Frame] = []
        self.head = 7
        self.followed: list[ThreadId] = []
        self.renewed: list[Principal] = []
        self._set = handlers

    def handlers(self) -> Mapping[str, object]:
        """See `OpenHandlers`."""
        return {kind: self._set.handler(kind) for kind in CLIENT_TYPES}

    def context(self) -> UserContext:
        """See `OpenHandlers`."""
        return self._set.context

    async def receive(self, message: Mapping[str, Any], *, user_id: str | None = None) -> bool:
        """See `OpenHandlers`."""
        typed = msgspec.convert(dict(message), WebSocketMessage)
        handler = self._set.handler(str(message["type"]))
        who = self._set.context.owner.user_id if user_id is None else user_id
        return await handler.handle_message(who, cast(Any, self), typed)

    def send(self, frame: ServerFrame) -> None:
        """See `registry.Socket`."""
        self.frames.append(msgspec.json.decode(encode(frame)))

    def follow(self, thread_id: ThreadId) -> None:
        """See `registry.Socket`."""
        self.followed.append(thread_id)

    def renew(self, principal: Principal) -> None:
        """See `registry.Socket`."""
        self.renewed.append(principal)

    def close(self, code: int) -> None:
        """See `registry.Socket`; there is nothing to close here."""


class CanonicalHandlers:
    """Netra's handler side."""

    types = CLIENT_TYPES

    def __init__(self) -> None:
        numbers = itertools.count(1)
        self._new_id: IdSource = lambda: uuid7(1_767_268_800_000, next(numbers))
        self._store = NotingStore(self._new_id)
        self.stored = self._store.noted
        self._factory = HandlerFactory(self._services())

    def open(self, user: str, *, tenant: str = "acme") -> CanonicalOpen:
        """See `HandlerSubject`."""
        owner = Owner(TenantId(tenant), UserId(user))
        context = UserContext(owner, ConnectionId(self._new_id()), frozenset())
        return CanonicalOpen(self._factory.create(context))

    def registry(self) -> HandlerRegistry[Maker]:
        """See `HandlerSubject`."""
        return HandlerRegistry()

    def claims(self) -> Mapping[str, Any]:
        """See `HandlerSubject`."""
        return default_registry().makers

    def build(self, registry: Registry) -> HandlerFactory:
        """See `HandlerSubject`."""
        return HandlerFactory(self._services(), cast("HandlerRegistry[Maker]", registry))

    def _services(self) -> Services:
        # Only what the suite's messages reach; the rest of the ports is not touched by them.
        return Services(
            store=cast(Store, self._store),
            feed=cast(Feed, None),
            verify=_nobody,
            new_id=self._new_id,
            refused=lambda _: None,
        )


async def _nobody(token: str) -> Principal:
    raise Unauthenticated
