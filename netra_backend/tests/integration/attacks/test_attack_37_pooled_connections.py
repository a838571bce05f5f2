"""Attack 37: what one tenant leaves on a pooled connection is nothing for the next."""

import asyncio

import asyncpg
import pytest

from netra_backend.domain.ids import TenantId
from netra_backend.embedded.wiring import Addresses
from netra_backend.store.database import Database
from netra_backend.tests.subject import Subject

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = "SELECT count(*) FROM messages"


@pytest.mark.parametrize("how", ["done", "failed", "cancelled"])
async def test_attack_37_a_connection_forgets_however_its_transaction_ended(
    subject: Subject, addresses: Addresses, how: str
) -> None:
    """On the very connection that just saw the other tenant's rows, no tenant and another one see none."""
    alice = await subject.account(tenant=how)
    async with subject.connect(alice) as client:
        await client.finished((await client.say("Mine"))["run_id"])
    pool = Database(addresses.app_url, size=2)
    await pool.open()
    try:
        seen = set()
        for _ in range(4):  # more than connections
            seen.add(await leave(pool, how))
            async with pool.connection() as bare:  # nobody overwrites what was set before
                assert await bare.fetchval(COUNT) == 0
            alike = [TenantId(how[:-1]), TenantId(f"{how}%"), TenantId("")]
            for tenants in ([], [TenantId("other")], alike):
                async with pool.transaction(tenants) as inside:
                    assert await inside.fetchval(COUNT) == 0
                    assert await inside.fetchval("SELECT current_user") == "netra_app"
        assert seen == {2}
    finally:
        await pool.close()


async def leave(pool: Database, how: str) -> int:
    """A transaction of the tenant of that name that ends in this way; how many rows it saw."""
    seen = 0

    async def work() -> None:
        nonlocal seen
        async with pool.transaction([TenantId(how)]) as inside:
            seen = await inside.fetchval(COUNT)
            if how == "failed":
                await inside.fetchval("SELECT 1 / 0")
            if how == "cancelled":
                task.cancel()
                await inside.fetchval("SELECT pg_sleep(20)")

    task = asyncio.ensure_future(work())
    (ended,) = await asyncio.gather(task, return_exceptions=True)
    expected: dict[str, type[object]] = {
        "done": type(None),
        "failed": asyncpg.PostgresError,
        "cancelled": asyncio.CancelledError,
    }
    assert isinstance(ended, expected[how])
    return seen
