"""Stacks, users and recording clients for the faults that begin at the clients. Holds no test.

Processes are real; their stores are those of the test session, with a database of the test alone.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from netra_backend.agents.context import AgentFunction
from netra_backend.agents.runner import Agents
from netra_backend.app import Core, core, new_id
from netra_backend.auth.users import SQL, User
from netra_backend.chaos.facts import Facts, read_database
from netra_backend.chaos.history import judge
from netra_backend.chaos.recording import RecordingClient
from netra_backend.chaos.tape import canary
from netra_backend.chaos.verdict import Verdict
from netra_backend.domain.ids import Owner, TenantId, UserId
from netra_backend.embedded.wiring import Addresses
from netra_backend.serving import Port, start_gateway, start_worker
from netra_backend.settings import Settings
from netra_backend.stack.keeper import Say
from netra_backend.stack.local import LocalStack
from netra_backend.testing.agents import ALL, echo
from netra_backend.testing.server import RunningServer
from netra_backend.tests.subject import NO_AUTHORITIES

PATIENCE_S = 30.0
"""Seconds until something that does not come fails the test; never a pause."""
AGENTS = "netra_backend.tests.integration.faults.agents"
NOBODY_LOGS_IN = "no hash of anything"
"""Stored instead of a hash: hashing takes a tenth of a second for each user."""

AT_ONCE = 6
"""Users made at once: fewer than there are connections to the database."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Users:
    """Makes users and their tokens, beside whatever serves them."""

    parts: Core

    async def add(self, *, tenant: str = "acme") -> Owner:
        """A new user, without a password that works."""
        owner = Owner(TenantId(tenant), UserId(new_id()))
        email = f"{owner.user_id}@example.com"
        user = User(owner=owner, email=email, roles=frozenset(), disabled=False)
        async with self.parts.database.transaction([owner.tenant_id]) as connection:
            await connection.execute(SQL["add_tenant"], owner.tenant_id)
            await connection.execute(SQL["add_user"], *user.owner, email, NOBODY_LOGS_IN, [])
        return owner

    async def crowd(self, count: int, *, tenants: int = 10) -> list[tuple[Owner, str]]:
        """Many new users with their tokens, spread over tenants."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> tuple[Owner, str]:
            async with turns:
                owner = await self.add(tenant=f"tenant{number % tenants}")
                return owner, await self.token(owner)

        return list(await asyncio.gather(*(one(number) for number in range(count))))

    async def token(self, owner: Owner) -> str:
        """A token of the user."""
        user = await self.parts.auth.users.get(owner)
        assert user is not None
        return (await self.parts.auth.issue(user)).access_token

    def client(
        self, owner: Owner, urls: Sequence[str], *, token: Callable[[], Awaitable[str]] | None = None
    ) -> RecordingClient:
        """A client of the user, which is back soon: this machine has no storm to spread."""
        secret = owner.user_id.replace("-", "")
        return RecordingClient(
            owner,
            urls=urls,
            token=token or (lambda: self.token(owner)),
            canary=canary(secret),
            name=f"client {next(_numbers)}",
            random=lambda: 0.02,
        )


@asynccontextmanager
async def users(settings: Settings, addresses: Addresses) -> AsyncIterator[Users]:
    """Users of processes that have `settings` and `addresses`."""
    async with core(settings, addresses) as parts:
        yield Users(parts)


@asynccontextmanager
async def processes(
    addresses: Addresses,
    folder: Path,
    *,
    gateways: int = 1,
    workers: int = 1,
    agent: str = "netra_backend.testing.agents:echo",
    environ: Mapping[str, str] | None = None,
    gateways_valkey: str | None = None,
    say: Say | None = None,
) -> AsyncIterator[LocalStack]:
    """Gateways and workers as processes.

    Args:
        addresses: of stores that live on.
        folder: for logs and the signing key.
        gateways: how many.
        workers: how many.
        agent: as `module:object`.
        environ: further settings of all of them.
        gateways_valkey: Valkey as the gateways reach it, through whatever stands between.
        say: given, what dies is started again; see `LocalStack`.
    """
    stack = LocalStack(
        data_dir=folder / "stack",
        gateways=gateways,
        workers=workers,
        agent=agent,
        environ={"NETRA_DRAIN_S": "1", "NETRA_POLL_S": "0.1", **(environ or {})},
        database_url=addresses.app_url,
        owner_url=addresses.owner_url,
        valkey_url=addresses.valkey_url,
        cwd=folder,
        say=say,
    )
    try:
        await stack.start_stores()
        if gateways_valkey is not None:
            for gateway in stack.gateways:
                gateway.environ["NETRA_VALKEY_URL"] = gateways_valkey
        await stack.start_processes()
        yield stack
    finally:
        await stack.stop()


@asynccontextmanager
async def server(
    settings: Settings, addresses: Addresses, agents: Mapping[str, AgentFunction] | None = None
) -> AsyncIterator[RunningServer]:
    """Gateway and worker in this process, as `netra serve` has them; `agents` beside those for tests."""
    port = Port("127.0.0.1", 0)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(core(settings, addresses))
        found = Agents(default=echo, default_name="echo", named=ALL | dict(agents or {}))
        stack.push_async_callback(start_worker(parts, found, stack))
        stack.push_async_callback(await start_gateway(parts, port, stack))
        yield RunningServer(port.url, parts)


async def until(
    condition: Callable[[], bool | Awaitable[bool]], *, turn: Callable[[], Awaitable[object]]
) -> None:
    """Look again after each `turn`, which must be an exchange with what is waited for."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await turn()


async def metric(url: str, name: str) -> float:
    """One number of a process's metrics."""
    async with httpx.AsyncClient(verify=NO_AUTHORITIES) as http:
        lines = (await http.get(f"{url}/metrics")).raise_for_status().text.splitlines()
    return float(next(line.split()[-1] for line in lines if line.split()[0] == name))


async def facts(addresses: Addresses) -> Facts:
    """What the database holds."""
    return await read_database(addresses.owner_url)


async def verdict(addresses: Addresses, clients: Sequence[RecordingClient]) -> Verdict:
    """What the checker says once every client knows that it misses nothing."""
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(client.settle() for client in clients))
    return judge([client.recording for client in clients], await facts(addresses))
