"""Runs a compiled LangGraph graph with a `messages` state for Netra.

Tool calls are reported by a callback that LangChain waits for, so that `tool_executing` is stored
before the tool runs. The graph's own checkpointer never carries a conversation over: history is our database's.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    ToolMessage,
)
from langchain_core.outputs import LLMResult
from langgraph.pregel import Pregel

from netra_backend.agents.context import AgentFailed, AgentFunction, Context
from netra_backend.agents.errors import AgentSpecError
from netra_backend.agents.jsonable import jsonable
from netra_backend.domain.threads import Message

T = TypeVar("T")


def adapt_langgraph(graph: object) -> AgentFunction:
    """The agent function of a compiled graph whose state has `messages`.

    The graph gets the thread's messages and the user's text; its last AI message is the answer.
    In a node's config, `configurable` holds the `Context` as `netra_context`.

    Raises:
        AgentSpecError: the graph is not compiled, or has no `messages`.
    """
    if not isinstance(graph, Pregel):
        raise AgentSpecError(
            "this LangGraph object cannot be run: name the compiled graph, `graph.compile()`."
        )
    if "messages" not in graph.channels:
        raise AgentSpecError(
            "this graph's state has no `messages`: derive it from langgraph.graph.MessagesState, or name an "
            "`async def run(ctx)` that calls the graph."
        )

    async def run(ctx: Context) -> str:
        await ctx.think("I read the conversation and start the graph.")
        return await _run(graph, ctx)

    return run


async def _run(graph: Pregel[Any, Any, Any, Any], ctx: Context) -> str:
    reporter = _Reporter(ctx=ctx, home=asyncio.get_running_loop(), home_thread=threading.get_ident())
    config: Any = {
        "callbacks": [reporter],
        "configurable": {
            # A graph with a checkpointer needs an id; one of its own for each attempt, so that
            # neither an earlier run nor a crashed attempt is mixed into this one.
            "thread_id": f"{ctx.run_id}:{ctx.attempt}",
            "netra_context": ctx,
        },
    }
    asked = {"messages": [*as_langchain_messages(ctx.history), HumanMessage(ctx.text)]}
    state: dict[str, Any] = {}
    try:
        async with aclosing(graph.astream(asked, config, stream_mode=["messages", "values"])) as parts:  # type: ignore[type-var] # it is a generator
            async for mode, part in cast(AsyncIterator[tuple[str, Any]], parts):
                if mode == "messages":
                    await reporter.on_message(part[0])
                else:
                    state = part
    finally:
        await reporter.close()
    return _answer(state, reporter)


def _answer(state: dict[str, Any], reporter: "_Reporter") -> str:
    """What was written, so that a reload shows what was streamed; else the last AI message."""
    if state.get("__interrupt__"):
        raise AgentFailed(
            "agent_interrupted", "The agent stopped to ask something, which is not supported here."
        )
    said = [message for message in state.get("messages", ()) if isinstance(message, AIMessage)]
    final = str(said[-1].text) if said else ""
    written = "".join(reporter.written)
    return written if written.rstrip().endswith(final.strip()) else final


def as_langchain_messages(history: Sequence[Message]) -> list[AnyMessage]:
    """The conversation for the graph. Only the two roles that our database holds can come out."""
    return [
        AIMessage(message.content) if message.role == "assistant" else HumanMessage(message.content)
        for message in history
        if message.content
    ]


@dataclass
class _Open:
    """A tool call in progress; its block waits for `outcome` in a task of its own."""

    outcome: asyncio.Future[Any]
    block: asyncio.Task[None]


@dataclass(eq=False)
class _Reporter(BaseCallbackHandler):
    """Watches one run from inside LangChain. `home` is the loop that the context lives in.

    The callbacks are synchronous and run in threads: LangChain only logs what an asynchronous one
    raises when the tool is synchronous, and the tool would run although its call was not stored.
    """

    ctx: Context
    home: asyncio.AbstractEventLoop
    home_thread: int
    written: list[str] = field(default_factory=list)
    _calls: dict[UUID, _Open] = field(default_factory=dict)
    _last: str | None = None
    _thoughts: list[str] = field(default_factory=list)

    _closed: bool = False

    raise_error = True  # LangChain would only log that an event could not be stored

    async def on_message(self, message: BaseMessage) -> None:
        """Report a piece of a message that a model of the graph says."""
        if not isinstance(message, AIMessage):
            return
        if message.id != self._last:
            await self._flush_thoughts()
        self._thoughts += [
            str(block.get("reasoning", ""))
            for block in message.content_blocks
            if block["type"] == "reasoning"
        ]
        if text := str(message.text):
            await self._flush_thoughts()
            # Text before a tool call and text after it are paragraphs of one answer.
            piece = f"\n\n{text}" if self.written and message.id != self._last else text
            self._last = message.id
            self.written.append(piece)
            await self.ctx.write(piece)

    async def _flush_thoughts(self) -> None:
        thought, self._thoughts = "".join(self._thoughts).strip(), []
        if thought:
            await self.ctx.think(thought)

    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,
        *,
        run_id: UUID,
        inputs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Open the call durably; LangChain runs the tool when this returns."""
        name = str(kwargs.get("name") or (serialized or {}).get("name") or "tool")
        self._wait_for(self._open(run_id, name, input_str if inputs is None else inputs))

    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Close the call with what the tool gave."""
        if isinstance(output, ToolMessage):
            output = RuntimeError(str(output.text)) if output.status == "error" else output.content
        self._wait_for(self._close(run_id, output))

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Close the call with the error."""
        self._wait_for(self._close(run_id, error))

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Count what the model used."""
        messages = (getattr(item, "message", None) for row in response.generations for item in row)
        for message in messages:
            usage = message.usage_metadata if isinstance(message, AIMessage) else None
            if usage is not None:
                self.ctx.count_usage(input_tokens=usage["input_tokens"], output_tokens=usage["output_tokens"])

    async def close(self) -> None:
        """End what is still open: a cancelled tool reports nothing by itself."""
        self._closed = True
        calls, self._calls = list(self._calls.values()), {}
        for call in calls:
            call.outcome.cancel()
        await asyncio.gather(*(call.block for call in calls), return_exceptions=True)
        await self._flush_thoughts()

    async def _open(self, run_id: UUID, name: str, arguments: object) -> None:
        if self._closed:
            raise RuntimeError("The run has ended.")  # a thread that nobody could cancel came late
        opened = self.home.create_future()
        outcome = self.home.create_future()
        block = asyncio.create_task(self._hold(name, arguments, opened=opened, outcome=outcome))
        self._calls[run_id] = _Open(outcome, block)
        await asyncio.wait((opened, block), return_when=asyncio.FIRST_COMPLETED)
        if block.done():
            del self._calls[run_id]
            block.result()

    async def _hold(
        self, name: str, arguments: object, *, opened: asyncio.Future[None], outcome: asyncio.Future[Any]
    ) -> None:
        """One task enters and leaves the block, whatever tasks the graph uses."""
        async with self.ctx.tool(name, jsonable(arguments)) as call:
            opened.set_result(None)
            call.result = jsonable(await outcome)

    async def _close(self, run_id: UUID, output: object) -> None:
        call = self._calls.pop(run_id, None)
        if call is None:
            return
        if isinstance(output, asyncio.CancelledError):
            call.outcome.cancel()
        elif isinstance(output, BaseException):
            call.outcome.set_exception(output)
        else:
            call.outcome.set_result(output)
        await asyncio.wait((call.block,))
        if (
            not call.block.cancelled()
            and (error := call.block.exception()) is not None
            and error is not output
        ):
            raise error  # the call's end could not be stored

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in the context's loop, from another thread."""
        if threading.get_ident() == self.home_thread:
            work.close()
            raise RuntimeError(
                "A coroutine of the graph calls a tool with invoke(): use `await tool.ainvoke()`."
            )
        return asyncio.run_coroutine_threadsafe(work, self.home).result()
