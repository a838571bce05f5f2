"""Fault 26: callers that are cancelled anywhere in a call to a store; nobody else notices.

On real servers: every call is cancelled after each number of turns of the loop, beside calls that are not.
"""

import asyncio
import itertools
import random  # noqa: TID251 - seeded, so that a failure can be repeated
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import asyncpg
import msgspec

from netra_backend.app import Core, core
from netra_backend.chaos.history import judge
from netra_backend.domain.events import Append, Draft
from netra_backend.domain.ids import Owner, TenantId, UserId, WorkerId
from netra_backend.domain.runs import Ending, Run, Submission
from netra_backend.embedded.wiring import Addresses
from netra_backend.protocol import payloads as p
from netra_backend.settings import Settings
from netra_backend.store.database import RESERVED
from netra_backend.tests.integration.contract.worlds import Listener
from netra_backend.tests.integration.faults.clients import PATIENCE_S, facts, until

POOL = 5
"""Connections that are not reserved: fewer than calls at once, so that waiting for one is cancelled as well."""
CLAIMING = 2
"""Connections of the queue's own."""
ROUNDS = 30
TURNS = 3
"""Turns of the loop more in each round: at the end they are more than any call takes."""
TOGETHER = 4
"""Calls of each round that are cancelled, and as many that are not."""
OWNERS = [Owner(TenantId(f"tenant{n % 2}"), UserId(f"user{n}")) for n in range(4)]

_numbers = itertools.count(1)
Call = Callable[[], Awaitable[None]]


@dataclass
class Callers:
    """Calls that check that their answer is theirs."""

    parts: Core
    luck: random.Random
    runs: list[Run]

    def any(self) -> Call:
        """One of the calls."""
        return self.luck.choice(
            [
                self.accept,
                self.append,
                self.claim,
                self.history,
                self.threads,
                self.read,
                self.heads,
                self.stop,
            ]
        )

    async def accept(self) -> None:
        """A message, and then its run."""
        owner, text = self.luck.choice(OWNERS), f"text {next(_numbers)}"
        said = Submission(owner=owner, client_id=text, text=text, thread_id=None)
        accepted = await self.parts.store.accept(said)
        record = await self.parts.store.run(owner, accepted.run_id)
        assert (record.thread_id, record.message_id) == (accepted.thread_id, accepted.message_id)

    async def append(self) -> None:
        """A thought of a run."""
        run, text = self.luck.choice(self.runs), f"thought {next(_numbers)}"
        thought = Draft("agent_thinking", msgspec.json.encode(p.AgentThinkingPayload(text=text)))
        (event,) = await self.parts.log.append(_append(run, thought))
        assert (event.run_id, event.payload) == (run.id, thought.payload)

    async def claim(self) -> None:
        """A run that is due, handed back."""
        worker = WorkerId(f"worker {next(_numbers)}")
        for run in await self.parts.queue.claim(worker, limit=1):
            await self.parts.queue.release(worker, [run])

    async def history(self) -> None:
        """The messages of a thread."""
        run = self.luck.choice(self.runs)
        page = await self.parts.store.history(run.owner, run.thread_id, limit=5)
        assert [message.id for message in page.items] == [run.message_id]

    async def threads(self) -> None:
        """A thread of one's own."""
        run = self.luck.choice(self.runs)
        page = await self.parts.store.threads(run.owner, limit=200)
        assert run.thread_id in {thread.id for thread in page.items} or page.has_more

    async def read(self) -> None:
        """The stream of an owner."""
        owner = self.luck.choice(OWNERS)
        events = await self.parts.log.read(owner, after=0, limit=7)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))

    async def heads(self) -> None:
        """The head of one owner, which goes with many into one query."""
        run = self.luck.choice(self.runs)
        heads = await self.parts.log.heads([run.owner])
        assert heads[run.owner] >= 2
        assert len(heads) == 1

    async def stop(self) -> None:
        """The intent to stop a run."""
        run = self.luck.choice(self.runs)
        assert (await self.parts.store.stop(run.owner, run.id)).message_id == run.message_id


def _append(run: Run, *drafts: Draft, ending: Ending | None = None) -> Append:
    return Append(
        owner=run.owner,
        thread_id=run.thread_id,
        run_id=run.id,
        attempt=run.attempt,
        drafts=drafts,
        ending=ending,
    )


