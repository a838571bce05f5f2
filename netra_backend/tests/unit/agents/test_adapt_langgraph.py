"""A LangGraph graph reports its text, thoughts, tools and usage, and each tool before it runs."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import interrupt
from typing_extensions import TypedDict

from netra_backend.agents.adapters import adapt
from netra_backend.agents.context import AgentFailed
from netra_backend.agents.errors import AgentSpecError
from netra_backend.testing.recording_context import RecordingContext, Report


class _Scripted(BaseChatModel):
    """A model that says the next of `answers`; `seen` holds what it was given."""

    answers: list[AIMessage]
    seen: list[list[BaseMessage]] = []  # noqa: RUF012 - pydantic copies it for each model

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.seen.append(messages)
        return ChatResult(generations=[ChatGeneration(message=self.answers.pop(0))])


def _call(name: str, arguments: dict[str, Any] | None = None, *, id_: str = "same") -> dict[str, Any]:
    return {"name": name, "args": arguments or {}, "id": id_, "type": "tool_call"}


def _graph(model: BaseChatModel, *tools: BaseTool, sync: bool = False, **compiled: Any) -> Any:
    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    def think_sync(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("think", think_sync if sync else think)
    builder.add_node("tools", ToolNode(list(tools)))
    builder.add_edge(START, "think")
    builder.add_conditional_edges("think", tools_condition)
    builder.add_edge("tools", "think")
    return builder.compile(**compiled)


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"cold in {city}"


async def test_streams_tokens_and_returns_what_was_streamed() -> None:
    """The model's tokens are the live text and the answer."""

    def answers() -> Iterator[AIMessage]:
        yield AIMessage("It is cold today")

    ctx = RecordingContext("hi")
    answer = await ctx.run(adapt(_graph(GenericFakeChatModel(messages=answers()))))
    assert answer == ctx.written == "It is cold today"
    assert sum(event[0] == "write" for event in ctx.events) > 3


@pytest.mark.parametrize("sync", [False, True])
async def test_a_tool_is_reported_before_it_runs_and_all_five_events_come(*, sync: bool) -> None:
    """`tool_executing` is stored first, also from nodes that are no coroutines."""
    order: list[str] = []

    async def stored(event: Report) -> None:
        order.append(event[0])

    @tool
    def warm(city: str) -> str:
        """Warm a city."""
        order.append(f"runs for {city}")
        return "warm"

    usage: Any = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
    model = _Scripted(
        answers=[
            AIMessage("I try. ", tool_calls=[_call("warm", {"city": "Oslo"})], usage_metadata=usage),
            AIMessage("Done.", usage_metadata=usage),
        ]
    )
    ctx = RecordingContext("warm it", on_report=stored)
    answer = await ctx.run(adapt(_graph(model, warm, sync=sync)))
    tools = [name for name in order if name != "write"]
    assert tools == [
        "agent_started",
        "agent_thinking",
        "tool_executing",
        "runs for Oslo",
        "tool_completed",
        "agent_completed",
    ]
    assert ("tool_executing", "call-1", "warm", {"city": "Oslo"}) in ctx.events
    assert ("tool_completed", "call-1", "ok", "warm") in ctx.events
    assert answer == ctx.written == "I try. \n\nDone."
    assert ctx.usage == (10, 14)


@pytest.mark.parametrize("kind", ["thread", "coroutine"])
async def test_a_tool_does_not_run_when_its_call_cannot_be_stored(kind: str) -> None:
    """A fenced worker must not act: the error of the report ends the run before a tool of any kind."""
    ran: list[str] = []

    async def fenced(event: Report) -> None:
        if event[0] == "tool_executing":
            raise PermissionError("fenced")

    @tool
    def act() -> str:
        """Act."""
        ran.append("acted")
        return "ok"

    @tool("act")
    async def act_async() -> str:
        """Act."""
        ran.append("acted")
        return "ok"

    tools = act if kind == "thread" else act_async
    graph = _graph(_Scripted(answers=[AIMessage("", tool_calls=[_call("act")])]), tools)
    with pytest.raises(PermissionError, match="fenced"):
        await RecordingContext("go", on_report=fenced).run(adapt(graph))
    assert ran == []


