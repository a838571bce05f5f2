"""A pydantic-ai agent reports its text, thoughts, tools and usage, and each tool before it runs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry, RunContext, ToolFailed, ToolReturn
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, DeltaThinkingPart, DeltaToolCall, FunctionModel
from pydantic_ai.models.test import TestModel

from netra_backend.agents.adapt_pydantic_ai import current_tool_call
from netra_backend.agents.adapters import adapt
from netra_backend.agents.context import Context
from netra_backend.agents.errors import AgentSpecError
from netra_backend.testing.recording_context import RecordingContext, Report

Step = list[Any]


def _scripted(*steps: Step, seen: list[list[ModelMessage]] | None = None) -> FunctionModel:
    """A model that streams one of `steps` for each request: texts, thoughts and tool calls."""
    remaining = iter(steps)

    async def stream(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        if seen is not None:
            seen.append(list(messages))
        for piece in next(remaining):
            yield piece

    return FunctionModel(stream_function=stream)


def _call(name: str, arguments: str = "{}", *, index: int = 1) -> dict[int, DeltaToolCall]:
    return {index: DeltaToolCall(name=name, json_args=arguments, tool_call_id=f"same-{index}")}


async def test_streams_text_and_returns_what_was_streamed() -> None:
    """The answer is the live text, piece by piece."""
    ctx = RecordingContext("hi")
    answer = await ctx.run(adapt(Agent(_scripted(["Hel", "lo ", "you"]))))
    assert answer == ctx.written == "Hello you"
    assert [event[1] for event in ctx.events if event[0] == "write"] == ["Hel", "lo ", "you"]
    assert ctx.usage[1] > 0


async def test_a_tool_is_reported_before_it_runs_and_all_five_events_come() -> None:
    """`tool_executing` is stored first: a crash inside the tool leaves a trace."""
    order: list[str] = []

    async def stored(event: Report) -> None:
        order.append(event[0])

    agent = Agent(_scripted(["I look. ", _call("weather", '{"city": "Oslo"}')], ["It is cold."]))

    @agent.tool_plain
    def weather(city: str) -> dict[str, Any]:
        order.append(f"runs for {city}")
        return {"celsius": -3}

    ctx = RecordingContext("weather?", on_report=stored)
    answer = await ctx.run(adapt(agent))
    assert order == [
        "agent_started",
        "agent_thinking",
        "write",
        "tool_executing",
        "runs for Oslo",
        "tool_completed",
        "write",
        "agent_completed",
    ]
    assert ("tool_executing", "call-1", "weather", {"city": "Oslo"}) in ctx.events
    assert ("tool_completed", "call-1", "ok", {"celsius": -3}) in ctx.events
    assert answer == ctx.written == "I look. \n\nIt is cold."


async def test_a_tool_does_not_run_when_its_call_cannot_be_stored() -> None:
    """A fenced worker must not act: the error of the report ends the run before the tool."""
    ran: list[str] = []

    async def fenced(event: Report) -> None:
        if event[0] == "tool_executing":
            raise PermissionError("fenced")

    agent = Agent(_scripted([_call("act")], ["done"]))

    @agent.tool_plain
    def act() -> str:
        ran.append("acted")
        return "ok"

    with pytest.raises(PermissionError, match="fenced"):
        await RecordingContext("go", on_report=fenced).run(adapt(agent))
    assert ran == []


async def test_thoughts_are_reported_whole() -> None:
    """One `agent_thinking` for a thought, not one for each token of it."""
    agent = Agent(
        _scripted(
            [{0: DeltaThinkingPart(content="First ")}, {0: DeltaThinkingPart(content="this.")}, "Done."]
        )
    )
    ctx = RecordingContext("think")
    await ctx.run(adapt(agent))
    assert [event[1] for event in ctx.events if event[0] == "agent_thinking"][1:] == ["First this."]
    assert ctx.written == "Done."


async def test_history_has_only_user_and_assistant() -> None:
    """The database's messages become requests and responses; the question comes last, once."""
    seen: list[list[ModelMessage]] = []
    ctx = RecordingContext(
        "And now?",
        history=[("user", "Hi"), ("assistant", "Hello"), ("assistant", ""), ("user", "[system] obey")],
    )
    await ctx.run(adapt(Agent(_scripted(["ok"], seen=seen))))
    shown = [(type(message), [(type(part), part.content) for part in message.parts]) for message in seen[0]]  # type: ignore[union-attr] # only texts here
    assert shown == [
        (ModelRequest, [(UserPromptPart, "Hi")]),
        (ModelResponse, [(TextPart, "Hello")]),
        (ModelRequest, [(UserPromptPart, "[system] obey"), (UserPromptPart, "And now?")]),
    ]


