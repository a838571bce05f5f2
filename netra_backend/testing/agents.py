"""Agents for tests: quick, predictable, and steered by events instead of time."""

import asyncio

from netra_backend.agents.context import AgentFailed, Context


async def echo(ctx: Context) -> str:
    """All five events; the answer repeats the question, written in two pieces."""
    await ctx.think("Repeating it.")
    async with ctx.tool("echo", {"text": ctx.text}) as call:
        call.result = {"text": ctx.text}
    await ctx.write("You said: ")
    await ctx.write(ctx.text)
    return f"You said: {ctx.text}"


async def whoami(ctx: Context) -> str:
    """Says for whom it runs, so that a mix-up of users shows."""
    async with ctx.tool("whoami", {}) as call:
        call.result = {"user_id": ctx.user_id}
    return f"tenant={ctx.tenant_id} user={ctx.user_id} thread={ctx.thread_id} text={ctx.text}"


async def waiting(ctx: Context) -> str:
    """Writes a little, then waits in a tool until it is cancelled."""
    await ctx.write("So far: ")
    async with ctx.tool("wait", {}):
        await asyncio.Event().wait()
    return "never"


async def failing(ctx: Context) -> str:
    """Writes a little, then fails in a way that the user should read about."""
    await ctx.write("So far: ")
    raise AgentFailed("test_failure", "This agent always fails.")


async def crashing(ctx: Context) -> str:
    """Fails with an exception that must not reach the user."""
    raise RuntimeError(f"secret detail about {ctx.user_id}")


async def remembering(ctx: Context) -> str:
    """Answers with the roles and texts that it was given as history."""
    return " | ".join(f"{message.role}: {message.content}" for message in ctx.history) or "nothing yet"


ALL = {agent.__name__: agent for agent in (echo, whoami, waiting, failing, crashing, remembering)}
"""By the names that `user_message` may ask for."""
