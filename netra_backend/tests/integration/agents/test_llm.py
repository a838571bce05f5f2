"""The model agent over real HTTP: streaming, tools, retries, timeouts, failures, cancellation."""

import asyncio
import json
import socket
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from netra_backend.agents.context import AgentFailed
from netra_backend.agents.errors import AgentSpecError
from netra_backend.agents.grounded import grounded_agent
from netra_backend.agents.llm import MAX_REQUESTS, ModelAgent, model_agent
from netra_backend.domain.ids import Owner
from netra_backend.domain.threads import Message, Thread
from netra_backend.testing.recording_context import RecordingContext
from netra_backend.tests.integration.agents.provider_server import (
    Provider,
    Reply,
    breaks_off,
    calls,
    drops,
    ends_early,
    falls_silent,
    provider,
    refuses,
    says,
)

KEY = "sk-secret-key"


async def _nothing(owner: Owner, words: str, limit: int) -> Sequence[tuple[Thread, Message]]:
    return []


@asynccontextmanager
async def _agent(*replies: Reply, timeout_s: float = 20) -> AsyncIterator[tuple[ModelAgent, Provider]]:
    async with provider(*replies) as server:
        agent = model_agent(
            "scripted",
            base_url=server.base_url,
            api_key=KEY,
            search=_nothing,
            timeout_s=timeout_s,
            first_retry_s=0.01,
        )
        try:
            yield agent, server
        finally:
            await agent.aclose()


async def test_streams_the_answer() -> None:
    """Pieces arrive as the provider sends them; key, history and usage are as given."""
    async with _agent(says("Hel", "lo")) as (agent, server):
        ctx = RecordingContext("hi", history=[("user", "Before"), ("assistant", "Yes")])
        assert await ctx.run(agent) == "Hello"
        assert [event[1] for event in ctx.events if event[0] == "write"] == ["Hel", "lo"]
        assert ctx.usage == (11, 3)
        [request] = server.requests
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert [(m["role"], m["content"]) for m in request.body["messages"]][1:] == [
            ("user", "Before"),
            ("assistant", "Yes"),
            ("user", "hi"),
        ]


async def test_the_first_piece_is_shown_before_the_last_is_sent() -> None:
    """Streaming is real: the provider goes on only when the user has the first piece."""
    shown = asyncio.Event()

    async def stored(event: tuple[str, ...]) -> None:
        if event[0] == "write":
            shown.set()

    async def waits(exchange: object) -> None:
        await exchange.start()  # type: ignore[attr-defined] # an Exchange
        await exchange.delta(content="first ")  # type: ignore[attr-defined] # an Exchange
        await asyncio.wait_for(shown.wait(), 5)
        await exchange.delta(content="last")  # type: ignore[attr-defined] # an Exchange
        await exchange.end()  # type: ignore[attr-defined] # an Exchange

    async with _agent(waits) as (agent, _):
        assert await RecordingContext("hi", on_report=stored).run(agent) == "first last"


async def test_the_model_calls_the_calculator() -> None:
    """All five events, and the model gets the tool's result."""
    async with _agent(calls("calculator", '{"expression": "6 * 7"}'), says("It is 42.")) as (agent, server):
        ctx = RecordingContext("6 times 7?")
        assert await ctx.run(agent) == "It is 42."
        assert ctx.names == [
            "agent_started",
            "agent_thinking",
            "tool_executing",
            "tool_completed",
            "agent_completed",
        ]
        assert ("tool_completed", "call-1", "ok", "42") in ctx.events
        assert server.requests[1].body["messages"][-1]["content"] == "42"
        assert {tool["function"]["name"] for tool in server.requests[0].body["tools"]} == {
            "calculator",
            "search_threads",
        }


async def test_a_tool_that_refuses_is_told_to_the_model() -> None:
    """The calculator's error is the tool's outcome, not the run's."""
    async with _agent(calls("calculator", '{"expression": "1/0"}'), says("Not possible.")) as (agent, server):
        ctx = RecordingContext("1/0?")
        assert await ctx.run(agent) == "Not possible."
        assert [event[2] for event in ctx.events if event[0] == "tool_completed"] == ["error"]
        assert "divides by zero" in json.dumps(server.requests[1].body["messages"][-1])