@asynccontextmanager
async def callers(settings: Settings, addresses: Addresses) -> AsyncIterator[Callers]:
    """Every owner has a running run."""
    small = settings.model_copy(update={"database_pool": POOL, "lease_s": 600})
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    async with core(small, addresses) as parts:
        for owner in OWNERS:
            said = Submission(owner=owner, client_id="first", text="first", thread_id=None)
            await parts.store.accept(said)
        runs = list(await parts.queue.claim(WorkerId("worker"), limit=len(OWNERS)))
        for run in runs:
            started = p.AgentStartedPayload(agent="a", attempt=1, message_id=run.answer_id)
            await parts.log.append(_append(run, Draft("agent_started", msgspec.json.encode(started))))
        yield Callers(parts, random.Random(26), runs)  # noqa: S311 - to be repeated, not to be secret


async def cancelled_after(turns: int, calls: list[Call], others: list[Call]) -> None:
    """Cancel `calls` after so many turns of the loop; `others` must end well all the same."""
    victims = [asyncio.ensure_future(call()) for call in calls]
    lucky = [asyncio.ensure_future(call()) for call in others]
    for _ in range(turns):
        await asyncio.sleep(0)
    for victim in victims:
        victim.cancel()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*lucky)
        for victim in victims:
            with suppress(asyncio.CancelledError):
                await victim


async def test_fault_26_cancellation_at_random_points_of_postgresql(
    settings: Settings, addresses: Addresses
) -> None:
    """No connection is lost, no transaction stays open, no answer goes to another caller, streams are whole."""
    async with callers(settings, addresses) as each:
        for turns in range(0, ROUNDS * TURNS, TURNS):
            calls = [each.any() for _ in range(2 * TOGETHER)]
            await cancelled_after(turns, calls[:TOGETHER], calls[TOGETHER:])
        await nothing_left_open(addresses)
        await all_connections_answer(each.parts)
        found = judge([], await facts(addresses))
        assert found.violations == []
        await asyncio.gather(*(call() for call in (each.any() for _ in range(50))))


async def nothing_left_open(addresses: Addresses) -> None:
    """Wait until no session is in a transaction, and there are no more than the pools may have."""
    watcher = await asyncpg.connect(addresses.owner_url)
    states = (
        "SELECT state FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'netra' AND pid <> pg_backend_pid()"
    )

    async def idle() -> bool:
        found = [row["state"] for row in await watcher.fetch(states)]
        return set(found) == {"idle"} and len(found) <= POOL + RESERVED + CLAIMING

    try:
        await until(idle, turn=lambda: asyncio.sleep(0))
    finally:
        await watcher.close()


async def all_connections_answer(parts: Core) -> None:
    """As many at once as the pool has, each without a tenant of an earlier caller."""
    barrier = asyncio.Barrier(POOL + RESERVED)

    async def look(*, urgent: bool) -> None:
        async with parts.database.connection(urgent=urgent) as connection:
            await barrier.wait()
            assert not await connection.fetchval("SELECT current_setting('netra.tenants', true)")

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(look(urgent=number < RESERVED) for number in range(POOL + RESERVED)))


async def test_fault_26_cancellation_at_random_points_of_valkey(parts: Core) -> None:
    """Answers go to who asked, whoever does not wait for his any more; who stopped listening is forgotten."""
    outlet = parts.feed.outlet
    for number in range(50):
        await outlet.ask("SET", f"fault26:{number}", number)

    def asks(number: int) -> Call:
        async def call() -> None:
            assert await outlet.ask("GET", f"fault26:{number}") == b"%d" % number

        return call

    def listens(number: int) -> Call:
        async def call() -> None:
            owner = Owner(TenantId("fault26"), UserId(f"user{number}"))
            sink = Listener()
            try:
                await parts.feed.attach(owner, sink)
            finally:
                await parts.feed.detach(owner, sink)

        return call

    luck = random.Random(26)  # noqa: S311 - to be repeated, not to be secret
    for turns in range(ROUNDS):
        made = [luck.choice([asks, listens])(luck.randrange(50)) for _ in range(4 * TOGETHER)]
        await cancelled_after(turns, made[: 2 * TOGETHER], made[2 * TOGETHER :])
    await parts.feed.outlet.settle()
    assert parts.feed.owners() == []
    await asks(7)()
    async with asyncio.timeout(PATIENCE_S):
        while any(b"fault26" in name for name in await outlet.ask("PUBSUB", "SHARDCHANNELS")):
            pass  # each look is a round trip behind what was unsubscribed
