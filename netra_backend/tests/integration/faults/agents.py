"""Agents for the processes of these tests, steered by the message: `netra worker --agent …:steered`."""

import asyncio
import os
import signal

from netra_backend.agents.context import Context

PACE_S = 0.03
"""Seconds between two words, as a model takes them."""


async def steered(ctx: Context) -> str | None:
    """Does what the first word says; see `DEEDS`. Anything else is answered at once, with all five events."""
    deed, *rest = ctx.text.split()
    return await DEEDS.get(deed, _answer)(ctx, rest)


async def _answer(ctx: Context, rest: list[str]) -> str:
    await ctx.think("A thought.")
    async with ctx.tool("look", {"at": "nothing"}) as call:
        call.result = "nothing"
    await ctx.write("You said: ")
    return f"You said: {ctx.text}"


async def _speak(ctx: Context, rest: list[str]) -> None:
    """`speak 20`: so many words, one after the other, in a tool call and after it."""
    await ctx.think("I have much to say.")
    async with ctx.tool("speak", {"words": int(rest[0])}):
        for number in range(int(rest[0])):
            await ctx.write(f"word {number} ")
            await asyncio.sleep(PACE_S)


async def _kill(ctx: Context, rest: list[str]) -> None:
    """`kill`: ends its worker's process as a fault in a C library would."""
    await ctx.think("Goodbye.")
    os.kill(os.getpid(), signal.SIGKILL)


DEEDS = {"speak": _speak, "kill": _kill}
