"""The handlers of each phase's application on real stores, with two tabs of one user: suite 1's subject."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg
import msgspec

from netra_backend.app import Application, core, new_id
from netra_backend.domain.ids import ConnectionId, Owner, TenantId, UserId
from netra_backend.embedded.wiring import Addresses
from netra_backend.protocol.messages import CLIENT_TYPES, WebSocketMessage, encode
from netra_backend.settings import Settings
from netra_backend.tests import sample_app
from netra_backend.tests.bridge import to_canonical
from netra_backend.tests.outcomes import Phase
from netra_backend.websocket_core.factory import HandlerFactory
from netra_backend.websocket_core.registry import UserContext

Frame = dict[str, Any]

TENANT = TenantId("acme")


@dataclass
class Tab:
    """One of the user's connections, as either kind of handler sees it."""

    frames: list[Frame] = field(default_factory=list)
    head: int = 0

    async def send_json(self, data: Frame) -> None:
        """A frame of a handler that knows users only."""
        self.frames.append(data)

    def send(self, frame: Any) -> None:
        """See `registry.Socket`."""
        self.frames.append(msgspec.json.decode(encode(frame)))

    def follow(self, thread_id: str) -> None:
        """See `registry.Socket`; nobody watches."""


class HandlerSide(Protocol):
    """The handlers of an application, as used by one user with two tabs."""

    phase: Phase
    types: tuple[str, ...]
    """The message types that clients send."""
    user_id: str
    asking: Tab
    other: Tab

    def handlers(self) -> Mapping[str, Any]:
        """The handler of each type."""
        ...

    def bridged(self) -> Mapping[str, Any]:
        """The same, behind an adapter where they lack the canonical method."""
        ...

    async def deliver(self, frame: Frame) -> object:
        """Give a client's frame to its handler, from the tab `asking`; what the handler returned."""
        ...

    async def said(self) -> list[str]:
        """What is stored as said by the user."""
        ...


class LegacySide:
    """The legacy handlers, called as their service calls them."""

    phase = Phase.LEGACY
    types = CLIENT_TYPES

    def __init__(self, runtime: Any) -> None:
        self.user_id = new_id()
        self.asking, self.other = Tab(), Tab()
        self._runtime = runtime
        self._connections = sample_app.module("chat.connections").connections
        self._legacy = sample_app.module("chat.services.websocket.message_handler")
        self.service = self._legacy.MessageHandlerService(runtime.supervisor, runtime.session)
        for tab in (self.asking, self.other):
            self._connections.add(self.user_id, tab)

    def handlers(self) -> Mapping[str, Any]:
        """See `HandlerSide`."""
        return dict(self.service.handlers)

    def bridged(self) -> Mapping[str, Any]:
        """See `HandlerSide`."""
        return {kind: to_canonical(handler) for kind, handler in self.service.handlers.items()}

    async def deliver(self, frame: Frame) -> object:
        """See `HandlerSide`."""
        returned: object = await self.handlers()[frame["type"]].handle(
            self.user_id, self._legacy.flatten(frame)
        )
        return returned

    async def said(self) -> list[str]:
        """See `HandlerSide`."""
        rows = await self._runtime.pool.fetch(
            "SELECT content FROM chat.messages JOIN chat.threads ON threads.id = thread_id"
            " WHERE role = 'user' AND user_id = $1 ORDER BY messages.created_at",
            self.user_id,
        )
        return [row["content"] for row in rows]

    def leave(self) -> None:
        """Close both tabs."""
        for tab in (self.asking, self.other):
            self._connections.remove(self.user_id, tab)


class AdapterSide(LegacySide):
    """The legacy handlers behind the application's adapter."""

    phase = Phase.ADAPTER

    def handlers(self) -> Mapping[str, Any]:
        """See `HandlerSide`."""
        return self.bridged()

    async def deliver(self, frame: Frame) -> object:
        """See `HandlerSide`."""
        handler = self.handlers()[frame["type"]]
        returned: object = await handler.handle_message(
            self.user_id, self.asking, msgspec.convert(frame, WebSocketMessage)
        )
        return returned


class CanonicalSide:
    """Netra's handlers, in Netra itself or in the migrated application."""

    types = CLIENT_TYPES

    def __init__(self, phase: Phase, factory: HandlerFactory, fetch: Any) -> None:
        self.phase = phase
        self.user_id = new_id()
        self.asking, self.other = Tab(), Tab()
        self._fetch = fetch
        owner = Owner(TENANT, UserId(self.user_id))
        context = UserContext(owner, ConnectionId(new_id()), frozenset())
        self._set = factory.create(context)

    def handlers(self) -> Mapping[str, Any]:
        """See `HandlerSide`."""
        return {kind: self._set.handler(kind) for kind in CLIENT_TYPES}

    def bridged(self) -> Mapping[str, Any]:
        """See `HandlerSide`."""
        return self.handlers()

    async def deliver(self, frame: Frame) -> object:
        """See `HandlerSide`."""
        handler = self._set.handler(frame["type"])
        socket: Any = self.asking
        return await handler.handle_message(self.user_id, socket, msgspec.convert(frame, WebSocketMessage))

    async def said(self) -> list[str]:
        """See `HandlerSide`."""
        rows = await self._fetch(
            "SELECT content FROM public.messages WHERE role = 'user' AND user_id = $1 ORDER BY seq",
            self.user_id,
        )
        return [row["content"] for row in rows]


@asynccontextmanager
async def handler_side(phase: Phase, settings: Settings, addresses: Addresses) -> AsyncIterator[HandlerSide]:
    """The handlers of a phase's application."""
    if phase is Phase.CANONICAL:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        async with core(settings, addresses) as parts, _eye(addresses) as fetch:
            yield CanonicalSide(phase, Application(parts).gateway.factory, fetch)
        return
    async with sample_app.running(settings, addresses, worker=False) as (runtime, _):
        if phase is Phase.MIGRATED:
            yield CanonicalSide(phase, runtime.application.gateway.factory, runtime.pool.fetch)
            return
        side = AdapterSide(runtime) if phase is Phase.ADAPTER else LegacySide(runtime)
        try:
            yield side
        finally:
            side.leave()


@asynccontextmanager
async def _eye(addresses: Addresses) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(addresses.owner_url)
    try:
        yield connection.fetch
    finally:
        await connection.close()
