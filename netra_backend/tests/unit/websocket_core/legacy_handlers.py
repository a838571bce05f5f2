"""The legacy application's handlers without its servers: what the factory suite meets before a migration."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from netra_backend.agents.runner import Agents
from netra_backend.domain.ids import Owner, TenantId, UserId
from netra_backend.protocol.messages import CLIENT_TYPES
from netra_backend.testing.agents import ALL, echo
from netra_backend.tests import sample_app
from netra_backend.tests.unit.websocket_core.handler_subject import Frame


class NotingSession:
    """Notes whose message it was given, as `NotingStore` does for the canonical handlers."""

    def __init__(self, noted: list[tuple[Owner, str]]) -> None:
        self._noted = noted
        self._user = ""

    async def execute(self, query: str, *values: Any) -> None:
        """A statement without result. Like a database it answers later, so that runs get their turns."""
        for _ in range(4):
            await asyncio.sleep(0)
        if "chat.threads (id" in query:
            self._user = str(values[1])
        if "chat.messages (id" in query:
            self._noted.append((Owner(TenantId(""), UserId(self._user)), str(values[3])))

    async def fetchrow(self, query: str, *values: Any) -> dict[str, Any]:
        """An answer was stored."""
        return {"id": values[0], "created_at": datetime(2026, 1, 1, tzinfo=UTC)}

    async def fetch(self, query: str, *values: Any) -> list[Any]:
        """Nothing was said before."""
        return []


class Activity:
    """Takes the place of Redis, for the counter of what agents do."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()

    async def hincrby(self, name: str, what: str, by: int) -> None:
        """Count."""
        self.counted[what] += by


class LegacyOpen:
    """A connection of a user; the handlers are everybody's."""

    def __init__(self, service: Any, user: str) -> None:
        self.frames: list[Frame] = []
        self._service = service
        self._user = user

    def handlers(self) -> Mapping[str, object]:
        """See `OpenHandlers`."""
        return dict(self._service.handlers)

    def context(self) -> object:
        """See `OpenHandlers`; there is none but the name."""
        return self._user

    async def send_json(self, data: Frame) -> None:
        """A frame for the user."""
        self.frames.append(data)

    async def receive(self, message: Mapping[str, Any], *, user_id: str | None = None) -> bool:
        """See `OpenHandlers`; what a handler returns is handed on, though it should be a bool."""
        connections = sample_app.module("chat.connections").connections
        flatten = sample_app.module("chat.services.websocket.message_handler").flatten
        connections.add(self._user, self)
        try:
            returned: bool = await self._service.handle(user_id or self._user, flatten(dict(message)))
        finally:
            connections.remove(self._user, self)
        return returned


class LegacyRegistry:
    """The application's registry; it has one for the process, emptied here."""

    def __init__(self) -> None:
        self._registry = sample_app.module("chat.registry")
        self._registry.CLAIMS.clear()

    def register(self, message_type: str, maker: Any) -> None:
        """See `Registry`."""
        self._registry.register_handler(message_type, maker)

    def require(self, message_types: Collection[str]) -> None:
        """See `Registry`; nobody checks."""

    @property
    def makers(self) -> Mapping[str, Any]:
        """See `Registry`."""
        return dict(self._registry.CLAIMS)


class LegacyHandlers:
    """The legacy handler side."""

    types = CLIENT_TYPES

    def __init__(self) -> None:
        self.stored: list[tuple[Owner, str]] = []
        sample_app.module("chat.services.websocket.message_handler").claim_all()
        agents = Agents(default=echo, default_name="echo", named=ALL)
        self._supervisor = sample_app.module("chat.agents.supervisor").Supervisor(agents, Activity())
        self._service = self._make()

    def _make(self) -> Any:
        kind = sample_app.module("chat.services.websocket.message_handler").MessageHandlerService
        session = NotingSession(self.stored)

        @asynccontextmanager
        async def sessions() -> AsyncIterator[NotingSession]:
            yield session

        return kind(supervisor=self._supervisor, db_session_factory=sessions)

    def open(self, user: str, *, tenant: str = "acme") -> LegacyOpen:
        """See `HandlerSubject`; tenants are not known."""
        return LegacyOpen(self._service, user)

    def registry(self) -> LegacyRegistry:
        """See `HandlerSubject`."""
        return LegacyRegistry()

    def claims(self) -> Mapping[str, Any]:
        """See `HandlerSubject`."""
        return dict(sample_app.module("chat.registry").CLAIMS)

    def build(self, registry: Any) -> object:
        """See `HandlerSubject`."""
        return self._make()