async def test_history_and_question_are_the_input() -> None:
    """The graph sees the thread as messages, whatever its own checkpointer kept."""
    model = _Scripted(answers=[AIMessage("one"), AIMessage("two")])
    agent = adapt(_graph(model, checkpointer=InMemorySaver()))
    for attempt in (1, 2):
        ctx = RecordingContext("And now?", history=[("user", "Hi"), ("assistant", "Hello")], attempt=attempt)
        await ctx.run(agent)
    expected = [("human", "Hi"), ("ai", "Hello"), ("human", "And now?")]
    assert [[(message.type, message.content) for message in seen] for seen in model.seen] == [
        expected,
        expected,
    ]


async def test_a_tool_that_fails_is_reported() -> None:
    """A tool's error ends its call as `error`, whether the graph carries on or not."""

    @tool
    def fail() -> str:
        """Fail."""
        raise LookupError("no such city")

    ctx = RecordingContext("go")
    with pytest.raises(LookupError):
        await ctx.run(adapt(_graph(_Scripted(answers=[AIMessage("", tool_calls=[_call("fail")])]), fail)))
    assert ("tool_completed", "call-1", "error", "no such city") in ctx.events


async def test_cancelling_ends_the_tool_and_reports_it() -> None:
    """Stop reaches the tool; its call ends as cancelled, before the run's end."""
    running, ended = asyncio.Event(), asyncio.Event()

    @tool
    async def wait() -> str:
        """Wait."""
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    ctx = RecordingContext("go")
    graph = _graph(_Scripted(answers=[AIMessage("", tool_calls=[_call("wait")])]), wait)
    task = asyncio.create_task(ctx.run(adapt(graph)))
    await asyncio.wait_for(running.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert ctx.events[-2:] == [
        ("tool_completed", "call-1", "cancelled", None),
        ("agent_completed", "stopped", None),
    ]


async def test_parallel_tools_overlap() -> None:
    """Two calls of one message are both open at once, told apart by their ids."""
    both = asyncio.Barrier(2)

    @tool
    async def work() -> str:
        """Work."""
        await asyncio.wait_for(both.wait(), 5)
        return "done"

    calls = [_call("work", id_="a"), _call("work", id_="b")]
    ctx = RecordingContext("go")
    await ctx.run(adapt(_graph(_Scripted(answers=[AIMessage("", tool_calls=calls), AIMessage("ok")]), work)))
    assert ctx.names[2:4] == ["tool_executing", "tool_executing"]
    assert sorted(event[1] for event in ctx.events if event[0] == "tool_completed") == ["call-1", "call-2"]


async def test_a_blocking_tool_call_in_a_coroutine_is_an_error() -> None:
    """It would stop the whole worker's loop, waiting for itself; instead the run fails and says why."""

    async def block(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(weather.invoke({"city": "Oslo"}))]}

    builder = StateGraph(MessagesState)
    builder.add_node("block", block)
    builder.add_edge(START, "block")
    with pytest.raises(RuntimeError, match=r"use `await tool.ainvoke\(\)`"):
        await RecordingContext("go").run(adapt(builder.compile()))


async def test_reasoning_is_a_thought() -> None:
    """Reasoning blocks are reported as thoughts and are no part of the answer."""
    content: Any = [{"type": "reasoning", "reasoning": "It is winter."}, {"type": "text", "text": "Cold."}]
    ctx = RecordingContext("weather?")
    assert await ctx.run(adapt(_graph(_Scripted(answers=[AIMessage(content)])))) == "Cold."
    assert ("agent_thinking", "It is winter.") in ctx.events


async def test_a_question_back_fails_the_run_plainly() -> None:
    """`interrupt` has nowhere to go here, and says so instead of giving an empty answer."""

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(str(interrupt("sure?")))]}

    builder = StateGraph(MessagesState)
    builder.add_node("ask", ask)
    builder.add_edge(START, "ask")
    builder.add_edge("ask", END)
    with pytest.raises(AgentFailed, match="stopped to ask something"):
        await RecordingContext("go").run(adapt(builder.compile(checkpointer=InMemorySaver())))


class _Other(TypedDict):
    question: str


def test_refuses_what_cannot_run() -> None:
    """A graph that is not compiled, or has no messages, is refused with what to do."""
    builder = StateGraph(_Other)
    builder.add_node("node", lambda state: state)
    builder.add_edge(START, "node")
    with pytest.raises(AgentSpecError, match=r"name the compiled graph, `graph.compile\(\)`"):
        adapt(builder)
    with pytest.raises(AgentSpecError, match="state has no `messages`"):
        adapt(builder.compile())
