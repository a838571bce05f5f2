import asyncpg

from netra_backend.store.database import APP_ROLE, Database


async def test_attack_37_the_application_role_has_no_way_around(
    database_url: str, database: Database
) -> None:
    """No special right, no ownership, and every transaction really runs under it."""
    connection = await asyncpg.connect(database_url)
    try:
        flags = await connection.fetchrow(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication"
            " FROM pg_roles WHERE rolname = $1",
            APP_ROLE,
        )
        owned = await connection.fetchval(
            "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = $1", APP_ROLE
        )
    finally:
        await connection.close()
    assert flags is not None
    assert not any(flags)
    assert owned == 0
    async with database.transaction([]) as inside:
        assert await inside.fetchval("SELECT current_user") == APP_ROLE


async def test_attack_37_row_security_is_forced_on_every_tenant_table(database_url: str) -> None:
    """A table that is added later with a tenant_id and without it fails here."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS forced FROM pg_class c"
            " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace"
            " AND (c.relname = 'tenants' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
            " AND a.attname = 'tenant_id' AND NOT a.attisdropped))"
        )
    finally:
        await connection.close()
    assert len(rows) >= 8
    assert [row["relname"] for row in rows if not row["forced"]] == []


async def test_attack_37_whoever_logs_in_works_under_the_application_role(database_url: str) -> None:
    """Also with the owner's URL, who is a superuser here: a wrong setting does not open the wall."""
    opened = Database(database_url, size=1)
    await opened.open()
    try:
        async with opened.transaction([]) as inside:
            assert await inside.fetchval("SELECT session_user") != APP_ROLE
            assert await inside.fetchval("SELECT current_user") == APP_ROLE
    finally:
        await opened.close()
