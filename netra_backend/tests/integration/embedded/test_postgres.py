"""What only PostgreSQL promises: its roles, its settings, its crashes."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import asyncpg
import psutil
import pytest

from netra_backend.embedded import EmbeddedError, PostgresAddress
from netra_backend.tests.integration.embedded.support import POSTGRES, Server, eventually

Make = Callable[..., Server]


async def started(server: Make) -> PostgresAddress:
    """A running server's address."""
    address = await server(POSTGRES).start()
    assert isinstance(address, PostgresAddress)
    return address


async def test_roles_and_database(server: Make) -> None:
    """The owner owns the database; the application's role has no way around row-level security."""
    connection = await asyncpg.connect((await started(server)).owner_url)
    flags = await connection.fetch(
        "SELECT rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication,"
        " starts_with(rolpassword, 'SCRAM-SHA-256$') FROM pg_authid WHERE rolcanlogin ORDER BY rolname"
    )
    database = await connection.fetchrow(
        "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datlocprovider::text, datlocale"
        " FROM pg_database WHERE datname = current_database()"
    )
    await connection.close()
    assert [tuple(row) for row in flags] == [
        ("netra_app", True, False, False, False, False, False, True),
        ("netra_owner", True, True, True, True, True, True, True),
    ]
    assert database is not None
    assert tuple(database) == ("netra_owner", "UTF8", "C", "b", "C.UTF-8")


async def test_the_application_role_can_log_in_and_owns_nothing(server: Make) -> None:
    """`app_url` reaches the same database but may not make tables in it."""
    connection = await asyncpg.connect((await started(server)).app_url)
    try:
        assert await connection.fetchval("SELECT current_database()") == "netra"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TABLE public.mine (id int)")
    finally:
        await connection.close()


async def test_durable_settings(server: Make) -> None:
    """Nothing trades what was committed for speed, and statements stay out of the log."""
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "max_connections": "200",
        "listen_addresses": "127.0.0.1",
        "password_encryption": "scram-sha-256",
        "log_statement": "none",
        "log_min_error_statement": "panic",
        "TimeZone": "UTC",
    }
    connection = await asyncpg.connect((await started(server)).owner_url)
    found = {name: await connection.fetchval("SELECT current_setting($1)", name) for name in expected}
    await connection.close()
    assert found == expected


async def test_the_log_holds_no_statement_and_no_value(server: Make, folder: Path) -> None:
    """A failing statement leaves neither its text nor its values in the log."""
    connection = await asyncpg.connect((await started(server)).app_url)
    with pytest.raises(asyncpg.InvalidTextRepresentationError):
        await connection.execute("SELECT 'canary-value'::int /* canary-text */")
    await connection.close()
    log = (folder / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "canary" not in log


async def test_a_backend_that_outlives_a_killed_postmaster(server: Make, folder: Path) -> None:
    """Such a backend still holds the shared memory; the next start ends it instead of failing."""
    running = server(POSTGRES)
    address = await running.start()
    assert isinstance(address, PostgresAddress)
    connection = await asyncpg.connect(address.owner_url)
    backend: int = await connection.fetchval("SELECT pg_backend_pid()")
    busy = asyncio.ensure_future(connection.execute("DO $$ BEGIN LOOP END LOOP; END $$"))
    postmaster = int((folder / "cluster" / "postmaster.pid").read_text().splitlines()[0])
    await eventually(lambda: psutil.Process(backend).cpu_times().user > 0.2)  # it loops
    os.kill(postmaster, signal.SIGKILL)
    await eventually(lambda: postmaster not in POSTGRES.pids(folder))
    assert backend in POSTGRES.pids(folder)
    await running.start()
    again = await asyncpg.connect(address.owner_url)
    assert await again.fetchval("SELECT 1") == 1
    await again.close()
    assert backend not in POSTGRES.pids(folder)
    with pytest.raises(asyncpg.PostgresConnectionError):
        await busy


async def test_another_major_version_is_refused_in_one_sentence(server: Make, folder: Path) -> None:
    """A folder of PostgreSQL 16 is named as such and left as it is."""
    first = server(POSTGRES)
    await first.start()
    await first.stop()
    (folder / "cluster" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedError, match=r"was made by PostgreSQL 16 but this Netra brings 18"):
        await server(POSTGRES).start()


async def test_a_half_made_cluster_is_made_anew(server: Make, folder: Path) -> None:
    """A crash during the first start leaves nothing that could be taken for a cluster."""
    first = server(POSTGRES)
    await first.start()
    await first.stop()
    (folder / "cluster").rename(folder / "cluster.new")
    (folder / "cluster.new" / "PG_VERSION").unlink()
    connection = await asyncpg.connect((await started(server)).app_url)
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


async def test_a_first_start_cancelled_in_its_midst(server: Make, folder: Path) -> None:
    """The cluster is whole when the cancelled start returns: no thread goes on changing the folder."""
    starting = asyncio.ensure_future(server(POSTGRES).start())
    await eventually(lambda: (folder / "cluster.new" / "PG_VERSION").exists())
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert (folder / "cluster" / "postgresql.auto.conf").exists()
    assert not (folder / "cluster.new").exists()


async def test_missing_passwords_are_named(server: Make, folder: Path) -> None:
    """Without its passwords a cluster is not silently given new ones that do not fit."""
    first = server(POSTGRES)
    await first.start()
    await first.stop()
    (folder / "passwords.json").unlink()
    with pytest.raises(EmbeddedError, match=r"passwords\.json .* is missing"):
        await server(POSTGRES).start()
