"""The only wiring file: settings to adapters, adapters to gateway and worker. No logic of its own."""

import asyncio
import os
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from netra_backend import __version__
from netra_backend.agents.adapters import load_agent
from netra_backend.agents.context import AgentFunction
from netra_backend.agents.demo import demo_agent
from netra_backend.agents.runner import Agents, RunTask
from netra_backend.agents.worker import Worker
from netra_backend.auth.service import Auth
from netra_backend.auth.wiring import create_auth
from netra_backend.domain.errors import NetraError
from netra_backend.domain.events import Event
from netra_backend.domain.ids import Owner, WorkerId, uuid7
from netra_backend.domain.runs import EndStatus, Run
from netra_backend.embedded import EmbeddedPostgres, EmbeddedValkey
from netra_backend.events.feed import ValkeyFeed
from netra_backend.events.live import ValkeyLiveText
from netra_backend.events.log import PostgresEventLog
from netra_backend.events.watch import HeadWatch
from netra_backend.http.app import create_http
from netra_backend.http.dependencies import HttpDependencies
from netra_backend.observability.metrics import Metrics, create_metrics
from netra_backend.protocol.session import Limits
from netra_backend.queue.postgres import PostgresQueue
from netra_backend.settings import Settings, SettingsError
from netra_backend.store.database import Database
from netra_backend.store.postgres import PostgresStore
from netra_backend.store.schema import SchemaError, upgrade
from netra_backend.websocket_core.admission import Admission
from netra_backend.websocket_core.connection import Terms
from netra_backend.websocket_core.factory import HandlerFactory
from netra_backend.websocket_core.handlers import Services
from netra_backend.websocket_core.server import Gateway

VALKEY_TIMEOUT_S = 2.0
"""Seconds for one round trip to Valkey: it is local or near, and nobody waits for it in vain."""


