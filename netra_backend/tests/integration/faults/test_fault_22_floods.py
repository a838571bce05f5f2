"""Fault 22: a flood in one lane or of one tenant, at a server that starts runs at once where it can.

By claims alone: `contract/test_queue.py`. Here nothing may overtake the queue through the direct start.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from netra_backend.agents.context import Context
from netra_backend.domain.ids import Owner
from netra_backend.domain.runs import Acceptance, Lane, Submission
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.testing.server import RunningServer
from netra_backend.tests.integration.faults.clients import PATIENCE_S, Users, server, verdict

SLOTS = 3
FLOOD = 100


@dataclass
class Turnstile:
    """An agent that notes whose run begins, and lets runs end once it is opened."""

    begun: list[str] = field(default_factory=list)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, ctx: Context) -> str:
        """See `AgentFunction`."""
        self.begun.append(ctx.text.split()[0])
        await self.opened.wait()
        return "passed"


@asynccontextmanager
async def narrow(
    settings: Settings, addresses: Addresses, turnstile: Turnstile
) -> AsyncIterator[RunningServer]:
    """A server with few slots, whose agent `turnstile` is that one."""
    few = settings.model_copy(update={"worker_slots": SLOTS, "poll_s": 0.1})
    async with server(few, addresses, {"turnstile": turnstile}) as running, asyncio.timeout(PATIENCE_S):
        yield running


def asks(owner: Owner, name: str, number: int, lane: Lane = Lane.HIGH) -> Submission:
    """A message for a thread of its own."""
    return Submission(
        owner=owner, client_id=f"{name}{number}", text=name, thread_id=None, agent="turnstile", lane=lane
    )


async def flood(running: RunningServer, owner: Owner, name: str, lane: Lane = Lane.HIGH) -> list[Acceptance]:
    """Fill every slot by direct starts, then the queue."""
    store = running.parts.store
    first = [await store.accept(asks(owner, name, number, lane)) for number in range(SLOTS)]
    rest = (store.accept(asks(owner, name, number, lane)) for number in range(SLOTS, FLOOD))
    return first + list(await asyncio.gather(*rest))


async def test_fault_22_in_a_flood_of_the_high_lane_the_low_lane_moves(
    settings: Settings, addresses: Addresses
) -> None:
    """What has waited for its age in the low lane goes before the flood, which goes on coming."""
    turnstile = Turnstile()
    async with narrow(settings, addresses, turnstile) as running:
        people = Users(running.parts)
        owner = await people.add()
        await flood(running, owner, "high")
        low = await running.parts.store.accept(asks(owner, "low", 0, Lane.LOW))
        assert turnstile.begun == ["high"] * SLOTS
        admin = await asyncpg.connect(addresses.owner_url)
        await admin.execute("UPDATE runs SET due_at = due_at - interval '22 s' WHERE id = $1", low.run_id)
        await admin.close()
        more = 0
        async with people.client(owner, [running.url]) as client:
            turnstile.opened.set()
            while "low" not in turnstile.begun:
                more += 1
                await running.parts.store.accept(asks(owner, "fresh", more))
            await client.ended(low.run_id)
            assert turnstile.begun.index("low") <= 2 * SLOTS
            assert "fresh" not in turnstile.begun[: turnstile.begun.index("low")]
            await client.until(lambda: turnstile.begun.count("high") == FLOOD)
            await all_ended(running)
            result = await verdict(addresses, [client])
            assert result.ok, result


async def test_fault_22_one_tenants_flood_does_not_starve_another(
    settings: Settings, addresses: Addresses
) -> None:
    """The other tenant, at the same server, waits for a fair share of the flood and not for all of it."""
    turnstile = Turnstile()
    async with narrow(settings, addresses, turnstile) as running:
        people = Users(running.parts)
        flooder, other = await people.add(tenant="acme"), await people.add(tenant="globex")
        async with people.client(other, [running.url]) as client:
            await client.connected()
            await flood(running, flooder, "flood")
            sent = await client.say("other", agent="turnstile")
            turnstile.opened.set()
            await client.ended(sent.run_id)
            again = await client.say("again", agent="turnstile", thread_id=sent.thread_id)
            await client.ended(again.run_id)
            await all_ended(running)
            assert turnstile.begun.index("other") < FLOOD / 2
            result = await verdict(addresses, [client])
            assert result.ok, result


async def all_ended(running: RunningServer) -> None:
    """Wait until no run is open."""
    while any((await running.parts.queue.depth()).values()):
        pass  # each look is a round trip to the store
