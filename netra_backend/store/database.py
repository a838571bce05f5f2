"""Connections to PostgreSQL. Every transaction names the tenants that it may see.

Driver errors become domain errors here and nowhere else.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from netra_backend.domain.errors import Busy, Degraded
from netra_backend.domain.ids import TenantId

APP_ROLE = "netra_app"
ACQUIRE_TIMEOUT = 5.0
"""Seconds to wait for a free connection before the caller is told `busy`."""
COMMAND_TIMEOUT = 15.0
"""Seconds for one statement, and for one transaction: longer than any honest one, shorter than a
user's patience."""
RESERVED = 3
"""Connections that are kept open for what must not queue behind readers: acceptance, a stop, the
question whether the server answers. A slow server has all others busy for many seconds, and takes as
long to open one more."""
BUSY_RETRY_MS = 2000

AWAY = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
"""What the driver raises when the server is away, restarting, full or out of resources."""

PLANNING = {"enable_seqscan": "off", "plan_cache_mode": "force_generic_plan", "jit": "off"}
"""Every statement has an index for what it looks up. Plans are made once per connection, often while
tables are still empty, and would read whole tables for as long as the connection lives."""

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


if TYPE_CHECKING:
    _DriverConnection = asyncpg.Connection[asyncpg.Record]
else:
    _DriverConnection = asyncpg.Connection  # generic in its stubs only


class _Connection(_DriverConnection):
    """A connection that is clean when a transaction ends, and so needs no reset between users.

    Nothing here sets anything for a session: tenants are set for one transaction.
    """

    def get_reset_query(self) -> str:
        """No statements: that saves a round trip for every transaction."""
        return ""


class Database:
    """A pool of connections under the application role.

    The role has no bypass: without `tenants` a transaction sees no row of any tenant.

    Args:
        url: a PostgreSQL URL.
        size: connections at most.
        reserved: connections besides these that are always open, and that only the urgent gets.
        durable: whether a commit waits for the disk. Only for what may be lost in a crash of the
            server without harm; what depends on it must wait itself.
    """

    def __init__(self, url: str, *, size: int = 10, reserved: int = 0, durable: bool = True) -> None:
        self._url = url
        self._size = size
        self._reserved = reserved
        self._settings = {"role": APP_ROLE, "application_name": "netra", **PLANNING}
        if not durable:
            self._settings["synchronous_commit"] = "off"
        self._free = asyncio.Semaphore(size)
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._urgent: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Connect; raises `Degraded` if the server cannot be reached."""
        with translated():
            self._pool = await self._open(1, self._size)
            if self._reserved:
                self._urgent = await self._open(
                    self._reserved, self._reserved, max_inactive_connection_lifetime=0
                )

    async def _open(self, at_least: int, at_most: int, **more: Any) -> "asyncpg.Pool[asyncpg.Record]":
        return await asyncpg.create_pool(
            self._url,
            min_size=at_least,
            max_size=at_most,
            command_timeout=COMMAND_TIMEOUT,
            server_settings=self._settings,
            connection_class=_Connection,
            statement_cache_size=256,
            **more,
        )

    async def close(self) -> None:
        """Close every connection, at the latest after a few seconds."""
        for pool in (self._urgent, self._pool):
            if pool is not None:
                try:
                    await asyncio.wait_for(pool.close(), COMMAND_TIMEOUT)
                except TimeoutError:
                    pool.terminate()

    @asynccontextmanager
    async def transaction(self, tenants: Collection[TenantId]) -> AsyncIterator[Connection]:
        """A transaction that sees the rows of `tenants` only; commits unless the block raises.

        Raises:
            Busy: no connection is free.
            Degraded: the server is away, or takes too long.
        """
        with translated():
            async with (
                asyncio.timeout(COMMAND_TIMEOUT),
                self.connection() as connection,
                connection.transaction(),
            ):
                await connection.execute(
                    "SELECT set_config('netra.tenants', $1, true)", tenants_setting(tenants)
                )
                yield connection

    @asynccontextmanager
    async def connection(self, *, urgent: bool = False) -> AsyncIterator[Connection]:
        """A connection that sees no tenant; for the functions that choose their own rows.

        Raises:
            Busy: none is free. Who is `urgent` does not queue with the others.
            Degraded: the server is away.
        """
        pool = self._urgent if urgent and self._urgent is not None else self._pool
        if pool is None:
            raise Degraded
        with translated():
            async with (
                self._turn() if pool is self._pool else nullcontext(),
                pool.acquire(timeout=ACQUIRE_TIMEOUT) as connection,
            ):
                yield connection

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One of the connections that are not reserved."""
        if self._free.locked():
            try:
                async with asyncio.timeout(ACQUIRE_TIMEOUT):
                    await self._free.acquire()
            except TimeoutError:
                raise Busy(retry_after_ms=BUSY_RETRY_MS) from None
        else:
            await self._free.acquire()
        try:
            yield
        finally:
            self._free.release()


def tenants_setting(tenants: Iterable[TenantId]) -> str:
    """Tenants as the value of `netra.tenants`: each between two U+001F, which is in no tenant's id."""
    return "\x1f" + "\x1f".join(set(tenants)) + "\x1f"


class translated:  # noqa: N801 - reads as a statement: `with translated():`
    """Turns what the driver raises when the server is away into `Degraded`."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Translate on the way out."""
        if isinstance(error, AWAY):
            raise Degraded from error


def load_queries(folder: Path) -> dict[str, str]:
    """The named queries of a `queries.sql`: a line `-- name: x`, a sentence, then the statement."""
    parts = re.split(r"^-- name: (\w+)\n", (folder / "queries.sql").read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


Row = Any
"""A record of the driver: index by column name."""