class SystemClock:
    """The real `Clock`."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()


class _RandomBits:
    """74 random bits at a time from the system, fetched for many ids at once."""

    SIZE = 10
    MANY = 400

    def __init__(self) -> None:
        self._bytes = b""

    def __call__(self) -> int:
        if len(self._bytes) < self.SIZE:
            self._bytes = os.urandom(self.SIZE * self.MANY)
        bits, self._bytes = self._bytes[: self.SIZE], self._bytes[self.SIZE :]
        return int.from_bytes(bits) & (1 << 74) - 1


_random_bits = _RandomBits()


def new_id() -> str:
    """A time-ordered UUID."""
    return uuid7(time.time_ns() // 1_000_000, _random_bits())


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the stores are. `owner_url` may change the schema."""

    app_url: str
    owner_url: str
    valkey_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The adapters that gateway, worker and commands share."""

    settings: Settings
    clock: SystemClock
    database: Database
    store: PostgresStore
    log: PostgresEventLog
    queue: PostgresQueue
    feed: ValkeyFeed
    live: ValkeyLiveText
    auth: Auth
    valkey: Redis
    metrics: Metrics

    async def readiness(self) -> Mapping[str, bool]:
        """Which stores answer just now."""
        return {"postgresql": await self._postgresql_answers(), "valkey": await self._valkey_answers()}

    async def _postgresql_answers(self) -> bool:
        try:
            async with asyncio.timeout(VALKEY_TIMEOUT_S), self.database.connection() as connection:
                await connection.fetchval("SELECT 1")
        except (NetraError, TimeoutError):
            return False
        return True

    async def _valkey_answers(self) -> bool:
        try:
            await self.valkey.ping()
        except (RedisError, OSError, TimeoutError):
            return False
        return True


@asynccontextmanager
async def stores(settings: Settings) -> AsyncIterator[Addresses]:
    """The stores that the settings name, or embedded ones that end with this block."""
    if settings.database_url is not None and settings.valkey_url is not None:
        url = settings.database_url.get_secret_value()
        owner = settings.database_owner_url
        yield Addresses(
            app_url=url,
            owner_url=owner.get_secret_value() if owner else url,
            valkey_url=settings.valkey_url.get_secret_value(),
        )
        return
    async with AsyncExitStack() as stack:
        app_url, owner_url = await _postgres(settings, stack)
        yield Addresses(app_url=app_url, owner_url=owner_url, valkey_url=await _valkey(settings, stack))


async def _postgres(settings: Settings, stack: AsyncExitStack) -> tuple[str, str]:
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        owner = settings.database_owner_url
        return url, owner.get_secret_value() if owner else url
    server = EmbeddedPostgres(settings.data_dir / "postgres")
    stack.push_async_callback(server.stop)
    address = await server.start()
    return address.app_url, address.owner_url


async def _valkey(settings: Settings, stack: AsyncExitStack) -> str:
    if settings.valkey_url is not None:
        return settings.valkey_url.get_secret_value()
    server = EmbeddedValkey(settings.data_dir / "valkey")
    stack.push_async_callback(server.stop)
    return (await server.start()).url


async def migrate(addresses: Addresses) -> None:
    """Bring the schema to this version."""
    try:
        await upgrade(addresses.owner_url)
    except SchemaError as error:
        message = (
            "Setting database_url (NETRA_DATABASE_URL; for the schema NETRA_DATABASE_OWNER_URL):"
            f" PostgreSQL says: {error}."
        )
        raise SettingsError(message) from error


@asynccontextmanager
async def core(settings: Settings, addresses: Addresses) -> AsyncIterator[Core]:
    """Open adapters on the stores; closed in the opposite order."""
    clock = SystemClock()
    database = Database(addresses.app_url, size=settings.database_pool)
    claims = Database(addresses.app_url, size=2, durable=False)
    valkey = Redis.from_url(
        addresses.valkey_url,
        socket_timeout=VALKEY_TIMEOUT_S,
        socket_connect_timeout=VALKEY_TIMEOUT_S,
        socket_keepalive=True,
        max_connections=50,
    )
    feed = ValkeyFeed(valkey, origin=new_id())
    metrics = create_metrics()

    def stored(batches: Sequence[tuple[Owner, Sequence[Event]]]) -> None:
        for owner, events in batches:
            feed.publish(owner, events)
        for kind, count in Counter(event.type for _, events in batches for event in events).items():
            metrics.events.inc(kind, count)

    def accepted(batches: Sequence[tuple[Owner, Sequence[Event]]]) -> None:
        stored(batches)
        feed.work()

    store = PostgresStore(
        database,
        clock,
        new_id,
        queue_limit=settings.queue_limit_per_tenant,
        committed=accepted,
        stopping=feed.stop,
        took=metrics.accept_latency.observe,
    )
    log = PostgresEventLog(database, clock, committed=stored)
    auth = create_auth(settings, database=database, store=store, feed=feed, clock=clock, new_id=new_id)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(valkey.aclose)
        stack.push_async_callback(database.close)
        stack.push_async_callback(claims.close)
        await database.open()
        await claims.open()
        await log.open()
        await feed.open()
        for closing in (auth.close, feed.close, log.close, store.close):
            stack.push_async_callback(closing)
        yield Core(
            settings=settings,
            clock=clock,
            database=database,
            store=store,
            log=log,
            queue=PostgresQueue(claims, clock, lease_s=settings.lease_s),
            feed=feed,
            live=ValkeyLiveText(valkey, feed),
            auth=auth,
            valkey=valkey,
            metrics=metrics,
        )


class _Meter:
    """What the gateway counts, as Prometheus metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def opened(self) -> None:
        self._metrics.connections.inc()

    def closed(self) -> None:
        self._metrics.connections.dec()

    def received(self, message_type: str) -> None:
        self._metrics.frames_in.inc(message_type)

    def refused(self, code: str) -> None:
        self._metrics.errors.inc(code)


