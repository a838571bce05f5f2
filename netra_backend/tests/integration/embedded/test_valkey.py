"""What only Valkey promises: its append-only file and its settings."""

from collections.abc import Callable
from pathlib import Path

import redis.asyncio

from netra_backend.embedded import ValkeyAddress
from netra_backend.tests.integration.embedded.support import VALKEY, Server, keep, kept

Make = Callable[..., Server]


async def test_settings(server: Make) -> None:
    """Append-only, no eviction, and no way to run somebody's code in it."""
    expected = {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-load-truncated": "yes",
        "protected-mode": "yes",
        "bind": "127.0.0.1",
        "maxmemory-policy": "noeviction",
        "save": "",
        "enable-debug-command": "no",
        "enable-module-command": "no",
    }
    address = await server(VALKEY).start()
    assert isinstance(address, ValkeyAddress)
    async with redis.asyncio.from_url(address.url, decode_responses=True) as client:
        assert await client.config_get(*expected) == expected


async def test_a_truncated_append_only_file_loads(server: Make, folder: Path) -> None:
    """A power cut in the middle of a write costs that write and nothing else."""
    first = server(VALKEY)
    await keep(await first.start(), "text")
    await first.stop()
    (log,) = (folder / "store" / "appendonlydir").glob("*.incr.aof")
    with log.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nke")
    assert await kept(await server(VALKEY).start()) == "text"


async def test_everything_can_be_emptied(server: Make) -> None:
    """FLUSHALL is not disabled: fault 6 is tested with it."""
    address = await server(VALKEY).start()
    assert isinstance(address, ValkeyAddress)
    await keep(address, "text")
    async with redis.asyncio.from_url(address.url) as client:
        await client.flushall()
    assert await kept(address) == ""
