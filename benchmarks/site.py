"""A data folder with users for the measurements, gone at the end, and the servers that run on it."""

import asyncio
import itertools
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.processes import Server, environment, server
from netra_backend.app import Core, core, new_id
from netra_backend.auth.users import SQL, User
from netra_backend.domain.ids import Owner, TenantId, UserId
from netra_backend.embedded.wiring import stores
from netra_backend.settings import load as settings_from
from netra_backend.stack.local import LocalStack

TENANTS = 10
"""Users are spread over them: a tenant is the unit of fair shares and of row security."""
PASSWORD_HASH = "nobody logs in with a password here"  # noqa: S105 - no hash of anything
AT_ONCE = 100
RATES = {"NETRA_FRAMES_PER_SECOND": "1000000", "NETRA_FRAMES_BURST": "1000000"}
"""A measured user writes faster than any person may; every other setting is the default."""


class Site:
    """The folder and the tokens of its users."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.tokens: list[str] = []

    @asynccontextmanager
    async def netra(self, *, launcher: tuple[str, ...] = ()) -> AsyncIterator[Server]:
        """`netra serve` on the folder; `launcher` runs instead of the `netra` program."""
        program = launcher or (str(Path(sys.executable).parent / "netra"),)
        command = [*program, "serve", "--port", "0", "--data-dir", str(self._data)]
        env = environment() | RATES
        async with server(
            [*command, "--agent", "benchmarks.agents:stub"], cwd=self._folder, env=env
        ) as found:
            yield found

    @asynccontextmanager
    async def stack(self, *, gateways: int, workers: int) -> AsyncIterator[LocalStack]:
        """Gateways and workers as processes of their own, on the folder."""
        async with LocalStack(
            data_dir=self._data,
            gateways=gateways,
            workers=workers,
            agent="benchmarks.agents:stub",
            environ=RATES | {"PYTHONPATH": environment()["PYTHONPATH"]},
            cwd=self._folder,
        ) as running:
            yield running

    @asynccontextmanager
    async def bare(self) -> AsyncIterator[Server]:
        """The bare server."""
        command = [sys.executable, "-m", "benchmarks.bare"]
        async with server(command, cwd=self._folder, env=environment()) as found:
            yield found

    async def users(self, count: int) -> list[str]:
        """Tokens of `count` users, made if there are fewer; a server must run on the folder."""
        if len(self.tokens) < count:
            settings = settings_from({"data_dir": self._data}, environ={}, folder=self._folder)
            async with stores(settings) as addresses, core(settings, addresses) as parts:
                self.tokens += await _add_users(parts, count - len(self.tokens))
        return self.tokens[:count]

    @property
    def _data(self) -> Path:
        return self._folder / "data"


async def _add_users(parts: Core, count: int) -> list[str]:
    """As `netra user add` and `netra token issue` do, but without a password to hash for each."""
    users = [
        User(
            owner=Owner(TenantId(f"tenant-{number % TENANTS}"), UserId(new_id())),
            email=f"{new_id()}@example.com",
            roles=frozenset(),
            disabled=False,
        )
        for number in range(count)
    ]
    tenants = {user.owner.tenant_id for user in users}
    async with parts.database.transaction(tenants) as connection:
        for tenant in tenants:
            await connection.execute(SQL["add_tenant"], tenant)
        await connection.executemany(
            SQL["add_user"], [(*user.owner, user.email, PASSWORD_HASH, []) for user in users]
        )
    tokens: list[str] = []
    remaining = iter(users)
    while batch := list(itertools.islice(remaining, AT_ONCE)):
        issued = await asyncio.gather(*(parts.auth.issue(user) for user in batch))
        tokens += [each.access_token for each in issued]
    return tokens


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    """A new data folder, set up by one start; removed with this block."""
    with tempfile.TemporaryDirectory(prefix="netra-bench-", ignore_cleanup_errors=True) as name:
        found = Site(Path(name))
        async with found.netra():
            await found.users(100)
        yield found
