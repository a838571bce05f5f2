"""Runs gateway and worker until a signal asks to stop, then drains. What `netra serve` calls."""

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta

import structlog
import uvicorn

from netra_backend.agents.runner import Agents
from netra_backend.agents.wiring import configured_agents
from netra_backend.app import Application, Core, core, create_worker, migrate, new_id
from netra_backend.embedded.wiring import stores
from netra_backend.exporting import exporting
from netra_backend.http.uvicorn_door import door
from netra_backend.probes import Probes
from netra_backend.settings import Settings, SettingsError
from netra_backend.sharing import announced
from netra_backend.store.database import Database
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
    """A listening socket, taken before anything else is started. `setting` names the port to people."""

    def __init__(self, host: str, port: int, *, setting: str = "port") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.socket.bind((host, port))
            self.socket.listen(4096)
        except OSError as error:
            self.socket.close()
            message = (
                f"Setting {setting} (NETRA_{setting.upper()}): {host}:{port} cannot be used"
                f" ({error.strerror}); choose another."
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


async def serve(settings: Settings, *, gateway: bool, worker: bool, metrics_port: int | None = None) -> None:
    """Run until SIGTERM or SIGINT, then drain and return.

    Args:
        settings: all of them.
        gateway: whether to take sockets and HTTP.
        worker: whether to run agents.
        metrics_port: where a worker without a gateway answers `/metrics` and health; None: nowhere.

    Raises:
        SettingsError: a setting does not work; the message says which.
    """
    port = Port(settings.host, settings.port) if gateway else None
    probes = (
        Port(settings.host, metrics_port, setting="metrics_port")
        if metrics_port is not None and not gateway
        else None
    )
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        addresses = await stack.enter_async_context(stores(settings))
        await migrate(addresses)
        parts = await stack.enter_async_context(core(settings, addresses))
        await stack.enter_async_context(exporting(parts, os.environ))
        if gateway:
            await stack.enter_async_context(announced(parts.auth.keys, Database(addresses.app_url, size=1)))
        drains: list[Drain] = []
        if worker:
            drains.append(
                start_worker(
                    parts,
                    await stack.enter_async_context(configured_agents(parts.settings, parts.store.search)),
                    stack,
                )
            )
        if probes is not None:
            await start_probes(parts, probes, stack, working=lambda: not stopping.is_set())
        if port is not None:
            drains.append(await start_gateway(parts, port, stack))
            if settings.database_url is None:
                await offer_login(parts, port.url)
        if settings.database_url is None and not (gateway and worker):
            _tell_how_to_share(settings)
        _settle_memory()
        _announce(port, probes, gateway=gateway, worker=worker)
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
    server = _server(application, settings)
    serving = asyncio.create_task(server.serve(sockets=[port.socket]), name="uvicorn")
    tasks = [
        asyncio.create_task(application.watch.run(), name="heads"),
        asyncio.create_task(application.gateway.sweep(SWEEP_S, parts.auth.sweep), name="sweep"),
    ]
    for task in tasks:
        stack.push_async_callback(_end, task)
    await _serving(server, serving)

    async def drain() -> None:
        await application.gateway.drain(CLOSE_SPREAD_S)
        server.should_exit = True
        await serving

    return drain


async def start_probes(
    parts: Core, port: Port, stack: AsyncExitStack, *, working: Callable[[], bool]
) -> None:
    """Answer `/metrics` and health on `port` until `stack` ends, which is after the drain."""
    server = _server(Probes(parts, working=working), parts.settings)
    serving = asyncio.create_task(server.serve(sockets=[port.socket]), name="probes")

    async def end() -> None:
        server.should_exit = True
        await serving

    stack.push_async_callback(end)
    await _serving(server, serving)


def _server(application: Application | Probes, settings: Settings) -> _Server:
    return _Server(
        uvicorn.Config(
            application,
            http=door(
                head_timeout_s=settings.header_timeout_s,
                head_bytes=settings.max_header_bytes,
                head_lines=settings.max_headers,
            ),
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


async def _serving(server: _Server, task: "asyncio.Task[None]") -> None:
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)


def _tell_how_to_share(settings: Settings) -> None:
    """A gateway without stores of its own name may be meant to stand beside others."""
    folder = settings.data_dir.absolute()
    advice = (
        f"more processes on this machine: --data-dir {folder}; on other machines: set NETRA_DATABASE_URL,"
        " NETRA_VALKEY_URL and NETRA_SIGNING_KEY alike everywhere"
    )
    log.info("stores_of_data_folder", data_dir=str(folder), advice=advice)


def _settle_memory() -> None:
    """Tell the collector that what was loaded stays, and to look more rarely for cycles.

    Requests leave next to none: reference counting frees them. Looking cost a tenth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _announce(port: Port | None, probes: Port | None, *, gateway: bool, worker: bool) -> None:
    """The line that programs wait for, whatever the log level."""
    line = {"event": "ready", "url": port.url if port else None, "gateway": gateway, "worker": worker}
    if probes is not None:
        line["metrics"] = probes.url
    print(json.dumps(line), flush=True)  # noqa: T201 - not a log line that a level may hide


async def offer_login(parts: Core, url: str) -> None:
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
