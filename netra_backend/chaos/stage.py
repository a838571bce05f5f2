"""What a campaign plays on: a stack of its own behind proxies, and the people who may use it.

It talks to 127.0.0.1 only and to no store but its own, whatever is configured; all of it ends with its block.
"""

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from netra_backend.app import SystemClock, core
from netra_backend.chaos.agents import PACED
from netra_backend.chaos.breaking import Breaker, Proxies, Say
from netra_backend.chaos.load import FRAIL_EVERY, TABS_EVERY, Person
from netra_backend.chaos.plan import Order
from netra_backend.chaos.proxy import FaultProxy, upstream_of
from netra_backend.chaos.tape import canary
from netra_backend.chaos.watch import Watch
from netra_backend.settings import ENV_PREFIX, Settings
from netra_backend.stack.local import LocalStack

TENANTS = 4
TOKEN_TTL_S = 86400
"""The most that the setting may have: a campaign has one token for each user, and is shorter."""
SETTLE_S = 60.0
"""Seconds, besides a lease and a drain: clients back off for up to 30 s, and a thread's runs end in turn."""
OWN = frozenset({"NETRA_DATABASE_URL", "NETRA_DATABASE_OWNER_URL", "NETRA_VALKEY_URL", "NETRA_SIGNING_KEY"})
"""Settings that would lead to stores of somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a campaign is made of, besides its order.

    Attributes:
        users: people, over some tenants.
        agent: as of `netra worker --agent`; None is the chaos agent.
        data_dir: a folder that nobody else uses; stores and logs stay in it.
        environ: where settings come from.
    """

    users: int
    agent: str | None
    data_dir: Path
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What runs while a campaign does."""

    stack: LocalStack
    settings: Settings
    proxies: Proxies
    people: Sequence[Person]
    breaker: Breaker
    watch: Watch
    tell: Callable[[str], None]

    @property
    def patience_s(self) -> float:
        """Seconds until everything must have ended when nothing is broken any more."""
        return SETTLE_S + self.settings.lease_s + self.settings.drain_s

    @property
    def ports(self) -> dict[int, int]:
        """Which gateway is behind each port that clients connect to."""
        rows = (self.proxies.clients, self.proxies.frail)
        return {proxy.address[1]: number for row in rows for number, proxy in enumerate(row)}


@asynccontextmanager
async def set_up(order: Order, setup: Setup, say: Say) -> AsyncIterator[Stage]:
    """A stack behind proxies, with its users; all of it ends with this block."""
    environ = own_environ(setup.environ)
    stack = LocalStack(
        data_dir=setup.data_dir,
        gateways=order.gateways,
        workers=order.workers,
        agent=setup.agent or PACED,
        environ=environ,
    )
    async with AsyncExitStack() as ending:
        ending.push_async_callback(_end, stack)
        await stack.start_stores()
        postgres = await ending.enter_async_context(FaultProxy(upstream_of(stack.database_url)))
        valkey = await ending.enter_async_context(FaultProxy(upstream_of(stack.valkey_url)))
        for process in stack.processes:
            process.environ["NETRA_DATABASE_URL"] = postgres.through(stack.database_url)
            process.environ["NETRA_DATABASE_OWNER_URL"] = postgres.through(stack.owner_url)
            process.environ["NETRA_VALKEY_URL"] = valkey.through(stack.valkey_url)
        await stack.start_processes()
        rows = [
            [await ending.enter_async_context(FaultProxy(upstream_of(each.url))) for each in stack.gateways]
            for _ in range(2)
        ]
        proxies = Proxies(postgres=postgres, valkey=valkey, clients=rows[0], frail=rows[1])
        breaker = Breaker(stack, proxies, clock=SystemClock(), say=say)
        watch = Watch(stack.processes, breaker.holds, breaker.start_again)
        yield Stage(
            stack=stack,
            settings=stack.settings(),
            proxies=proxies,
            people=await _people(stack, proxies, setup.users),
            breaker=breaker,
            watch=watch,
            tell=say,
        )


async def _end(stack: LocalStack) -> None:
    """End it at once: its data has been read, or nobody wants it."""
    stack.kill()
    await stack.stop()


def own_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings of all processes: those given, but none that lead away from this machine's own stores."""
    kept = {name: text for name, text in environ.items() if name.startswith(ENV_PREFIX) and name not in OWN}
    return {**kept, "NETRA_TOKEN_TTL_S": str(TOKEN_TTL_S), "NETRA_HOST": "127.0.0.1"}


async def _people(stack: LocalStack, proxies: Proxies, count: int) -> list[Person]:
    password = secrets.token_urlsafe(16)
    people = []
    async with core(stack.settings(), stack.addresses) as parts:
        for number in range(count):
            name, frail = f"user {number + 1}", number % FRAIL_EVERY == FRAIL_EVERY - 1
            tenant = f"chaos-{number % TENANTS + 1}"
            user = await parts.auth.users.add(f"{number + 1}@example.com", tenant=tenant, password=password)
            urls = [
                proxy.through("http://127.0.0.1") for proxy in (proxies.frail if frail else proxies.clients)
            ]
            turn = number % len(urls)
            person = Person(
                owner=user.owner,
                name=name,
                token=(await parts.auth.issue(user)).access_token,
                canary=canary(secrets.token_hex(6)),
                urls=[*urls[turn:], *urls[:turn]],
                frail=frail,
                tabs=1 + (number % TABS_EVERY == 0),
            )
            people.append(person)
    return people
