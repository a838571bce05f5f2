"""Runs gateway and worker until a signal asks to stop, then drains. What `netra serve` calls."""

import asyncio
import contextlib
import gc
import json
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta

import structlog
import uvicorn

from netra_backend.agents.runner import Agents
from netra_backend.app import Application, Core, agents, core, create_worker, migrate, new_id, stores
from netra_backend.settings import Settings, SettingsError
from netra_backend.websocket_core.uvicorn_socket import UvicornSocket

log = structlog.get_logger(__name__)

CLOSE_SPREAD_S = 2.0
"""Seconds over which a drain closes sockets, so that their clients do not all return at once."""
SWEEP_S = 3.0
"""Seconds between looks for ended sessions: revocation reaches a socket within five."""
LOGIN_LINK_TTL = timedelta(minutes=15)
LOCAL_USER = "you@localhost"
LOCAL_TENANT = "local"
FRAME_HEADROOM = 4
"""Frames up to this many times the limit get a typed error; larger ones close the socket (1009)."""


Drain = Callable[[], Awaitable[None]]
"""Ends a part of the server in order; returns when it has ended."""


class Port:
    """A listening socket, taken before anything else is started."""

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.socket.bind((host, port))
            self.socket.listen(4096)
        except OSError as error:
            self.socket.close()
            message = (
                f"Setting port (NETRA_PORT): {host}:{port} cannot be used ({error.strerror}); choose another."
            )
            raise SettingsError(message) from error
        self.socket.set_inheritable(False)
        number = self.socket.getsockname()[1]
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{'127.0.0.1' if host == '0.0.0.0' else name}:{number}"  # noqa: S104


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers: signals are ours, for the drain."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


async def serve(settings: Settings, *, gateway: bool, worker: bool) -> None:
    """Run until SIGTERM or SIGINT, then drain and return.

    Raises:
        SettingsError: a setting does not work; the message says which.
    """
    port = Port(settings.host, settings.port) if gateway else None
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        addresses = await stack.enter_async_context(stores(settings))
        await migrate(addresses)
        parts = await stack.enter_async_context(core(settings, addresses))
        drains: list[Drain] = []
        if worker:
            drains.append(start_worker(parts, await stack.enter_async_context(agents(parts)), stack))
        if port is not None:
            drains.append(await start_gateway(parts, port, stack))
            if settings.database_url is None:
                await _offer_login(parts, port.url)
        _settle_memory()
        _announce(port.url if port else None, gateway=gateway, worker=worker)
        await stopping.wait()
        log.info("draining")
        await asyncio.gather(*(drain() for drain in drains))
    log.info("stopped")


def start_worker(parts: Core, found: Agents, stack: AsyncExitStack) -> Drain:
    """Start a worker that ends with `stack`; returns how to drain it."""
    worker = create_worker(parts, found)
    running = asyncio.create_task(worker.run(), name="worker")
    stack.push_async_callback(_end, running)

    async def drain() -> None:
        await worker.drain(parts.settings.drain_s)

    return drain


async def start_gateway(parts: Core, port: Port, stack: AsyncExitStack) -> Drain:
    """Start a gateway on `port` that ends with `stack`; returns how to drain it."""
    settings = parts.settings
    application = Application(parts)
    server = _Server(
        uvicorn.Config(
            application,
            http="httptools",
            ws=UvicornSocket,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,  # only from a proxy on this machine, which is uvicorn's default
            ws_max_size=settings.max_frame_bytes * FRAME_HEADROOM,
            ws_per_message_deflate=False,  # no compression bombs, and 18 KB a connection instead of 60
            ws_ping_interval=settings.ping_interval_s,
            ws_ping_timeout=settings.ping_interval_s,
            timeout_graceful_shutdown=5,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[port.socket]), name="uvicorn")
    tasks = [
        asyncio.create_task(application.watch.run(), name="heads"),
        asyncio.create_task(application.gateway.sweep(SWEEP_S, parts.auth.ended), name="sweep"),
    ]
    for task in tasks:
        stack.push_async_callback(_end, task)
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)

    async def drain() -> None:
        await application.gateway.drain(CLOSE_SPREAD_S)
        server.should_exit = True
        await serving

    return drain


def _settle_memory() -> None:
    """Tell the collector that what was loaded stays, and to look more rarely for cycles.

    Requests leave next to none: reference counting frees them. Looking cost a tenth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _announce(url: str | None, *, gateway: bool, worker: bool) -> None:
    """The line that programs wait for, whatever the log level."""
    line = {"event": "ready", "url": url, "gateway": gateway, "worker": worker}
    print(json.dumps(line), flush=True)  # noqa: T201 - not a log line that a level may hide


async def _offer_login(parts: Core, url: str) -> None:
    """On embedded stores whoever starts the program may log in: print a link that works once."""
    users = parts.auth.users
    user = await users.find(LOCAL_USER)
    if user is None:
        user = await users.add(LOCAL_USER, tenant=LOCAL_TENANT, password=new_id(), roles=["operator"])
    link = await users.create_login_link(user, ttl=LOGIN_LINK_TTL)
    minutes = LOGIN_LINK_TTL.seconds // 60
    print(  # noqa: T201 - for the person at the terminal, and never in the log
        f"\n  Open {url}/#login={link}\n  (logs you in once, within {minutes} minutes)\n",
        file=sys.stderr,
        flush=True,
    )


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


def require_shared(settings: Settings) -> None:
    """Refuse a separate gateway or worker that would stand alone by mistake.

    Without named stores, processes on the same data folder share its embedded ones and its key.

    Raises:
        SettingsError: only some of database, Valkey and signing key are shared.
    """
    shared = {
        "NETRA_DATABASE_URL": settings.database_url,
        "NETRA_VALKEY_URL": settings.valkey_url,
        "NETRA_SIGNING_KEY": settings.signing_key,
    }
    missing = [name for name, value in shared.items() if value is None]
    if missing and len(missing) < len(shared):
        message = f"Several gateways need one database, one Valkey and one signing key: set {' and '.join(missing)} too."
        raise SettingsError(message)
