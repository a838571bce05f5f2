"""The agent of the production-like stack: a small real model that calls its tool itself. Holds no test.

The model's server takes no `tool_choice`, but holds the model to a JSON schema, so that what it writes is
a call that can be made. Which tool, and with which arguments, is the model's own writing.
"""

import functools
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import openai
from openai.types.chat import ChatCompletionMessageParam

from netra_backend.agents.budget import newest
from netra_backend.agents.context import AgentFailed, Context, ToolError
from netra_backend.agents.local_model import MODEL_NAME
from netra_backend.agents.tools import work_out

MODEL_URL: Final = "E2E_MODEL_URL"
MODEL_KEY: Final = "E2E_MODEL_KEY"
"""The endpoint's address and key, in the environment of every process that runs agents."""

ANSWER_TOKENS: Final = 32
HISTORY_BYTES: Final = 1_000
STALL_S: Final = 20.0
"""Seconds of silence after which the model counts as gone."""

CALL: Final[dict[str, object]] = {
    "anyOf": [
        {
            "type": "object",
            "properties": {
                "tool": {"const": "calculator"},
                "expression": {"type": "string", "pattern": "^[0-9]{1,3} [-+*/] [0-9]{1,3}$"},
            },
            "required": ["tool", "expression"],
        },
        {
            "type": "object",
            "properties": {
                "tool": {"const": "recall"},
                "word": {"type": "string", "pattern": "^[a-zA-Z]{2,16}$"},
            },
            "required": ["tool", "word"],
        },
    ]
}
EXAMPLES: Final = (
    ("What is 3 + 4?", '{"tool":"calculator","expression":"3 + 4"}'),
    ("What is the name of my boat?", '{"tool":"recall","word":"boat"}'),
    ("How much is 81 - 16?", '{"tool":"calculator","expression":"81 - 16"}'),
    ("Who painted the sunflowers?", '{"tool":"recall","word":"sunflowers"}'),
)
"""So small a model needs to be shown what a call is."""


async def assistant(ctx: Context) -> None:
    """Think, let the model call one tool, run it, then let the model answer with the conversation in view."""
    await ctx.think("I ask the model which tool it wants.")
    async with _explained():
        call = await _call_of_model(ctx.text)
        result = await _made(ctx, call)
        async for piece in _answer(ctx, result):
            await ctx.write(piece)


async def _call_of_model(question: str) -> dict[str, str]:
    shown = [text for example in EXAMPLES for text in example]
    answer = await _model().chat.completions.create(
        model=MODEL_NAME,
        messages=[_said(number, text) for number, text in enumerate([*shown, question])],
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "call", "schema": CALL},
        },
        max_tokens=40,
        temperature=0,
    )
    call: dict[str, str] = json.loads(answer.choices[0].message.content or "")
    return call


def _said(number: int, text: str) -> ChatCompletionMessageParam:
    if number % 2:
        return {"role": "assistant", "content": text}
    return {"role": "user", "content": text}


async def _made(ctx: Context, call: dict[str, str]) -> str:
    """Run the tool that the model called; what it found, for the model."""
    name = call.pop("tool")
    async with ctx.tool(name, call) as running:
        if name == "calculator":
            running.result = _calculated(call["expression"])
            return f"{call['expression']} = {running.result}"
        lines = [
            message.content for message in ctx.history if call["word"].lower() in message.content.lower()
        ]
        running.result = lines
        return ""


def _calculated(expression: str) -> str:
    try:
        return str(work_out(expression)["shown"])
    except ToolError as error:  # such as a division by zero: the model is told
        return str(error)


async def _answer(ctx: Context, found: str) -> AsyncIterator[str]:
    """The model's answer, piece by piece, with what the thread holds so far."""
    messages: list[Any] = [{"role": "system", "content": "You are a helpful assistant."}]
    messages += [
        {"role": message.role, "content": message.content}
        for message in newest(ctx.history, limit=HISTORY_BYTES)
    ]
    messages.append({"role": "user", "content": f"{ctx.text}\n({found})" if found else ctx.text})
    stream: Any = await _model().chat.completions.create(
        model=MODEL_NAME, messages=messages, max_tokens=ANSWER_TOKENS, temperature=0, stream=True
    )
    async with stream:
        async for part in stream:
            if part.choices and part.choices[0].delta.content:
                yield part.choices[0].delta.content


@functools.cache
def _model() -> openai.AsyncOpenAI:
    """One client a process; it ends with the process."""
    return openai.AsyncOpenAI(
        base_url=os.environ[MODEL_URL], api_key=os.environ[MODEL_KEY], timeout=STALL_S, max_retries=0
    )


@asynccontextmanager
async def _explained() -> AsyncIterator[None]:
    try:
        yield
    except openai.OpenAIError as error:
        raise AgentFailed("model_unavailable", "There is no connection to the model. Try again.") from error
