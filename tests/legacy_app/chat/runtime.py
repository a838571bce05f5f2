"""Everything that runs: stores, accounts, agents, Netra. Opened once, closed in the opposite order."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import redis.asyncio

from chat import tokens
from chat.agents.assistant import assistant
from chat.agents.supervisor import Supervisor
from chat.settings import Settings
from netra_backend.agents.runner import Agents
from netra_backend.app import Application, Core, core, migrate, new_id
from netra_backend.domain.errors import NotFound
from netra_backend.domain.ids import ConnectionId, Owner, TenantId, UserId
from netra_backend.embedded.wiring import Addresses
from netra_backend.serving import SWEEP_S, start_worker
from netra_backend.settings import Settings as NetraSettings
from netra_backend.websocket_core.handlers import Services
from netra_backend.websocket_core.registry import UserContext

SCHEMA = Path(__file__).with_name("schema.sql")


@dataclass(kw_only=True)
class Runtime:
    """What routes and services work with."""

    settings: Settings
    pool: asyncpg.Pool
    redis: Any
    supervisor: Supervisor
    netra: Core
    application: Application
    services: Services
    tenants: dict[str, str] = field(default_factory=dict)

    def session(self) -> Any:
        """A connection to the database, for an `async with`."""
        return self.pool.acquire()

    async def account_of(self, token: str) -> str:
        """The user of a token; raises `Unauthenticated`."""
        principal = await self.netra.auth.verify(token)
        self.tenants[principal.owner.user_id] = principal.owner.tenant_id
        return principal.owner.user_id

    def context(self, user_id: str) -> UserContext:
        """For whom a message from inside is."""
        if user_id not in self.tenants:
            raise NotFound("This user has not been seen since the start.")
        owner = Owner(TenantId(self.tenants[user_id]), UserId(user_id))
        return UserContext(owner, ConnectionId(str(uuid.uuid4())), frozenset())


@asynccontextmanager
async def opened(
    settings: Settings,
    *,
    agents: Agents | None = None,
    netra_settings: NetraSettings | None = None,
    worker: bool = True,
) -> AsyncIterator[Runtime]:
    """The running service without its sockets."""
    agents = agents or Agents(default=assistant, default_name="assistant", named={})
    netra_settings = netra_settings or NetraSettings(data_dir=settings.data_dir)
    netra_settings.data_dir.mkdir(parents=True, exist_ok=True)
    addresses = Addresses(
        app_url=settings.app_database_url, owner_url=settings.database_url, valkey_url=settings.redis_url
    )
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(asyncpg.create_pool(settings.database_url, min_size=1, max_size=5))
        await pool.execute(SCHEMA.read_text())
        client = redis.asyncio.from_url(settings.redis_url)
        stack.push_async_callback(client.aclose)
        await migrate(addresses)
        netra = await stack.enter_async_context(core(netra_settings, addresses))
        tokens.use_keys(netra.auth.keys)
        application = Application(netra)
        for work in (application.watch.run(), application.gateway.sweep(SWEEP_S, netra.auth.sweep)):
            stack.push_async_callback(_end, asyncio.create_task(work))
        if worker:
            drain = start_worker(netra, agents, stack)
            stack.push_async_callback(drain)
        supervisor = Supervisor(agents, client)
        stack.push_async_callback(supervisor.close)
        yield Runtime(
            settings=settings,
            pool=pool,
            redis=client,
            supervisor=supervisor,
            netra=netra,
            application=application,
            services=Services(
                store=netra.store,
                feed=netra.feed,
                verify=netra.auth.verify,
                new_id=new_id,
                refused=netra.metrics.errors.inc,
            ),
        )


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
