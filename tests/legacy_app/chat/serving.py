"""Serves the application on a port, with Netra's socket below."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from netra_backend.serving import Port
from netra_backend.websocket_core.uvicorn_socket import UvicornSocket


class _Quiet(uvicorn.Server):
    """Leaves signals to `python -m chat`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing."""
        yield


class Server:
    """A served application."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def stopped(self) -> None:
        """Wait for SIGTERM or SIGINT."""
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        await stopping.wait()


@asynccontextmanager
async def serving(app: Any, host: str, port: int) -> AsyncIterator[Server]:
    """The application on a port (0 takes a free one), until the block ends."""
    listening = Port(host, port)
    server = _Quiet(
        uvicorn.Config(
            app,
            ws=UvicornSocket,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            ws_max_size=262144,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=1,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listening.socket]))
    while not server.started and not task.done():
        await asyncio.sleep(0.01)
    try:
        yield Server(listening.url)
    finally:
        server.should_exit = True
        await task
