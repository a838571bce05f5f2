"""Brings the schema to this program's version: Alembic under an advisory lock.

Alembic is imported only when there is something to do: it takes longer to load than to look.
"""

from pathlib import Path

import asyncpg

VERSIONS = Path(__file__).parent / "migrations" / "versions"
UPGRADE_LOCK = 0x6E65747261
"""Key of the advisory lock ("netra" in ASCII): two instances never migrate at once."""


class SchemaError(Exception):
    """The schema cannot be brought to this version; the message says what the server said."""


async def upgrade(owner_url: str) -> None:
    """Upgrade the database to the newest schema; returns at once if it is there already.

    Args:
        owner_url: a PostgreSQL URL of a role that may create tables and roles.

    Raises:
        SchemaError: the server is away, or refuses, or has the schema of a newer program.
    """
    try:
        connection = await asyncpg.connect(owner_url)
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", UPGRADE_LOCK)
            if await _current(connection) != newest():
                await _migrate(owner_url)
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise SchemaError(str(error).partition("\n")[0]) from error


def newest() -> str:
    """The version that this program works with."""
    return max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*_*.py"))


async def _current(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    version: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    if version is not None and version > newest():
        message = f"the schema is of a newer program ({version}, this one works with {newest()})"
        raise SchemaError(message)
    return version


async def _migrate(owner_url: str) -> None:
    from netra_backend.store.migrations.apply import apply

    await apply(owner_url)
