"""The assistant: a plain agent with one tool."""

import re
from typing import Any

SUM = re.compile(r"(-?\d+)\s*([+*-])\s*(-?\d+)")


async def assistant(ctx: Any) -> str:
    """Works out the sum in the question, or repeats the question."""
    found = SUM.search(ctx.text)
    await ctx.think("Looking for something to work out.")
    if found is None:
        async with ctx.tool("echo", {"text": ctx.text}) as call:
            call.result = {"text": ctx.text}
        return f"You said: {ctx.text}"
    left, operator, right = int(found[1]), found[2], int(found[3])
    async with ctx.tool("calculator", {"expression": found[0]}) as call:
        call.result = {"+": left + right, "-": left - right, "*": left * right}[operator]
    return f"{found[0]} = {call.result}"
