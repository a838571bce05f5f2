"""The `/ws` endpoint, a plain ASGI callable: admits, authenticates, reads frames until the end."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import structlog
from msgspec import UNSET, UnsetType

from netra_backend.domain.errors import NetraError, Unauthenticated
from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import ConnectionId, IdSource, Owner
from netra_backend.domain.ports import Feed
from netra_backend.domain.traffic import Traffic
from netra_backend.protocol import messages as m
from netra_backend.protocol import payloads as p
from netra_backend.protocol.errors import CloseCode, error_frame
from netra_backend.protocol.session import Limits, Refusal, Session
from netra_backend.websocket_core.connection import Connection, Terms
from netra_backend.websocket_core.factory import HandlerFactory, HandlerSet
from netra_backend.websocket_core.registry import UserContext
from netra_backend.websocket_core.writer import Send

log = structlog.get_logger(__name__)

SWEEP_CHUNK = 1000
"""Sessions asked about in one query."""

Receive = Callable[[], Awaitable[dict[str, Any]]]
Scope = dict[str, Any]


class Credentials(Protocol):
    """What the upgrade request says about who is asking."""

    def admit(self, scope: Scope) -> str | None:
        """The token of header or cookie, or None if the first frame will bring it.

        Raises:
            Forbidden: the request must be refused before it is accepted.
        """
        ...

    async def verify(self, token: str) -> Principal:
        """Who the token is; raises `Unauthenticated`."""
        ...


class Meter(Protocol):
    """What the gateway counts."""

    def opened(self) -> None:
        """A connection was authenticated."""
        ...

    def closed(self) -> None:
        """An authenticated connection ended."""
        ...

    def received(self, message_type: str) -> None:
        """A frame came."""
        ...

    def refused(self, code: str) -> None:
        """A frame was refused."""
        ...


class Allowed(Protocol):
    """What one user may still send, over all connections and gateways."""

    def take(self, now: float) -> float:
        """Count one frame; seconds for which it is refused, 0 or less if it is not."""
        ...


class Visits(Protocol):
    """Who is connected, over all gateways."""

    def enter(self, owner: Owner, connection_id: ConnectionId, evict: Callable[[], None]) -> Allowed:
        """A connection was opened; `evict` is called, now or later, if that was one too many."""
        ...

    def leave(self, owner: Owner, connection_id: ConnectionId) -> None:
        """It has ended."""
        ...


@dataclass(slots=True)
class Gateway:
    """All connections of this process.

    Args:
        credentials: who may come in.
        factory: makes the handlers of a connection.
        feed: tells connections what happens.
        terms: what connections share.
        limits: what one connection may do.
        connections_per_user: at this gateway, whatever `visits` can say.
        visits: what one user may do over all gateways.
    """

    credentials: Credentials
    factory: HandlerFactory
    feed: Feed
    terms: Terms
    limits: Limits
    meter: Meter
    new_id: IdSource
    auth_timeout_s: float
    connections_per_user: int
    visits: Visits
    _connections: dict[Owner, dict[Connection, None]] = field(default_factory=dict)  # in order of arrival
    _draining: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket."""
        await receive()
        if self._draining:
            await _refuse(scope, send, 503)
            return
        try:
            token = self.credentials.admit(scope)
        except NetraError as error:
            log.info("connection_refused", reason=str(error))
            await _refuse(scope, send, 403)
            return
        chosen = m.SUBPROTOCOL if m.SUBPROTOCOL in scope.get("subprotocols", ()) else None
        await send({"type": "websocket.accept", "subprotocol": chosen})
        session = Session(self.limits)
        try:
            principal, reply_to = await self._authenticate(session, token, receive, send)
        except _Left:
            return
        extensions = scope.get("extensions", {})
        context = UserContext(principal.owner, ConnectionId(self.new_id()), principal.roles)
        connection = Connection(
            context, principal, session, send=send, terms=self.terms, extensions=extensions
        )
        await self._serve(connection, session, receive, send, reply_to)

    def connections(self) -> Iterable[Connection]:
        """Every authenticated connection of this process."""
        return [connection for group in self._connections.values() for connection in group]

    def traffic(self, tenant_id: str) -> list[Traffic]:
        """How the connections of one tenant do, those with most waiting first."""
        found = [
            connection.traffic()
            for owner, group in self._connections.items()
            if owner.tenant_id == tenant_id
            for connection in group
        ]
        return sorted(found, key=lambda each: (-each.waiting_s, -each.bytes_waiting, each.connection_id))

    async def sweep(
        self, every_s: float, ended: Callable[[Collection[Principal]], Awaitable[Collection[str]]]
    ) -> None:
        """Close the sockets of sessions that ended, whether or not the feed said so; until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            await self._sweep(ended)

    async def _sweep(self, ended: Callable[[Collection[Principal]], Awaitable[Collection[str]]]) -> None:
        """One look; apart, so that nothing here keeps a connection alive between two looks."""
        connections = list(self.connections())
        for start in range(0, len(connections), SWEEP_CHUNK):
            chunk = connections[start : start + SWEEP_CHUNK]
            try:
                gone = await ended([connection.principal for connection in chunk])
            except NetraError as error:
                log.info("sweep_failed", code=error.code)
                continue
            for connection in chunk:
                if connection.principal.session_id in gone:
                    connection.shut_out()

    async def drain(self, seconds: float) -> None:
        """Ask every client to reconnect elsewhere, then close them spread over `seconds`."""
        self._draining = True
        connections = list(self.connections())
        wait = p.ReconnectPayload(retry_after_ms=round(seconds * 500))
        for connection in connections:
            connection.send(m.Reconnect(payload=wait))
        for connection in connections:
            connection.close(CloseCode.RESTART)
            await asyncio.sleep(seconds / len(connections))

    async def _authenticate(
        self, session: Session, token: str | None, receive: Receive, send: Send
    ) -> tuple[Principal, str | UnsetType]:
        """Who is connected, from the upgrade request or the first frame; raises `_Left` if nobody.

        The client's time ends with its frame: what a store takes to answer is no fault of the token.
        """
        reply_to: str | UnsetType = UNSET
        try:
            if token is None:
                async with asyncio.timeout(self.auth_timeout_s):
                    first = await self._first_frame(session, receive, send)
                token, reply_to = first.payload.token, first.id
            principal = await self.credentials.verify(token)
        except TimeoutError:
            await _send_away(send, Unauthenticated("No `authenticate` came in time."), reply_to)
        except NetraError as error:
            await _send_away(send, error, reply_to)
        else:
            session.authenticated(principal.owner)
            return principal, reply_to
        raise _Left

    async def _first_frame(self, session: Session, receive: Receive, send: Send) -> m.Authenticate:
        while True:
            received = self._read(session, await receive())
            if isinstance(received, m.Authenticate):
                return received
            if isinstance(received, Refusal):
                await _send_frame(send, _refusal_frame(received))
                if received.close is not None:
                    await send({"type": "websocket.close", "code": int(received.close)})
                    raise _Left

    async def _serve(
        self,
        connection: Connection,
        session: Session,
        receive: Receive,
        send: Send,
        reply_to: str | UnsetType,
    ) -> None:
        owner, connection_id = connection.context.owner, connection.context.connection_id
        group = self._connections.setdefault(owner, {})
        if len(group) >= self.connections_per_user:
            await send({"type": "websocket.close", "code": int(CloseCode.TOO_MANY_CONNECTIONS)})
            return
        group[connection] = None
        self.meter.opened()
        allowed = self.visits.enter(
            owner, connection_id, partial(connection.close, CloseCode.TOO_MANY_CONNECTIONS)
        )
        try:
            if await self._greet(connection, reply_to):
                await self._listen(connection, session, allowed, receive)
        except _Left:
            log.debug("connection_ended", connection_id=connection_id)
        finally:
            self.meter.closed()
            self.visits.leave(owner, connection_id)
            group.pop(connection, None)
            if not group:
                self._connections.pop(owner, None)
            await self.feed.detach(owner, connection)
            await connection.end()

    async def _greet(self, connection: Connection, reply_to: str | UnsetType) -> bool:
        """Attach to the feed before the head is read: what comes between is in both, and sent once."""
        owner = connection.context.owner
        await self.feed.attach(owner, connection)
        try:
            connection.begin((await self.terms.log.heads([owner]))[owner], reply_to)
        except NetraError as error:
            connection.send(error_frame(error, reply_to=reply_to if isinstance(reply_to, str) else None))
            connection.close(CloseCode.RESTART)
            await connection.flushed()
            return False
        return True

    async def _listen(
        self, connection: Connection, session: Session, allowed: Allowed, receive: Receive
    ) -> None:
        handlers = self.factory.create(connection.context)
        while True:
            received = self._read(session, await receive(), allowed)
            if not isinstance(received, m.Resume):
                connection.client_spoke()
            if isinstance(received, Refusal):
                self.meter.refused(received.error.code)
                connection.send(_refusal_frame(received))
                if received.close is not None:
                    connection.close(received.close)
            elif not connection.closing:
                await self._handle(handlers, connection, received)

    async def _handle(
        self, handlers: HandlerSet, connection: Connection, message: m.WebSocketMessage
    ) -> None:
        self.meter.received(str(message.__struct_config__.tag))
        await handlers.handle(connection, message)

    def _read(
        self, session: Session, event: dict[str, Any], allowed: Allowed | None = None
    ) -> m.WebSocketMessage | Refusal:
        if event["type"] == "websocket.disconnect":
            raise _Left
        text, now = event.get("text"), self.terms.clock.monotonic()
        wait_s = allowed.take(now) if allowed is not None else 0.0
        return session.receive(text if text is not None else event["bytes"], now=now, wait_s=wait_s)


class _Left(Exception):
    """The client is gone, or was sent away."""


def _refusal_frame(refusal: Refusal) -> m.Error:
    return error_frame(refusal.error, reply_to=refusal.reply_to)


async def _send_frame(send: Send, frame: m.ServerFrame) -> None:
    await send({"type": "websocket.send", "text": m.encode(frame).decode()})


async def _send_away(send: Send, error: NetraError, reply_to: str | UnsetType) -> None:
    """Say why nobody was let in. Who cannot be checked now because a store is away may come again."""
    await _send_frame(send, error_frame(error, reply_to=reply_to if isinstance(reply_to, str) else None))
    code = CloseCode.RESTART if error.retryable else CloseCode.TOKEN
    await send({"type": "websocket.close", "code": int(code)})


async def _refuse(scope: Scope, send: Send, status: int) -> None:
    """Answer the upgrade request with a status of HTTP, where the server can."""
    if "websocket.http.response" in scope.get("extensions", {}):
        headers = [(b"retry-after", b"1")] if status == 503 else []
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close", "code": 1008})