class Application:
    """One ASGI application: sockets to the gateway, everything else to HTTP."""

    def __init__(self, core: Core) -> None:
        settings = core.settings
        meter = _Meter(core.metrics)
        services = Services(
            store=core.store, feed=core.feed, verify=core.auth.verify, new_id=new_id, refused=meter.refused
        )
        self.gateway = Gateway(
            credentials=Admission(settings, core.auth),
            factory=HandlerFactory(services),
            feed=core.feed,
            terms=Terms(
                log=core.log,
                live=core.live,
                clock=core.clock,
                heartbeat_s=settings.heartbeat_s,
                start_silence_s=settings.start_silence_s,
                max_frame_bytes=settings.max_frame_bytes,
                outbox_bytes=settings.outbox_bytes,
                server_version=__version__,
                slow=core.metrics.slow_closes.inc,
                resumed=core.metrics.resumes.inc,
                sent=core.metrics.frames_out.inc,
            ),
            limits=Limits(
                frame_bytes=settings.max_frame_bytes,
                frames_per_second=settings.frames_per_second,
                burst=settings.frames_burst,
                bad_frames=settings.bad_frames_limit,
            ),
            meter=meter,
            new_id=new_id,
            auth_timeout_s=settings.auth_timeout_s,
            connections_per_user=settings.connections_per_user,
        )
        self.watch = HeadWatch(core.log, core.feed, heartbeat_s=settings.heartbeat_s)
        self._http = create_http(
            HttpDependencies(
                settings=settings,
                auth=core.auth,
                store=core.store,
                queue=core.queue,
                log=core.log,
                clock=core.clock,
                new_id=new_id,
                metrics=core.metrics,
                readiness=core.readiness,
            )
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI."""
        if scope["type"] == "websocket":
            await self.gateway(scope, receive, send)
        else:
            await self._http(scope, receive, send)


def create_worker(core: Core, agents: Agents) -> Worker:
    """A worker that runs `agents`."""
    settings = core.settings

    def ended(status: EndStatus, seconds: float) -> None:
        core.metrics.runs.inc(status)
        core.metrics.run_duration.observe(seconds)

    def task(run: Run) -> RunTask:
        return RunTask(
            run,
            agents=agents,
            events=core.log,
            live=core.live,
            clock=core.clock,
            new_id=new_id,
            timeout_s=settings.run_timeout_s,
            ended=ended,
        )

    worker = Worker(
        WorkerId(new_id()),
        queue=core.queue,
        feed=core.feed,
        task=task,
        slots=settings.worker_slots,
        lease_s=settings.lease_s,
        poll_s=settings.poll_s,
    )
    core.metrics.running_runs.set_function(lambda: worker.running)
    return worker


@asynccontextmanager
async def agents(core: Core) -> AsyncIterator[Agents]:
    """The agents that the settings name; a local model's process ends with this block."""
    settings = core.settings
    async with AsyncExitStack() as stack:
        if settings.agent is not None:
            name, agent = settings.agent.rpartition(":")[2], load_agent(settings.agent)
        else:
            name, agent = settings.model, await _model(core, stack)
        yield Agents(default=agent, default_name=name, named={"demo": demo_agent(core.store.search)})


async def _model(core: Core, stack: AsyncExitStack) -> AgentFunction:
    settings, search = core.settings, core.store.search
    if settings.model == "demo":
        return demo_agent(search)
    # Imported only where used: the model's libraries take longer to load than all the rest.
    from netra_backend.agents.grounded import grounded_agent
    from netra_backend.agents.llm import model_agent
    from netra_backend.agents.local_model import MODEL_NAME, LocalModel

    if settings.model == "local":
        local = LocalModel(new_key=secrets.token_urlsafe)
        stack.push_async_callback(local.stop)
        base_url = await local.start()
        small = grounded_agent(MODEL_NAME, base_url=base_url, api_key=local.api_key, search=search)
        stack.push_async_callback(small.aclose)
        return small
    key = settings.model_api_key
    model = model_agent(
        settings.model,
        base_url=settings.model_base_url,
        api_key=key.get_secret_value() if key else None,
        search=search,
    )
    stack.push_async_callback(model.aclose)
    return model
