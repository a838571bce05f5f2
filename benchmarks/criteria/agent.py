"""The agent of the load: says what it was told in every event and in the answer, so that a mix-up shows."""

from typing import Final

from netra_backend.agents.context import Context

ECHOING: Final = "benchmarks.criteria.agent:echoing"


async def echoing(ctx: Context) -> str:
    """All five events; the answer is what `answer_to` says."""
    await ctx.think(f"I was told: {ctx.text}")
    async with ctx.tool("repeat", {"text": ctx.text}) as call:
        call.result = {"text": ctx.text}
    answer = answer_to(ctx.text)
    await ctx.write(answer)
    return answer


def answer_to(text: str) -> str:
    """The only right answer to a text."""
    return f"You said: {text}"
