"""One campaign: a stack of its own, people who use it, faults by a plan, and in the end the verdict.

Everything that it starts ends with it. It talks to 127.0.0.1 only, and to no store but its own.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from netra_backend.chaos.breaking import AGAIN_S, Outage, Say
from netra_backend.chaos.facts import Facts, read_database
from netra_backend.chaos.history import judge
from netra_backend.chaos.load import Load
from netra_backend.chaos.plan import Order, Step, make_plan
from netra_backend.chaos.recording import Sent
from netra_backend.chaos.stage import Setup, Stage, set_up
from netra_backend.chaos.tape import Recording
from netra_backend.chaos.verdict import Verdict
from netra_backend.settings import Settings
from netra_backend.stack.process import StackError

LOOK_S = 0.5
TOLD_S = 5.0
"""Seconds between two lines about how far it is."""
_OPEN_RUNS = "SELECT count(*) FROM runs WHERE status IN ('queued', 'running')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that a campaign found; `report.py` makes figures of it.

    Attributes:
        frail: those of `ports` (gateway by port) with a bad network.
        broken: what no invariant speaks of and must not happen, in words.
        growth: memory of each process, in percent.
    """

    order: Order
    settings: Settings
    took_s: float
    verdict: Verdict
    facts: Facts
    recordings: Sequence[Recording]
    messages: Sequence[Sent]
    outages: Sequence[Outage]
    ports: Mapping[int, int]
    frail: frozenset[int]
    broken: Sequence[str]
    growth: Mapping[str, float]


async def run_campaign(order: Order, setup: Setup, *, say: Say) -> Outcome:
    """Run one campaign from start to verdict.

    Raises:
        StackError: the stack cannot start, or the clients cannot connect.
        EmbeddedError: a store cannot.
        SettingsError: a setting does not work.
    """
    loop = asyncio.get_running_loop()
    came = loop.time()
    plan = make_plan(order)
    say(f"seed {order.seed}: {len(plan)} faults in {order.seconds:g} s; starting the stack")
    async with set_up(order, setup, say) as stage:
        async with Load(stage.people, seed=order.seed) as load:
            broken = await _play(stage, load, plan, order)
        say("checking what is stored against what was promised")
        facts = await read_database(stage.stack.owner_url)
        return Outcome(
            order=order,
            settings=stage.settings,
            took_s=loop.time() - came,
            verdict=judge(load.recordings, facts),
            facts=facts,
            recordings=load.recordings,
            messages=load.messages,
            outages=stage.breaker.outages,
            ports=stage.ports,
            frail=frozenset(proxy.address[1] for proxy in stage.proxies.frail),
            broken=[*broken, *stage.watch.ended, *stage.breaker.troubles, *load.shut_out],
            growth=stage.watch.growth(),
        )


async def _play(stage: Stage, load: Load, plan: Sequence[Step], order: Order) -> list[str]:
    """Use and break the stack, then wait until everything has come to its end; what did not, in words."""
    try:
        async with asyncio.timeout(stage.patience_s):
            await load.connected()
    except TimeoutError:
        raise StackError(f"Not every client could connect; see the logs in {stage.stack.logs}.") from None
    began = asyncio.get_running_loop().time()
    # In a group, so that a mistake in them ends the campaign instead of leaving a figure out.
    async with asyncio.TaskGroup() as group:
        side = [group.create_task(stage.watch.run()), group.create_task(_tell(stage, load, began))]
        late = await _break_and_use(stage, load, plan, until=began + order.seconds)
        late = late or await _settle(stage, load)
        for task in side:
            task.cancel()
    return late


async def _break_and_use(stage: Stage, load: Load, plan: Sequence[Step], *, until: float) -> list[str]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout_at(until + AGAIN_S + stage.patience_s), asyncio.TaskGroup() as group:
            group.create_task(stage.breaker.carry_out(plan, began=began))
            group.create_task(load.use())
            await asyncio.sleep(until - began)
            load.end()
            stage.tell("no new messages; waiting until everything is healed and has ended")
    except TimeoutError:
        return ["a fault could not be healed"]
    return []


async def _settle(stage: Stage, load: Load) -> list[str]:
    seconds = stage.patience_s
    phases = (
        ("not every message was answered", load.answered()),
        ("not every run ended", _all_ended(stage.stack.owner_url)),
        ("not every client learned that it misses nothing", load.settle()),
    )
    late = []
    deadline = asyncio.get_running_loop().time() + seconds
    for what, phase in phases:
        try:
            async with asyncio.timeout_at(deadline):
                await phase
        except TimeoutError:
            late.append(f"{what} within {seconds:g} s after the last heal")
            deadline = max(deadline, asyncio.get_running_loop().time() + LOOK_S)
    return late


async def _all_ended(owner_url: str) -> None:
    """Wait until no run is open."""
    connection = await asyncpg.connect(owner_url)
    try:
        while await connection.fetchval(_OPEN_RUNS):  # noqa: ASYNC110 - PostgreSQL has no event for it
            await asyncio.sleep(LOOK_S)
    finally:
        await connection.close()


async def _tell(stage: Stage, load: Load, began: float) -> None:
    """Say from time to time how far it is."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(TOLD_S)
        waiting = len(load.messages) - load.accepted
        stage.tell(f"{loop.time() - began:.0f} s: {load.accepted} accepted, {waiting} under way")
