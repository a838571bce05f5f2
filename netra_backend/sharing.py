"""What the processes of one installation must share, and the refusal of one that shares only a part.

Tokens are checked by whichever gateway a client reaches, so running gateways must know each other's keys.
Each says which ones it has by advisory locks in the database: they end with its connection, so a key may
be changed whenever nothing runs, and no row remembers a gateway that is gone.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from netra_backend.auth.keys import SigningKeys
from netra_backend.domain.errors import NetraError
from netra_backend.settings import Settings, SettingsError
from netra_backend.store.database import Connection, Database

log = structlog.get_logger(__name__)

SIGNS = 0x6E746B31
"""The space of advisory locks that name the key a process signs with ("ntk1" in ASCII)."""
CHECKS = 0x6E746B32
"""The same for every key whose tokens it accepts, the signing one included."""
LOOK_S = 10.0
"""Seconds between looks whether a silent connection that holds the locks is still there."""
RETRY_S = 0.5
"""Seconds between attempts to announce again, while the database is away."""

_ANNOUNCE = "SELECT pg_advisory_lock_shared($1::int, $2::int)"
_PEERS = """
    SELECT pid, classid::bigint AS space, objid::bigint AS key FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND classid::bigint = ANY($1::bigint[])
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class Announced:
    """The keys of one process, as the numbers of its locks."""

    signs: set[int] = field(default_factory=set)
    checks: set[int] = field(default_factory=set)

    def agrees_with(self, other: "Announced") -> bool:
        """Whether each accepts what the other signs."""
        return self.signs <= other.checks and other.signs <= self.checks


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
        message = (
            "Several gateways and workers need one database, one Valkey and one signing key: set"
            f" {' and '.join(missing)} too, the same everywhere; or set none of the three, to share a data folder."
        )
        raise SettingsError(message)


@asynccontextmanager
async def announced(keys: SigningKeys, database: Database, *, look_s: float = LOOK_S) -> AsyncIterator[None]:
    """Hold the announcement of `keys` during the block, on a connection of `database`, opened here.

    Every `look_s` seconds it looks whether that connection still lives, and makes another if not.

    Raises:
        SettingsError: a gateway that runs has another key.
        Degraded: the database is away.
    """
    await database.open()
    first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    holding = asyncio.create_task(_hold(keys, database, first, look_s), name="signing-key")
    try:
        await first
        yield
    finally:
        holding.cancel()
        await asyncio.wait([holding])
        await database.close()


async def _hold(keys: SigningKeys, database: Database, first: "asyncio.Future[None]", look_s: float) -> None:
    """Announce, and again after each loss of the connection; the first outcome is told by `first`."""
    while True:
        try:
            async with database.connection() as connection:
                await _announce(connection, keys)
                if not first.done():
                    first.set_result(None)
                await _lost(connection, look_s)
        except (NetraError, SettingsError) as error:
            if not first.done():
                first.set_exception(error)
                return
            if isinstance(error, SettingsError):
                log.error("signing_key_differs", advice=str(error))  # noqa: TRY400 - where it was noticed says nothing
        await asyncio.sleep(RETRY_S)


async def _lost(connection: Connection, look_s: float) -> None:
    """Return when the server ended the connection; raises `Degraded` when it no longer answers."""
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    while not lost.is_set():
        try:
            async with asyncio.timeout(look_s):
                await lost.wait()
        except TimeoutError:
            await connection.execute("SELECT 1")


async def _announce(connection: Connection, keys: SigningKeys) -> None:
    """Lock first, then look: of two that start at once at least one sees the other."""
    ours = _of(keys)
    for space, numbers in ((SIGNS, ours.signs), (CHECKS, ours.checks)):
        for number in numbers:
            await connection.execute(_ANNOUNCE, space, number)
    if not all(ours.agrees_with(peer) for peer in await _peers(connection)):
        raise SettingsError(
            "A gateway that runs on this database has another signing key, so each would turn the other's users"
            " away: give all the same NETRA_SIGNING_KEY (or --data-dir), or stop the other one first."
        )


async def _peers(connection: Connection) -> list[Announced]:
    found: dict[int, Announced] = defaultdict(Announced)
    for row in await connection.fetch(_PEERS, [SIGNS, CHECKS]):
        peer = found[row["pid"]]
        (peer.signs if row["space"] == SIGNS else peer.checks).add(row["key"])
    # One without CHECKS is still announcing, and will look itself.
    return [peer for peer in found.values() if peer.checks]


def _of(keys: SigningKeys) -> Announced:
    accepted = [key["kid"] for key in keys.jwks()["keys"]]
    return Announced({_number(keys.kid)}, {_number(kid) for kid in accepted})


def _number(kid: str) -> int:
    """31 bits of a key's thumbprint: what fits a lock, and tells the few keys of an installation apart."""
    return int.from_bytes(hashlib.sha256(kid.encode()).digest()[:4]) & 0x7FFF_FFFF
