"""The agent that `netra chaos` runs by default: as long as it was asked to, with thoughts, tools and live text."""

import asyncio
import re

from netra_backend.agents.context import Context

PACED = "netra_backend.chaos.agents:paced"
"""As of `netra worker --agent`."""
BEAT_S = 0.4
"""Seconds between two signs of life: often enough to tell when a run was interrupted."""
LONGEST_S = 60.0
"""Seconds that a text may ask for."""

_ORDER = re.compile(r"Work (\d+(?:\.\d+)?) s with (\d+) tools\.")


def order(seconds: float, tools: int) -> str:
    """The text that asks `paced` for so much work."""
    return f"Work {seconds:.1f} s with {tools} tools."


async def paced(ctx: Context) -> None:
    """Work as ordered (see `order`), otherwise answer at once; the answer is what was written."""
    found = _ORDER.search(ctx.text)
    beats = round(min(float(found[1]), LONGEST_S) / BEAT_S) if found else 0
    tools = min(int(found[2]), beats) if found else 0
    await ctx.write("Begun.")
    for beat in range(beats):
        if beat < tools:
            async with ctx.tool("measure", {"beat": beat}) as call:
                await asyncio.sleep(BEAT_S)
                call.result = {"beat": beat}
        else:
            await ctx.think(f"Beat {beat + 1} of {beats}.")
            await asyncio.sleep(BEAT_S)
        await ctx.write(f" Beat {beat + 1}.")
    await ctx.write(" Done.")
