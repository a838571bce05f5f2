"""Agents of the simulation. Whatever they write carries the mark of the owner whom they run for."""

import asyncio
from collections.abc import Awaitable, Callable

from netra_backend.agents.context import AgentFailed, AgentFunction, Context, ToolError
from netra_backend.domain.ids import Owner

Effect = tuple[str, str, str]
"""A side effect of a tool: run, number of the call in its attempt, idempotency key."""


def mark(owner: Owner) -> str:
    """What every text of an owner holds, and no text of anybody else."""
    return f"<{owner.tenant_id}:{owner.user_id}>"


def agents(
    effects: list[Effect], kill: Callable[[], None], never: Callable[[], Awaitable[None]]
) -> dict[str, AgentFunction]:
    """The agents of one worker, by name; `kill` ends its process."""

    async def quick(ctx: Context) -> str:
        await ctx.think(f"{_mine(ctx)} thinking")
        await ctx.write(f"{_mine(ctx)} ")
        return f"{_mine(ctx)} answer to {ctx.text}"

    async def tools(ctx: Context) -> None:
        for number in range(2):
            async with ctx.tool("act", {"for": _mine(ctx)}) as call:
                effects.append((ctx.run_id, str(number), call.idempotency_key))
                await asyncio.sleep(0.4)
                call.result = _mine(ctx)
            await ctx.write(f"{_mine(ctx)} {number} ")

    async def long(ctx: Context) -> None:
        for number in range(9):
            await ctx.write(f"{_mine(ctx)} {number} ")
            await asyncio.sleep(0.5)

    async def failing(ctx: Context) -> None:
        await ctx.write(f"{_mine(ctx)} ")
        async with ctx.tool("fail", {}):
            raise ToolError("It cannot.")

    async def broken(ctx: Context) -> None:
        raise AgentFailed("broken", f"{_mine(ctx)} is out of luck.")

    async def waiting(ctx: Context) -> None:
        await ctx.write(f"{_mine(ctx)} waits")
        async with ctx.tool("wait", {}):
            await never()

    async def poison(ctx: Context) -> None:
        kill()
        await never()

    made = (quick, tools, long, failing, broken, waiting, poison)
    return {agent.__name__: agent for agent in made}


def _mine(ctx: Context) -> str:
    return mark(Owner(ctx.tenant_id, ctx.user_id))
