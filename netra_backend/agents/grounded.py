"""The built-in agent of a model that is too small to call tools, such as the one of `local_model.py`.

The program calls one real tool before it asks the model, and says so; the model never claims to.
"""

from typing import Final

from pydantic_ai import Agent
from pydantic_ai.models import Model

from netra_backend.agents.adapt_pydantic_ai import run_agent
from netra_backend.agents.arithmetic import find_arithmetic
from netra_backend.agents.budget import cut, newest
from netra_backend.agents.context import Context, ToolError
from netra_backend.agents.provider import (
    FIRST_RETRY_S,
    STALL_TIMEOUT_S,
    PatientModel,
    build_model,
    failures_explained,
    request_settings,
)
from netra_backend.agents.tools import Search, found_as_text, key_words, use_calculator, use_search

SMALL_INSTRUCTIONS: Final = "You are a helpful assistant."
"""So short because longer ones, tried on the local model, made its answers worse."""

AFTER_ARITHMETIC: Final = "Offer me, in one short sentence, your help with my next question."
"""What the model is asked when the calculator has answered: asked for the sum, it contradicts it."""

SMALL_BYTES: Final = 1_000
"""Of history, and of the question: a context of 2,048 tokens holds both in any script, and reading
them on one core takes a few seconds."""

SMALL_ANSWER_TOKENS: Final = 200
"""About three seconds of writing on one core."""


class GroundedAgent:
    """An agent function for models too small to call tools. Close it with `aclose`.

    The program, not the model, decides on the one tool and calls it before the model is asked: the
    calculator if there is arithmetic in the question, else the search. What the search finds goes
    into the prompt. What the calculator gives is the answer's first line, written by the program,
    and the model only adds a sentence, because small models misquote numbers.
    """

    def __init__(self, model: Model, *, name: str, search: Search, stall_s: float) -> None:
        self._name = name
        self._search = search
        self._agent = Agent(
            model,
            instructions=SMALL_INSTRUCTIONS,
            model_settings=request_settings(stall_s=stall_s, max_tokens=SMALL_ANSWER_TOKENS),
        )

    async def __call__(self, ctx: Context) -> str:
        """Answer one question."""
        expression = find_arithmetic(ctx.text)
        if expression is None:
            return await self._ask(ctx, await self._looked_up(ctx) + cut(ctx.text, limit=SMALL_BYTES))
        value = await self._worked_out(ctx, expression)
        await ctx.write(value)
        return value + await self._ask(ctx, AFTER_ARITHMETIC)

    async def aclose(self) -> None:
        """Close the connections to the provider."""
        async with self._agent:
            pass  # leaving it closes what it keeps between runs

    async def _ask(self, ctx: Context, prompt: str) -> str:
        history = newest(ctx.history, limit=SMALL_BYTES)
        with failures_explained(self._name):
            return await run_agent(self._agent, ctx, prompt=prompt, history=history, deps=None)

    async def _worked_out(self, ctx: Context, expression: str) -> str:
        await ctx.think(f"There is arithmetic in the question: {expression}. I use the calculator first.")
        try:
            return f"`{expression}` = **{await use_calculator(ctx, expression)}**\n\n"
        except ToolError as error:
            return f"`{expression}` cannot be worked out. {error}\n\n"

    async def _looked_up(self, ctx: Context) -> str:
        await ctx.think(f"I look through your earlier messages, then I ask {self._name}.")
        found = await use_search(ctx, self._search, " ".join(key_words(ctx.text)) or cut(ctx.text, limit=60))
        if not found:
            return ""
        return cut(f"I wrote earlier:\n{found_as_text(found[:3])}", limit=SMALL_BYTES // 2) + "\n\n"


def grounded_agent(
    model: str,
    *,
    base_url: str,
    api_key: str | None,
    search: Search,
    timeout_s: float = STALL_TIMEOUT_S,
    first_retry_s: float = FIRST_RETRY_S,
) -> GroundedAgent:
    """The agent of a small model at an OpenAI-compatible endpoint, such as `LocalModel`."""
    return GroundedAgent(
        PatientModel(build_model(model, base_url=base_url, api_key=api_key), first_wait_s=first_retry_s),
        name=model,
        search=search,
        stall_s=timeout_s,
    )
