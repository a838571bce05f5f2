"""The stub agent: all five events and a short text, and no work of its own, so that only Netra is measured."""

from netra_backend.agents.context import Context

ANSWER = "Paris is the capital of France."


async def stub(ctx: Context) -> str:
    """Think, use one tool, write the answer in one piece."""
    await ctx.think("Looking it up.")
    async with ctx.tool("lookup", {"query": "capital of France"}) as call:
        call.result = {"found": "Paris"}
    await ctx.write(ANSWER)
    return ANSWER
