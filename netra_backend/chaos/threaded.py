"""A fault proxy with an event loop of its own, so that a busy test process does not delay its bytes."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Self, TypeVar

from netra_backend.chaos.proxy import FaultProxy

ResultT = TypeVar("ResultT")

PATIENCE_S = 30.0
"""Seconds for one call into the thread; its loop has nothing else to do."""


class ThreadedFaultProxy:
    """Runs a `FaultProxy` in a thread. Every call waits until it has been done there.

    Example: `with ThreadedFaultProxy(FaultProxy(upstream)) as proxy: proxy.do(lambda fault: fault.cut())`.
    """

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.wait_for(lambda proxy: proxy.start())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.wait_for(lambda proxy: proxy.stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE_S)

    @property
    def address(self) -> tuple[str, int]:
        """Where clients connect."""
        return self._proxy.address

    def through(self, url: str) -> str:
        """See `FaultProxy.through`."""
        return self._proxy.through(url)

    def do(self, fault: Callable[[FaultProxy], ResultT]) -> ResultT:
        """Call `fault` with the proxy, in its thread."""

        async def there() -> ResultT:
            return fault(self._proxy)

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(PATIENCE_S)

    def wait_for(self, work: Callable[[FaultProxy], Awaitable[ResultT]]) -> ResultT:
        """Await what `work` makes of the proxy, in its thread."""

        async def there() -> ResultT:
            return await work(self._proxy)

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(PATIENCE_S)

    def heal(self) -> None:
        """See `FaultProxy.heal`."""
        self.wait_for(lambda proxy: proxy.heal())

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()
