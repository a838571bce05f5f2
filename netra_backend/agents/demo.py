"""The agent that answers when no model is configured: no key, no network, two real tools.

It says what it is. It never sleeps, but for `count slowly to 20`, which is there to be stopped.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Final

from netra_backend.agents.arithmetic import find_arithmetic
from netra_backend.agents.context import AgentFunction, Context, ToolError
from netra_backend.agents.tools import (
    Search,
    found_as_text,
    key_words,
    use_calculator,
    use_search,
)

Pause = Callable[[float], Awaitable[object]]

COUNT_PAUSE_S: Final = 0.25
"""Slow enough to reach for the stop button."""

MAX_COUNT: Final = 100
"""25 seconds of counting; longer teaches nothing."""

HELP: Final = (
    "I am Netra's demo agent: I run without any model or key, with two real tools.\n\n"
    "- **Arithmetic**: ask `What is 12 * (3 + 4)?` or `sqrt(2) ^ 3`\n"
    "- **Search**: name a word that you used in any of your threads, and I look for it\n"
    "- **Stop**: write `count slowly to 20` and press the stop button\n\n"
    "To talk to a model instead, start Netra with `--model`, or with your own agent by `--agent`.\n"
)

_COUNT: Final = re.compile(r"\bcount\s+(?:slowly\s+)?(?:up\s+)?to\s+(\d{1,6})\b", re.IGNORECASE)
_CHUNK: Final = re.compile(r"\S+\s*(?:\S+\s*){0,5}")
_QUOTED: Final = 60


def demo_agent(search: Search, *, pause: Pause = asyncio.sleep) -> AgentFunction:
    """The demo agent. `search` looks through one owner's threads; `pause` waits for some seconds."""

    async def run(ctx: Context) -> None:
        counting = _COUNT.search(ctx.text)
        expression = find_arithmetic(ctx.text)
        if counting is not None:
            await _count(ctx, int(counting[1]), pause)
        elif expression is not None:
            await _work_out(ctx, expression)
        else:
            await _look_up(ctx, search)

    return run


async def _count(ctx: Context, last: int, pause: Pause) -> None:
    last = max(1, min(last, MAX_COUNT))
    await ctx.think(f"I am asked to count to {last}. First I work out how long that takes.")
    seconds = await use_calculator(ctx, f"{last} * {COUNT_PAUSE_S}")
    await ctx.write(f"This takes about {seconds} seconds. Press stop whenever you like.\n\n")
    for number in range(1, last + 1):
        await pause(COUNT_PAUSE_S)
        await ctx.write(f"{number}" if number == last else f"{number}, ")
    await ctx.write("\n\nDone: nobody stopped me.\n")


async def _work_out(ctx: Context, expression: str) -> None:
    await ctx.think(f"There is arithmetic in the question: {expression}. I use the calculator.")
    try:
        value = await use_calculator(ctx, expression)
    except ToolError as error:
        await _say(ctx, f"I tried to work out `{expression}`, but: {error}\n\n{HELP}")
        return
    await _say(ctx, f"`{expression}` = **{value}**\n\nThe demo agent's calculator worked this out. ")
    await _say(ctx, "Ask for more arithmetic, or for a word from your earlier messages.\n")


async def _look_up(ctx: Context, search: Search) -> None:
    words = key_words(ctx.text) or [" ".join(ctx.text.split())[:_QUOTED]]
    await ctx.think("There is no arithmetic in the question, so I look through your earlier messages.")
    found = await use_search(ctx, search, " ".join(words))
    if not found and len(words) > 1:
        longest = max(words, key=len)
        await ctx.think(f"No message has all of these words. I try only “{longest}”.")
        words, found = [longest], await use_search(ctx, search, longest)
    quoted = " ".join(words)
    if found:
        await _say(ctx, f"You wrote about “{quoted}” before:\n\n{found_as_text(found)}\n\n")
    elif key_words(ctx.text):
        await _say(ctx, f"I found nothing about “{quoted}” in your earlier messages.\n\n")
    else:
        await _say(
            ctx, "Hello! There is nothing to work out in that, and nothing like it in your threads.\n\n"
        )
    await _say(ctx, HELP)


async def _say(ctx: Context, text: str) -> None:
    """Write in pieces of a few words, as a model does; the pieces join to exactly `text`."""
    for match in _CHUNK.finditer(text):
        await ctx.write(match.group())
