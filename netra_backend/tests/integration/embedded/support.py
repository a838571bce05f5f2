"""What the embedded tests share: the servers by kind, talking to them, and processes that own them."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil
import redis.asyncio

import netra_backend
from netra_backend.embedded import EmbeddedPostgres, EmbeddedValkey, PostgresAddress, ValkeyAddress
from netra_backend.embedded.process import running_in

ROOT = Path(netra_backend.__file__).parents[1]
SECONDS = 30.0
Server = EmbeddedPostgres | EmbeddedValkey
Address = PostgresAddress | ValkeyAddress

_OWNER = """
import asyncio, sys
from pathlib import Path
from netra_backend.embedded import {name}

async def own():
    address = await {name}(Path(sys.argv[1])).start()
    print(address.port, flush=True)
    await asyncio.Event().wait()

asyncio.run(own())
"""


@dataclass(frozen=True)
class Kind:
    """One of the two servers, for tests of what they have in common."""

    make: type[EmbeddedPostgres] | type[EmbeddedValkey]
    program: str
    home: str
    marker: str

    def pids(self, folder: Path) -> list[int]:
        """Its processes in a data folder."""
        return running_in(folder / self.home, self.program, recorded=None)

    def leader(self, folder: Path) -> int:
        """The process that was started, not those it made itself."""
        pids = self.pids(folder)
        return next(pid for pid in pids if psutil.Process(pid).ppid() not in pids)


POSTGRES = Kind(EmbeddedPostgres, "postgres", "cluster", "postgres")
VALKEY = Kind(EmbeddedValkey, "valkey-server", "store", "valkey")


async def keep(address: Address, value: str) -> None:
    """Store `value` durably."""
    if isinstance(address, ValkeyAddress):
        async with redis.asyncio.from_url(address.url) as client:
            await client.set("kept", value)
        return
    connection = await asyncpg.connect(address.owner_url)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
    await connection.execute("INSERT INTO kept VALUES ($1)", value)
    await connection.close()


async def kept(address: Address) -> str:
    """What `keep` stored last."""
    if isinstance(address, ValkeyAddress):
        async with redis.asyncio.from_url(address.url) as client:
            found = await client.get("kept") or b""
            return found if isinstance(found, str) else found.decode()
    connection = await asyncpg.connect(address.owner_url)
    value: str = await connection.fetchval("SELECT value FROM kept")
    await connection.close()
    return value


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait for a condition on other processes; fails after `SECONDS`."""
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 - processes that are not ours to wait for send no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def other_owner(kind: Kind, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process that owns the server of `folder`, already ready; killed in the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _OWNER.format(name=kind.make.__name__),
        str(folder),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(SECONDS):
            assert int(await process.stdout.readline())
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
        await eventually(lambda: not kind.pids(folder))
