"""Runs a pydantic-ai `Agent` for Netra: text, thoughts, tool calls and usage go to the context.

Tool calls are wrapped where pydantic-ai executes them, so that `tool_executing` is stored before
the tool runs; reading the events afterwards would be too late for a crash in between.
"""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai import RunContext, RunUsage, ToolReturn, UsageLimits
from pydantic_ai.agent import AbstractAgent
from pydantic_ai.capabilities import AbstractCapability, CapabilityOrdering
from pydantic_ai.capabilities.abstract import ValidatedToolArgs, WrapToolExecuteHandler
from pydantic_ai.messages import (
    AgentStreamEvent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ToolCallPart,
    UserPromptPart,
)
from pydantic_ai.tools import ToolDefinition
from pydantic_core import to_json

from netra_backend.agents.context import AgentFunction, Context, ToolCall
from netra_backend.agents.errors import AgentSpecError
from netra_backend.agents.jsonable import jsonable
from netra_backend.domain.threads import Message

current_tool_call: ContextVar[ToolCall] = ContextVar("current_tool_call")
"""The call that a tool is running in, for its `idempotency_key`; set while a tool runs."""


def adapt_pydantic_ai(agent: AbstractAgent[Any, Any]) -> AgentFunction:
    """The agent function of a pydantic-ai agent.

    Its `deps` are the `Context` when its `deps_type` is `Context`, and None when it has none.

    Raises:
        AgentSpecError: it wants dependencies that Netra cannot make.
    """
    deps_type = agent.deps_type
    if deps_type not in (Context, type(None), object):
        raise AgentSpecError(
            f"this pydantic-ai agent wants `deps` of type {getattr(deps_type, '__name__', deps_type)}: give it "
            "`deps_type=Context` from netra_backend.agents.context, or name an `async def run(ctx)` that calls it."
        )

    async def run(ctx: Context) -> str:
        await ctx.think("I read the conversation and ask the model.")
        deps = None if deps_type is type(None) else ctx
        return await run_agent(agent, ctx, prompt=ctx.text, history=ctx.history, deps=deps)

    return run


async def run_agent(
    agent: AbstractAgent[Any, Any],
    ctx: Context,
    *,
    prompt: str,
    history: Sequence[Message],
    deps: object,
    limits: UsageLimits | None = None,
) -> str:
    """Run `agent` once and report everything to `ctx`. Returns the answer.

    The answer is what was written, so that a reload shows what was streamed; only an output that
    was made of it afterwards (structured, or by an output function) replaces it, as JSON if it is
    no text. Usage is counted also when the run fails.
    """
    usage = RunUsage()
    reporter = _Reporter(report=ctx)
    try:
        result = await agent.run(
            prompt,
            message_history=as_model_messages(history),
            deps=deps,
            usage=usage,
            usage_limits=limits,
            capabilities=[reporter],
            infer_name=False,
        )
    finally:
        ctx.count_usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
    output = result.output
    if not isinstance(output, str):
        return to_json(output, indent=2, serialize_unknown=True).decode()
    written = "".join(reporter.written)
    return written if written.rstrip().endswith(output.strip()) else output


def as_model_messages(history: Sequence[Message]) -> list[ModelMessage]:
    """The conversation for the model. Only the two roles that our database holds can come out."""
    return [_as_model_message(message) for message in history if message.content]


def _as_model_message(message: Message) -> ModelMessage:
    if message.role == "assistant":
        return ModelResponse(parts=[TextPart(message.content)], timestamp=message.created_at)
    return ModelRequest(parts=[UserPromptPart(message.content, timestamp=message.created_at)])


@dataclass
class _Reporter(AbstractCapability[Any]):
    """Watches one run from inside pydantic-ai."""

    report: Context
    written: list[str] = field(default_factory=list)

    def get_ordering(self) -> CapabilityOrdering | None:
        """Innermost: what other capabilities refuse, answer or defer is no call that was executed."""
        return CapabilityOrdering(position="innermost")

    async def wrap_tool_execute(
        self,
        ctx: RunContext[Any],
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,
        args: ValidatedToolArgs,
        handler: WrapToolExecuteHandler,
    ) -> Any:
        """Open the call durably, run the tool, close the call, whatever comes out of it."""
        # The id is left to the context: some servers number the calls anew in every answer of a run.
        async with self.report.tool(call.tool_name, jsonable(args)) as opened:
            token = current_tool_call.set(opened)
            try:
                result = await handler(args)
            finally:
                current_tool_call.reset(token)
            opened.result = jsonable(result.return_value if isinstance(result, ToolReturn) else result)
            return result

    async def wrap_run_event_stream(
        self, ctx: RunContext[Any], *, stream: AsyncIterable[AgentStreamEvent]
    ) -> AsyncIterator[AgentStreamEvent]:
        """Pass the events on to the agent's own handlers and report text and thoughts."""
        async with aclosing(super().wrap_run_event_stream(ctx, stream=stream)) as events:  # type: ignore[type-var] # it is a generator
            async for event in events:
                await self._report(event)
                yield event

    async def _report(self, event: AgentStreamEvent) -> None:
        match event:
            case PartStartEvent(part=TextPart(content=text)):
                # Text before a tool call and text after it are paragraphs of one answer.
                await self._write(f"\n\n{text}" if self.written else text)
            case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                await self._write(text)
            case PartEndEvent(part=ThinkingPart(content=thought)) if thought.strip():
                await self.report.think(thought.strip())

    async def _write(self, text: str) -> None:
        if text:
            self.written.append(text)
            await self.report.write(text)
