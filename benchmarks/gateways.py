"""Two gateways and a worker as processes: many idle connections, and a storm of reconnects."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import psutil

from benchmarks.idle import SETTLE_S
from benchmarks.jobs import Job
from benchmarks.percentiles import Spread
from benchmarks.processes import Load, checked, load
from benchmarks.report import Figure, Section, load_now
from benchmarks.returning import MISSED
from benchmarks.site import Site
from netra_backend.stack.process import NetraProcess

IDLE = 10_000
"""Connections over both gateways, each of a user of its own."""
WARM_UP = 100
TARGET_KB = 30.0
STORM = 2000
STORM_TARGET_MS = 3000.0


async def gateways(site: Site) -> Section:
    """Memory of each gateway for half of the connections; every one must answer a ping at the end."""
    began, figures = load_now(), []
    async with site.stack(gateways=2, workers=1) as stack:
        tokens = await site.users(IDLE)
        await _hold(stack.gateways, tokens[:WARM_UP])
        before = [_memory(gateway) for gateway in stack.gateways]
        held = await _hold(stack.gateways, tokens)
    half = IDLE // 2
    for number, ((rss, pss), (held_rss, held_pss)) in enumerate(zip(before, held, strict=True), 1):
        figures += [
            Figure(
                name=f"gateway {number}: resident memory a connection",
                value=(held_rss - rss) / half / 1000,
                unit="KB",
                target=TARGET_KB,
                load=began,
                note=f"{half} of {IDLE} connections, all answered a ping at the end",
            ),
            Figure(
                name=f"gateway {number}: proportional share (PSS)",
                value=(held_pss - pss) / half / 1000,
                unit="KB",
                load=began,
            ),
        ]
    return Section(title="Idle authenticated connections over two gateways", figures=figures)


async def storm(site: Site) -> Section:
    """A gateway is killed; all its clients have missed events and come back to the other, a tenth has runs under way."""
    began = load_now()
    async with site.stack(gateways=2, workers=1) as stack:
        tokens = await site.users(STORM)
        lost, left = stack.gateways
        job = Job(mode="storm", url=_socket(lost), next_url=_socket(left), tokens=tokens)
        async with load(job) as running:
            await _reach(running, "held")
            await running.go_on()
            await _reach(running, "begin")
            lost.kill()
            await running.until(None)
            outcome = checked(running.outcome)
    spread = Spread.of(outcome.firsts)
    note = f"{spread.count} of {STORM} resumed on one gateway, each had missed {MISSED} events, and every one came"
    return Section(
        title="Storm of reconnects",
        figures=[
            Figure(
                name="cut off to resumed, p99",
                value=spread.p99,
                unit="ms",
                target=STORM_TARGET_MS,
                load=began,
                note=note,
            ),
            Figure(name="cut off to resumed, median", value=spread.p50, unit="ms", load=began),
            Figure(name="cut off to resumed, worst", value=spread.worst, unit="ms", load=began),
            Figure(
                name="resumed",
                value=len(outcome.firsts),
                unit="clients",
                target=STORM,
                more_is_better=True,
                load=began,
            ),
        ],
        remarks=["Times include the clients' own jitter (full, base 0.5 s)."],
    )


async def _hold(running: Sequence[NetraProcess], tokens: list[str]) -> list[tuple[int, int]]:
    """Memory of each gateway while its share of the connections is open."""
    share = len(tokens) // len(running)
    async with AsyncExitStack() as stack:
        loads = []
        for number, gateway in enumerate(running):
            mine = tokens[number * share : (number + 1) * share]
            loads.append(
                await stack.enter_async_context(load(Job(mode="idle", url=_socket(gateway), tokens=mine)))
            )
        await asyncio.gather(*(_reach(each, "held") for each in loads))
        await asyncio.sleep(SETTLE_S)
        found = [_memory(gateway) for gateway in running]
        for each in loads:
            await each.go_on()
            await each.until(None)
            answered = checked(each.outcome).connections
            assert answered == share, f"{answered} of {share} connections were open at the end"
    return found


async def _reach(running: Load, phase: str) -> None:
    if not await running.until(phase):
        checked(running.outcome)


def _socket(gateway: NetraProcess) -> str:
    return gateway.url.replace("http://", "ws://", 1) + "/ws"


def _memory(gateway: NetraProcess) -> tuple[int, int]:
    """RSS and PSS in bytes."""
    full = psutil.Process(gateway.pid).memory_full_info()
    return full.rss, full.pss