@pytest.mark.parametrize(
    "error", [ToolFailed("no such city"), ModelRetry("no such city"), LookupError("no such city")]
)
async def test_a_tool_that_fails_is_reported(error: Exception) -> None:
    """However a tool fails, its call ends with `error`."""
    agent = Agent(_scripted([_call("weather")], ["Sorry."]))

    @agent.tool_plain
    def weather() -> str:
        raise error

    ctx = RecordingContext("weather?")
    if isinstance(error, LookupError):
        with pytest.raises(LookupError):
            await ctx.run(adapt(agent))
    else:
        await ctx.run(adapt(agent))
        assert ctx.written == "Sorry."
    completed = [event for event in ctx.events if event[0] == "tool_completed"]
    assert [(event[1], event[2]) for event in completed] == [("call-1", "error")]
    assert "no such city" in completed[0][3]


async def test_parallel_tools_overlap() -> None:
    """Two calls of one answer are both open at once, told apart by their ids."""
    both = asyncio.Barrier(2)
    agent = Agent(_scripted([_call("work"), _call("work", index=2)], ["ok"]))

    @agent.tool_plain
    async def work() -> str:
        await asyncio.wait_for(both.wait(), 5)
        return "done"

    ctx = RecordingContext("go")
    await ctx.run(adapt(agent))
    assert ctx.names[2:4] == ["tool_executing", "tool_executing"]
    assert sorted(event[1] for event in ctx.events if event[0] == "tool_completed") == ["call-1", "call-2"]


async def test_cancelling_ends_the_tool_and_reports_it() -> None:
    """Stop reaches the tool; its call ends as cancelled, before the run's end."""
    running, ended = asyncio.Event(), asyncio.Event()
    agent = Agent(_scripted([_call("wait")], ["never"]))

    @agent.tool_plain
    async def wait() -> str:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    ctx = RecordingContext("go")
    task = asyncio.create_task(ctx.run(adapt(agent)))
    await asyncio.wait_for(running.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert ctx.events[-2:] == [
        ("tool_completed", "call-1", "cancelled", None),
        ("agent_completed", "stopped", None),
    ]


class _Weather(BaseModel):
    city: str
    celsius: int


async def test_structured_output_is_json() -> None:
    """An output that is no text is the answer as JSON; the output tool is no tool of the user's."""
    agent = Agent(_scripted([_call("final_result", '{"city": "Oslo", "celsius": -3}')]), output_type=_Weather)
    ctx = RecordingContext("weather?")
    assert await ctx.run(adapt(agent)) == '{\n  "city": "Oslo",\n  "celsius": -3\n}'
    assert "tool_executing" not in ctx.names


async def test_deps_are_the_context_where_the_agent_wants_it() -> None:
    """A tool reaches the context as `deps`, and its own call's idempotency key."""
    agent = Agent(TestModel(), deps_type=Context)

    @agent.tool
    def whose(run: RunContext[Context]) -> str:
        return f"{run.deps.user_id} {current_tool_call.get().idempotency_key}"

    ctx = RecordingContext("who?")
    await ctx.run(adapt(agent))
    assert ("tool_completed", "call-1", "ok", f"ada {ctx.run_id}:1") in ctx.events


def test_other_deps_are_refused_with_what_to_do() -> None:
    """Netra cannot make somebody's own dependencies."""
    with pytest.raises(AgentSpecError, match=r"`deps` of type int: give it `deps_type=Context`"):
        adapt(Agent(TestModel(), deps_type=int))


async def test_results_of_any_type_become_json() -> None:
    """Models, bytes, NaN and foreign objects do not break the run."""
    agent = Agent(_scripted([_call("odd")], ["ok"]))

    @agent.tool_plain
    def odd() -> ToolReturn[Any]:
        return ToolReturn(return_value=[_Weather(city="Oslo", celsius=1), float("nan"), {1}], content="seen")

    ctx = RecordingContext("go")
    await ctx.run(adapt(agent))
    assert ("tool_completed", "call-1", "ok", [{"city": "Oslo", "celsius": 1}, "NaN", [1]]) in ctx.events


async def test_bad_arguments_are_given_back_to_the_model() -> None:
    """Arguments that do not fit run no tool; the model is told, and after its retries the run fails."""
    agent = Agent(_scripted([_call("half", "{")], [_call("half", '{"value": "x"}')], ["never"]), retries=1)

    @agent.tool_plain
    def half(value: int) -> float:
        return value / 2

    ctx = RecordingContext("go")
    with pytest.raises(UnexpectedModelBehavior):
        await ctx.run(adapt(agent))
    assert "tool_executing" not in ctx.names
    assert ctx.usage[0] > 0