@pytest.mark.parametrize("arguments", ["{", '{"expression": 3', '{"expresion": "1"}', "[]", ""])
async def test_malformed_arguments_are_asked_again(arguments: str) -> None:
    """What the model cannot spell runs no tool and does not end the run."""
    async with _agent(calls("calculator", arguments), says("Sorry.")) as (agent, _):
        ctx = RecordingContext("6 times 7?")
        assert await ctx.run(agent) == "Sorry."
        assert "tool_executing" not in ctx.names


async def test_malformed_arguments_again_and_again_fail_the_run() -> None:
    """After its retries the run fails with a plain sentence."""
    async with _agent(*[calls("calculator", "{")] * 6) as (agent, server):
        await _fails(agent, "model_error")
        assert len(server.requests) == 3


async def test_calling_tools_in_a_circle_is_ended() -> None:
    """A model that never answers costs a bounded number of requests."""
    async with _agent(*[calls("calculator", '{"expression": "1"}')] * (MAX_REQUESTS + 1)) as (agent, server):
        await _fails(agent, "model_error")
        assert len(server.requests) == MAX_REQUESTS


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(refuses("429 Too Many Requests"), id="429"),
        pytest.param(refuses("429 Too Many Requests", retry_after="0"), id="429 with a wait"),
        pytest.param(refuses("500 Internal Server Error"), id="500"),
        pytest.param(refuses("503 Service Unavailable"), id="503"),
        pytest.param(drops(), id="connection lost"),
    ],
)
async def test_passing_faults_are_tried_again(fault: Reply) -> None:
    """Before the first piece of the answer, a fault that passes is not seen by the user.

    It is logged, without what the provider said: that may quote the key and the question.
    """
    async with _agent(fault, fault, says("Here.")) as (agent, server):
        with capture_logs() as logged:
            assert await RecordingContext("my private question").run(agent) == "Here."
        assert len(server.requests) == 3
        assert [line["event"] for line in logged] == ["stamina.retry_scheduled"] * 2
        assert KEY not in str(logged)
        assert "private" not in str(logged)


@pytest.mark.parametrize(
    ("reply", "code", "requests"),
    [
        pytest.param(refuses("429 Too Many Requests"), "model_rate_limited", 3, id="429"),
        pytest.param(
            refuses("429 Too Many Requests", retry_after="3600"),
            "model_rate_limited",
            1,
            id="429 for an hour",
        ),
        pytest.param(refuses("503 Service Unavailable"), "model_unavailable", 3, id="503"),
        pytest.param(refuses("500 Internal Server Error"), "model_unavailable", 3, id="500"),
        pytest.param(drops(), "model_unavailable", 3, id="connection lost"),
        pytest.param(refuses("401 Unauthorized"), "model_error", 1, id="401"),
        pytest.param(refuses("404 Not Found"), "model_error", 1, id="404"),
        pytest.param(refuses("400 Bad Request"), "model_error", 1, id="400"),
    ],
)
async def test_lasting_faults_are_told_plainly(reply: Reply, code: str, requests: int) -> None:
    """Each has its code, costs a bounded number of requests, and quotes neither key nor prompt."""
    async with _agent(*[reply] * 4) as (agent, server):
        await _fails(agent, code)
        assert len(server.requests) == requests


@pytest.mark.parametrize(
    ("fault", "code"), [(breaks_off("The ans"), "model_unavailable"), (ends_early("The ans"), "model_error")]
)
async def test_an_answer_that_breaks_off_fails_and_is_not_repeated(fault: Reply, code: str) -> None:
    """After the first piece nothing is sent again: the user would read the beginning twice."""
    async with _agent(fault, says("never")) as (agent, server):
        ctx = await _fails(agent, code)
        assert ctx.written == "The ans"
        assert len(server.requests) == 1


@pytest.mark.parametrize("texts", [(), ("The ans",)])
async def test_silence_is_a_timeout(texts: tuple[str, ...]) -> None:
    """A provider that stops in the middle does not hold the run for ever; it sees that we left."""
    gone = asyncio.Event()
    async with _agent(falls_silent(*texts, gone=gone), timeout_s=0.2) as (agent, server):
        await _fails(agent, "model_timeout")
        await asyncio.wait_for(gone.wait(), 5)
        assert len(server.requests) == 1


