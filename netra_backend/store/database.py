"""Connections to PostgreSQL. Every transaction names the tenants that it may see.

Driver errors become domain errors here and nowhere else.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from netra_backend.domain.errors import Degraded
from netra_backend.domain.ids import TenantId

APP_ROLE = "netra_app"
ACQUIRE_TIMEOUT = 5.0
"""Seconds to wait for a free connection before the caller is told `degraded`."""
COMMAND_TIMEOUT = 15.0
"""Seconds for one statement: longer than any honest one, shorter than a user's patience."""

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
        durable: whether a commit waits for the disk. Only for what may be lost in a crash of the
            server without harm; what depends on it must wait itself.
    """

    def __init__(self, url: str, *, size: int = 10, durable: bool = True) -> None:
        self._url = url
        self._size = size
        self._settings = {"role": APP_ROLE, "application_name": "netra", **PLANNING}
        if not durable:
            self._settings["synchronous_commit"] = "off"
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Connect; raises `Degraded` if the server cannot be reached."""
        with translated():
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=self._size,
                command_timeout=COMMAND_TIMEOUT,
                server_settings=self._settings,
                connection_class=_Connection,
                statement_cache_size=256,
            )

    async def close(self) -> None:
        """Close every connection, at the latest after a few seconds."""
        if self._pool is None:
            return
        try:
            await asyncio.wait_for(self._pool.close(), COMMAND_TIMEOUT)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def transaction(self, tenants: Collection[TenantId]) -> AsyncIterator[Connection]:
        """A transaction that sees the rows of `tenants` only; commits unless the block raises."""
        async with self.connection() as connection, connection.transaction():
            await connection.execute("SELECT set_config('netra.tenants', $1, true)", tenants_setting(tenants))
            yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection that sees no tenant; for the functions that choose their own rows."""
        if self._pool is None:
            raise Degraded
        with translated():
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT) as connection:
                yield connection


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
