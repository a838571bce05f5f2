"""The only wiring file: settings to adapters, adapters to gateway and worker. No logic of its own."""

import asyncio
import os
import platform
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from netra_backend import __version__
from netra_backend.agents.runner import Agents, RunTask
from netra_backend.agents.worker import Worker
from netra_backend.auth.service import Auth
from netra_backend.auth.wiring import create_auth
from netra_backend.domain.errors import NetraError
from netra_backend.domain.events import Event
from netra_backend.domain.ids import Owner, WorkerId, uuid7
from netra_backend.domain.runs import EndStatus, Run
from netra_backend.embedded.wiring import Addresses
from netra_backend.events.enquiry import Enquiry, ProcessName
from netra_backend.events.feed import ValkeyFeed
from netra_backend.events.limits import SharedCounts, UserLimits
from netra_backend.events.link import Address, parse_address
from netra_backend.events.live import ValkeyLiveText
from netra_backend.events.log import PostgresEventLog
from netra_backend.events.operations import Operations
from netra_backend.events.tally import Tally
from netra_backend.events.watch import HeadWatch
from netra_backend.http.app import create_http
from netra_backend.http.dependencies import HttpDependencies
from netra_backend.observability.figures import Figures
from netra_backend.observability.metrics import Metrics, create_metrics
from netra_backend.observability.trace import Trace
from netra_backend.protocol.session import Limits
from netra_backend.queue.postgres import PostgresQueue
from netra_backend.settings import Settings, SettingsError
from netra_backend.store.database import RESERVED, Database
from netra_backend.store.postgres import PostgresStore
from netra_backend.store.retries import Retries
from netra_backend.store.schema import SchemaError, upgrade
from netra_backend.websocket_core.admission import Admission
from netra_backend.websocket_core.connection import Terms
from netra_backend.websocket_core.factory import HandlerFactory
from netra_backend.websocket_core.handlers import Services
from netra_backend.websocket_core.server import Gateway

STORE_TIMEOUT_S = 4.0
"""Seconds that PostgreSQL has to answer a question about its health: a slow one is still there."""


Listener = Callable[[Owner, Sequence[Event]], None]
"""Hears of an owner's events after their commit; must be quick."""


class SystemClock:
    """The real `Clock`."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place

    monotonic = staticmethod(time.monotonic)  # asked twenty times a run


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
    metrics: Metrics
    user_limits: UserLimits
    operations: Operations
    retries: Retries
    trace: Trace
    figures: Figures
    listeners: list[Listener]

    async def readiness(self) -> Mapping[str, bool]:
        """Which stores answer just now."""
        return {"postgresql": await self._postgresql_answers(), "valkey": await self.feed.outlet.answers()}

    async def _postgresql_answers(self) -> bool:
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S), self.database.connection(urgent=True) as connection:
                await connection.execute("SELECT 1")
        except (NetraError, TimeoutError):
            return False
        return True


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


def _valkey_address(addresses: Addresses) -> Address:
    try:
        return parse_address(addresses.valkey_url)
    except ValueError as error:
        raise SettingsError(f"Setting valkey_url (NETRA_VALKEY_URL): {error}.") from error


@asynccontextmanager
async def core(settings: Settings, addresses: Addresses) -> AsyncIterator[Core]:
    """Open adapters on the stores; closed in the opposite order."""
    clock = SystemClock()
    database = Database(addresses.app_url, size=settings.database_pool, reserved=RESERVED)
    claims = Database(addresses.app_url, size=1, reserved=1, durable=False)
    trace = Trace(time.time, entries=settings.trace_entries)  # noqa: TID251 - the one place
    feed = ValkeyFeed(_valkey_address(addresses), origin=new_id(), trace=trace)
    metrics = create_metrics()
    figures = Figures(time.time)  # noqa: TID251 - the one place
    tally = Tally(metrics, figures)
    listeners: list[Listener] = []

    def stored(batches: Sequence[tuple[Owner, Sequence[Event]]]) -> None:
        for owner, events in batches:
            if events:
                trace.note("stored", owner, events[0].seq, events[-1].seq)
                tally.stored(owner, events)
                for listener in listeners:
                    listener(owner, events)
            feed.publish(owner, events)

    store = PostgresStore(
        database,
        clock,
        new_id,
        queue_limit=settings.queue_limit_per_tenant,
        committed=stored,
        queued=feed.work,
        stopping=feed.stop,
        took=tally.accepted,
    )
    log = PostgresEventLog(database, clock, committed=stored)
    auth = create_auth(
        settings,
        database=database,
        store=store,
        feed=feed,
        clock=clock,
        new_id=new_id,
        shared=SharedCounts(feed.outlet),
    )
    user_limits = UserLimits(
        feed.outlet,
        clock,
        connections=settings.connections_per_user,
        frames_per_second=settings.user_frames_per_second,
        burst=settings.user_frames_burst,
    )
    process = ProcessName(id=feed.origin.decode(), host=platform.node(), pid=os.getpid())
    operations = Operations(database, log, Enquiry(feed, process=process), trace, figures)
    retries = Retries(database, clock, new_id, queue_limit=settings.queue_limit_per_tenant, queued=feed.work)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        stack.push_async_callback(claims.close)
        await database.open()
        await claims.open()
        await log.open()
        await feed.open()
        for closing in (auth.close, feed.close, user_limits.close, log.close, store.close):
            stack.push_async_callback(closing)
        yield Core(
            settings=settings,
            clock=clock,
            database=database,
            store=store,
            log=log,
            queue=PostgresQueue(claims, clock, lease_s=settings.lease_s),
            feed=feed,
            live=ValkeyLiveText(feed),
            auth=auth,
            metrics=metrics,
            user_limits=user_limits,
            operations=operations,
            retries=retries,
            trace=trace,
            figures=figures,
            listeners=listeners,
        )


def http_dependencies(core: Core, readiness: Callable[[], Awaitable[Mapping[str, bool]]]) -> HttpDependencies:
    """What routes work with; `readiness` says which parts of the process work just now."""
    return HttpDependencies(
        settings=core.settings,
        auth=core.auth,
        store=core.store,
        queue=core.queue,
        log=core.log,
        clock=core.clock,
        new_id=new_id,
        metrics=core.metrics,
        operations=core.operations,
        retries=core.retries,
        readiness=readiness,
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
            store=core.store,
            feed=core.feed,
            verify=core.auth.verify,
            new_id=new_id,
            refused=meter.refused,
            page_limit=settings.page_limit,
            page_bytes=settings.page_bytes,
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
                trace=core.trace,
                refused=core.figures.refused,
                close_patience_s=settings.close_patience_s,
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
            visits=core.user_limits,
        )
        gateway = self.gateway
        core.operations.report(gateway.traffic)
        core.metrics.slow_connections.set_function(
            lambda: sum(connection.traffic().slow for connection in gateway.connections())
        )
        core.metrics.outbox_bytes.set_function(
            lambda: sum(connection.traffic().bytes_waiting for connection in gateway.connections())
        )
        self.watch = HeadWatch(core.log, core.feed, heartbeat_s=settings.heartbeat_s)
        self._http = create_http(http_dependencies(core, core.readiness))

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
            trace=core.trace,
        )

    worker = Worker(
        WorkerId(new_id()),
        queue=core.queue,
        feed=core.feed,
        task=task,
        slots=settings.worker_slots,
        lease_s=settings.lease_s,
        poll_s=settings.poll_s,
        first_start=agents.first_start,
    )
    core.store.start_with(worker)
    core.metrics.running_runs.set_function(lambda: worker.running)
    return worker
