"""A whole server for tests, in this process: real sockets, real stores, agents of the test's choice."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from netra_backend.agents.runner import Agents
from netra_backend.app import Core, core
from netra_backend.embedded.wiring import Addresses
from netra_backend.serving import Port, start_gateway, start_worker
from netra_backend.settings import Settings
from netra_backend.testing.agents import ALL, echo


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where it is, and its adapters for looking inside."""

    url: str
    parts: Core


@asynccontextmanager
async def running(
    settings: Settings, addresses: Addresses, *, gateway: bool = True, worker: bool = True
) -> AsyncIterator[RunningServer]:
    """A server on a free port, with the agents of `testing.agents`, ended and drained afterwards."""
    port = Port("127.0.0.1", 0)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(core(settings, addresses))
        if worker:
            agents = Agents(default=echo, default_name="echo", named=ALL)
            stack.push_async_callback(start_worker(parts, agents, stack))
        if gateway:
            stack.push_async_callback(await start_gateway(parts, port, stack))
        else:
            port.socket.close()
        yield RunningServer(port.url, parts)
