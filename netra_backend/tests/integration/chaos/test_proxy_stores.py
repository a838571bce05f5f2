"""The fault proxy before real PostgreSQL and real Valkey."""

import hashlib

import asyncpg
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from netra_backend.chaos.faults import Direction
from netra_backend.chaos.proxy import FaultProxy, upstream_of
from netra_backend.tests.conftest import Servers

PATIENCE_S = 20.0
"""Seconds until something that does not come fails the test; never a pause."""


async def test_postgresql_behind_it(servers: Servers) -> None:
    """Megabytes come back right over a slow and jittery line; a cut mid-answer is an error at once."""
    url = f"{servers.owner_url}/postgres"
    async with FaultProxy(upstream_of(url)) as proxy:
        proxy.slow(latency_s=0.002, jitter_s=0.01)
        connection = await asyncpg.connect(proxy.through(url), timeout=PATIENCE_S)
        text = await connection.fetchval(
            "SELECT string_agg(md5(n::text), '') FROM generate_series(1, 60000) n"
        )
        expected = "".join(hashlib.md5(str(n).encode()).hexdigest() for n in range(1, 60001))  # noqa: S324 - no secret
        assert text == expected
        await proxy.heal()
        proxy.cut_after(100_000, Direction.TO_CLIENT)
        with pytest.raises((asyncpg.ConnectionDoesNotExistError, ConnectionError)):
            await connection.fetchval("SELECT repeat('x', 1000000)")
        assert connection.is_closed()
        await proxy.heal()
        again = await asyncpg.connect(proxy.through(url), timeout=PATIENCE_S)
        assert await again.fetchval("SELECT 1") == 1
        await again.close()


async def test_valkey_behind_it(servers: Servers) -> None:
    """Commands and a subscription pass; a cut ends both; after healing commands work."""
    async with (
        FaultProxy(upstream_of(servers.valkey_url)) as proxy,
        Redis.from_url(proxy.through(servers.valkey_url)) as valkey,
        valkey.pubsub() as heard,
    ):
        await heard.subscribe("news")
        assert (await heard.get_message(timeout=PATIENCE_S) or {})["type"] == "subscribe"
        assert await valkey.publish("news", "x" * 100_000) == 1
        message = await heard.get_message(timeout=PATIENCE_S)
        assert message is not None
        assert message["data"] == b"x" * 100_000
        proxy.refuse()
        proxy.cut()
        with pytest.raises((RedisConnectionError, ConnectionError)):
            await valkey.ping()
        await proxy.heal()
        assert await valkey.ping()
