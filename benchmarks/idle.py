"""Memory of idle authenticated connections, next to idle connections of the bare server."""

import asyncio

from benchmarks.jobs import Job
from benchmarks.processes import Server, checked, load
from benchmarks.report import Figure, Section, load_now
from benchmarks.site import Site

CONNECTIONS = 5000
WARMUP = 100
"""Opened and closed before the first reading, so that what is loaded once is not counted."""
SETTLE_S = 3.0
"""After the last connection: the start silence (1 s) and a beat or two are over."""
TARGET_KB = 30.0


async def memory(site: Site) -> Section:
    """Each connection has a user of its own: sharing one would share the subscription as well."""
    began = load_now()
    async with site.bare() as bare:
        floor = await _growth(bare, ["none"] * CONNECTIONS)
    async with site.netra() as netra:
        found = await _growth(netra, await site.users(CONNECTIONS))
    (rss, pss), (bare_rss, bare_pss) = found, floor
    figures = [
        Figure(
            name="resident memory a connection",
            value=rss,
            unit="KB",
            target=TARGET_KB,
            bare=bare_rss,
            load=began,
            note=f"{CONNECTIONS} connections, all answered a ping at the end",
        ),
        Figure(name="proportional share (PSS)", value=pss, unit="KB", bare=bare_pss, load=began),
    ]
    return Section(title="Idle authenticated connections", figures=figures)


async def _growth(server: Server, tokens: list[str]) -> tuple[float, float]:
    """RSS and PSS in KB (1,000 bytes) a connection."""
    await _hold(server, tokens[:WARMUP])
    rss, pss = server.memory()
    held_rss, held_pss = await _hold(server, tokens)
    return (held_rss - rss) / len(tokens) / 1000, (held_pss - pss) / len(tokens) / 1000


async def _hold(server: Server, tokens: list[str]) -> tuple[int, int]:
    """Memory while a connection for each token is open; every one must answer a ping afterwards."""
    async with load(Job(mode="idle", url=server.socket_url, tokens=tokens)) as running:
        if not await running.until("held"):
            checked(running.outcome)
        await asyncio.sleep(SETTLE_S)
        found = server.memory()
        await running.go_on()
        await running.until(None)
        answered = checked(running.outcome).connections
        assert answered == len(tokens), f"{answered} of {len(tokens)} connections were open at the end"
        return found