async def test_cancelling_closes_the_stream() -> None:
    """Stop reaches the provider: it sees the connection close, and need not write what nobody reads."""
    gone, shown = asyncio.Event(), asyncio.Event()

    async def stored(event: tuple[str, ...]) -> None:
        if event[0] == "write":
            shown.set()

    async with _agent(falls_silent("The ans", gone=gone)) as (agent, _):
        ctx = RecordingContext("hi", on_report=stored)
        task = asyncio.create_task(ctx.run(agent))
        await asyncio.wait_for(shown.wait(), 5)
        started = asyncio.get_running_loop().time()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 5)
        assert asyncio.get_running_loop().time() - started < 1
        assert ctx.written == "The ans"


async def test_nobody_listening_is_told_plainly() -> None:
    """A wrong address fails in a moment."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        agent = model_agent("scripted", base_url=address, api_key=KEY, search=_nothing, first_retry_s=0.01)
        await _fails(agent, "model_unavailable")
        await agent.aclose()


async def test_the_environment_s_key_is_not_sent_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """OPENAI_API_KEY belongs to OpenAI, not to whatever address was given."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    async with provider(says("ok")) as server:
        agent = model_agent("openai:scripted", base_url=server.base_url, api_key=None, search=_nothing)
        await RecordingContext("hi").run(agent)
        await agent.aclose()
        assert KEY not in str(server.requests[0].headers)
        assert server.requests[0].body["model"] == "scripted"


async def test_a_small_model_is_given_what_a_tool_found() -> None:
    """The program calls the tool; the model only adds a sentence, and cannot spoil the number."""
    async with provider(says("Glad ", "to help.")) as server:
        agent = grounded_agent("scripted", base_url=server.base_url, api_key=None, search=_nothing)
        ctx = RecordingContext("What is 12 * (3 + 4)?")
        assert await ctx.run(agent) == ctx.written == "`12 * (3 + 4)` = **84**\n\nGlad to help."
        assert ctx.names == [
            "agent_started",
            "agent_thinking",
            "tool_executing",
            "tool_completed",
            "agent_completed",
        ]
        assert "tools" not in server.requests[0].body
        await agent.aclose()


async def test_a_small_model_reads_no_more_than_it_can() -> None:
    """Whatever the history and the question, the prompt fits into a context of 2,048 tokens."""
    async with provider(says("ok")) as server:
        agent = grounded_agent("scripted", base_url=server.base_url, api_key=None, search=_nothing)
        ctx = RecordingContext(
            "\N{SNOWMAN}" * 10_000, history=[("user", "old " * 50), ("assistant", "new " * 50)] * 50
        )
        await ctx.run(agent)
        assert sum(len(m["content"].encode()) for m in server.requests[0].body["messages"]) < 2_048
        await agent.aclose()


@pytest.mark.parametrize(
    ("model", "base_url", "says_what"),
    [
        ("openai:gpt-4o", None, "needs a key: set NETRA_MODEL_API_KEY"),
        ("gpt-4o", None, "is not known: write it as provider:model"),
        ("nowhere:gpt-4o", None, "is not known: write it as provider:model"),
        ("anthropic:claude-sonnet-4-5", None, 'pip install "pydantic-ai-slim[anthropic]"'),
        ("gpt-4o", "localhost:8080", "must start with http:// or https://"),
    ],
)
def test_a_model_that_cannot_be_built_says_what_to_set(
    model: str, base_url: str | None, says_what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is served, in one sentence."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(AgentSpecError) as caught:
        model_agent(model, base_url=base_url, api_key=None, search=_nothing)
    assert says_what in str(caught.value)


async def _fails(agent: ModelAgent, code: str) -> RecordingContext:
    """Run the agent, which must fail with `code` and a sentence that gives nothing away."""
    ctx = RecordingContext("my private question")
    with pytest.raises(AgentFailed) as caught:
        await ctx.run(agent)
    assert caught.value.code == code
    assert caught.value.message.endswith(".")
    assert KEY not in caught.value.message
    assert "private" not in caught.value.message
    logged = "".join(traceback.format_exception(caught.value))
    assert KEY not in logged
    assert "private" not in logged
    return ctx
