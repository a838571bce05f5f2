import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from netra_backend.agents import emitter as emitter_module
from netra_backend.agents.context import AgentFailed, AgentFunction, Context, ToolError
from netra_backend.agents.runner import Cancel
from netra_backend.domain.runs import Run
from netra_backend.protocol.lifecycle import State
from netra_backend.testing.agents import ALL, crashing, echo, failing, remembering
from netra_backend.tests.unit.agents.memory_runs import ADA, Scene, soon


async def ended(scene: Scene, run: Run, agent: AgentFunction = echo, **options: Any) -> dict[str, Any]:
    """Execute a run to its end; returns the payload of its `agent_completed`."""
    async with asyncio.timeout(10):
        assert await scene.task(run, agent, **options).execute()
    assert scene.legal(run.id) is State.ENDED
    return scene.end(run.id)


class Entered:
    """An agent that says when it got where the test wants it."""

    def __init__(self, step: Callable[[Context], Awaitable[Any]]) -> None:
        self.there = asyncio.Event()
        self._step = step

    async def __call__(self, ctx: Context) -> str:
        """Write, then wait in the step."""
        await ctx.write("so far")
        self.there.set()
        await self._step(ctx)
        return "never"


async def in_model(ctx: Context) -> None:
    """A model call that does not come back."""
    await asyncio.Event().wait()


async def in_tool(ctx: Context) -> None:
    """A tool that does not come back."""
    async with ctx.tool("wait", {}):
        await asyncio.Event().wait()


async def test_all_five_events_in_order_and_an_answer() -> None:
    """The answer is stored with the end, and its live text is forgotten."""
    scene = Scene()
    run = await scene.claimed("hi")
    end = await ended(scene, run)
    assert scene.names(run.id) == [
        "agent_started",
        "agent_thinking",
        "tool_executing",
        "tool_completed",
        "agent_completed",
    ]
    assert (end["status"], end["attempts"]) == ("completed", 1)
    assert (end["message"]["id"], end["message"]["content"]) == (run.answer_id, "You said: hi")
    history = await scene.store.history(ADA, run.thread_id, limit=10)
    assert [message.content for message in history.items] == ["hi", "You said: hi"]
    assert scene.memory.texts == {}
    assert scene.ends == ["completed"]


async def test_none_means_what_was_written() -> None:
    """And an agent that says nothing has an empty answer."""

    async def writes(ctx: Context) -> None:
        await ctx.write("a")
        await ctx.write("b")
        ctx.count_usage(input_tokens=3, output_tokens=1)
        ctx.count_usage(input_tokens=4, output_tokens=1)

    async def silent(ctx: Context) -> None:
        return None

    scene = Scene()
    end = await ended(scene, await scene.claimed(), writes)
    assert end["message"]["content"] == "ab"
    assert end["usage"] == {"input_tokens": 7, "output_tokens": 2}
    end = await ended(scene, await scene.claimed(), silent)
    assert end["message"]["content"] == ""
    assert "usage" not in end


async def test_an_agent_sees_its_run() -> None:
    """Ids, input and history."""
    seen: list[Any] = []

    async def looks(ctx: Context) -> str:
        seen.append((ctx.tenant_id, ctx.user_id, ctx.thread_id, ctx.run_id, ctx.attempt, dict(ctx.input)))
        return await remembering(ctx)

    scene = Scene()
    first = await scene.claimed("one")
    await ended(scene, first)
    run = await scene.claimed("two", thread_id=first.thread_id, input={"n": 1})
    end = await ended(scene, run, looks)
    assert seen == [("acme", "ada", run.thread_id, run.id, 1, {"n": 1})]
    assert end["message"]["content"] == "user: one | assistant: You said: one"


@pytest.mark.parametrize("step", [in_model, in_tool])
async def test_stop_keeps_the_partial_text(step: Callable[[Context], Awaitable[None]]) -> None:
    """In the model call and in a tool, which is closed as cancelled."""
    scene = Scene()
    run = await scene.claimed()
    agent = Entered(step)
    task = scene.task(run, agent)
    execution = asyncio.ensure_future(task.execute())
    await soon(agent.there)
    task.cancel(Cancel.STOP)
    task.cancel(Cancel.STOP)
    assert await execution
    end = scene.end(run.id)
    assert (end["status"], end["message"]["content"]) == ("stopped", "so far")
    assert scene.legal(run.id) is State.ENDED


async def test_a_stop_in_a_stored_tool_closes_it() -> None:
    """`tool_executing` is stored before the block is entered."""
    scene = Scene()
    run = await scene.claimed()
    inside = asyncio.Event()

    async def agent(ctx: Context) -> str:
        async with ctx.tool("wait", {}):
            assert scene.names(run.id)[-1] == "tool_executing"
            inside.set()
            await asyncio.Event().wait()
        return "never"

    task = scene.task(run, agent)
    execution = asyncio.ensure_future(task.execute())
    await soon(inside)
    task.cancel(Cancel.STOP)
    assert await execution
    assert [payload.get("status") for _, payload in scene.events(run.id)][-2:] == ["cancelled", "stopped"]


async def test_a_run_stopped_before_its_agent_began_has_no_answer() -> None:
    """The intent came with the claim, or just after it."""
    scene = Scene()
    run = await scene.claimed()
    await scene.store.stop(ADA, run.id)
    again = await scene.lost(run)
    end = await ended(scene, again)
    assert (end["status"], end["attempts"], "message" in end) == ("stopped", 2, False)

    late = await scene.claimed()
    task = scene.task(late)
    task.cancel(Cancel.STOP)
    assert await task.execute()
    assert scene.end(late.id)["status"] == "stopped"


async def test_a_timeout_keeps_the_partial_text() -> None:
    """Its own status."""
    scene = Scene()
    end = await ended(scene, await scene.claimed(), Entered(in_tool), timeout_s=0.01)
    assert (end["status"], end["message"]["content"]) == ("timed_out", "so far")


async def test_an_agents_own_timeout_is_a_crash() -> None:
    """Not the run's."""

    async def agent(ctx: Context) -> str:
        raise TimeoutError("inside")

    scene = Scene()
    end = await ended(scene, await scene.claimed(), agent)
    assert (end["status"], end["error"]["code"]) == ("failed", "internal")


async def test_a_crash_hides_its_detail_behind_an_id() -> None:
    """Nothing of the exception reaches the user or the log of events."""
    scene = Scene()
    run = await scene.claimed()
    end = await ended(scene, run, crashing)
    assert (end["status"], end["error"]["code"]) == ("failed", "internal")
    assert end["error"]["message"].startswith("Internal error 0000")
    assert "secret" not in str(scene.events(run.id))


async def test_a_failure_for_the_user_is_shown() -> None:
    """Code and message as they are, with what was written."""
    scene = Scene()
    end = await ended(scene, await scene.claimed(), failing)
    assert end["error"] == {"code": "test_failure", "message": "This agent always fails."}
    assert end["message"]["content"] == "So far: "


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ToolError("no such city" + "!" * 1000), "no such city" + "!" * 488),
        (ValueError("postgresql://user:secret@host"), "The tool failed (ValueError)."),
    ],
)
async def test_a_failed_tool_is_closed_with_its_error(error: Exception, shown: str) -> None:
    """The agent may go on; only a `ToolError` is shown in its own words."""

    async def agent(ctx: Context) -> str:
        with suppress(type(error)):
            async with ctx.tool("t", {}):
                raise error
        return "went on"

    scene = Scene()
    run = await scene.claimed()
    assert (await ended(scene, run, agent))["message"]["content"] == "went on"
    completed = scene.events(run.id)[2][1]
    assert (completed["status"], completed["error"]) == ("error", shown)


async def test_an_unknown_agent_and_a_dead_letter_end_without_running() -> None:
    """Each with a code of its own."""
    scene = Scene()
    end = await ended(scene, await scene.claimed(agent="nobody"))
    assert end["error"]["code"] == "unknown_agent"
    end = await ended(scene, await scene.claimed(agent="echo"), crashing)
    assert end["status"] == "completed"
    run = await scene.claimed()
    for _ in range(3):
        run = await scene.lost(run)
    end = await ended(scene, run, crashing)
    assert (end["error"]["code"], end["attempts"]) == ("dead_letter", 3)


async def test_a_fenced_run_stops_quietly() -> None:
    """Its successor's events are the only ones after the takeover."""
    scene = Scene()
    run = await scene.claimed()
    agent = Entered(in_tool)
    execution = asyncio.ensure_future(scene.task(run, agent).execute())
    await soon(agent.there)
    successor = await scene.lost(run)

    task = asyncio.ensure_future(scene.task(successor).execute())
    assert await task
    execution.cancel()
    await asyncio.wait([execution])
    assert scene.legal(run.id) is State.ENDED
    assert scene.names(run.id).count("agent_completed") == 1

    late = await scene.claimed()
    await scene.lost(late)
    assert await scene.task(late).execute()
    assert scene.names(late.id) == []


async def test_a_lost_lease_cancels_without_an_end() -> None:
    """The successor reports."""
    scene = Scene()
    run = await scene.claimed()
    agent = Entered(in_model)
    task = scene.task(run, agent)
    execution = asyncio.ensure_future(task.execute())
    await soon(agent.there)
    task.cancel(Cancel.LOST)
    assert await execution
    assert scene.names(run.id) == ["agent_started"]
    assert scene.ends == []


@pytest.mark.parametrize("early", [True, False])
async def test_a_drain_hands_back(early: bool) -> None:
    """Also before the agent began; the next attempt goes on legally."""
    scene = Scene()
    run = await scene.claimed()
    agent = Entered(in_tool)
    task = scene.task(run, agent)
    if early:
        task.cancel(Cancel.DRAIN)
    execution = asyncio.ensure_future(task.execute())
    if not early:
        await soon(agent.there)
        task.cancel(Cancel.DRAIN)
    assert not await execution
    again = await scene.lost(run)
    assert (await ended(scene, again))["status"] == "completed"


@pytest.mark.parametrize(
    "faults", [["before"], ["after"], ["after", "before", "after"], ["", "after", "after"]]
)
async def test_a_store_away_and_back_loses_and_doubles_nothing(
    monkeypatch: pytest.MonkeyPatch, faults: list[str]
) -> None:
    """The whole run, with its end."""
    monkeypatch.setattr(emitter_module, "RETRY_S", 0)
    scene = Scene()
    run = await scene.claimed()
    scene.log.faults = list(faults)
    assert (await ended(scene, run))["status"] == "completed"
    assert len(scene.names(run.id)) == 5
    history = await scene.store.history(ADA, run.thread_id, limit=10)
    assert len(history.items) == 2


async def test_an_idempotency_key_is_stable_over_attempts() -> None:
    """The same call has the same key in every attempt, and no other call has it; the ids differ."""
    seen: list[list[tuple[str, str]]] = []
    paid = asyncio.Event()

    async def agent(ctx: Context) -> str:
        calls: list[tuple[str, str]] = []
        seen.append(calls)
        for name in ("pay", "pay", "mail"):
            async with ctx.tool(name, {"n": ctx.attempt}) as call:
                calls.append((call.idempotency_key, call.id))
        if ctx.attempt == 1:
            paid.set()
            await asyncio.Event().wait()
        return "paid"

    scene = Scene()
    run = await scene.claimed()
    task = scene.task(run, agent)
    execution = asyncio.ensure_future(task.execute())
    await soon(paid)
    again = await scene.lost(run)
    task.cancel(Cancel.LOST)
    await execution
    await ended(scene, again, agent)
    first, second = seen
    assert [key for key, _ in first] == [key for key, _ in second]
    assert len({key for key, _ in first}) == 3
    assert not {call for _, call in first} & {call for _, call in second}


class Odd:
    """Nothing that JSON knows."""

    def __str__(self) -> str:
        """How it is shown."""
        return "odd"


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (
            {
                1: {
                    2,
                }
            },
            {"1": [2]},
        ),
        (Odd(), "odd"),
        ([Odd(), float("nan")], ["odd", "NaN"]),
        (b"ab", "YWI="),
        (None, None),
        ("a\x00b", "a\x00b"),
    ],
)
async def test_a_result_that_is_no_json_is_shown_somehow(result: Any, shown: Any) -> None:
    """And the run goes on."""

    async def agent(ctx: Context) -> str:
        async with ctx.tool("t", {}) as call:
            call.result = result
        return "ok"

    scene = Scene()
    run = await scene.claimed()
    assert (await ended(scene, run, agent))["status"] == "completed"
    assert scene.events(run.id)[2][1].get("result") == shown


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    "bad", [2**70, "\ud800", _circle(), {(1, 2): 3}], ids=["huge", "surrogate", "circle", "tuple key"]
)
@pytest.mark.parametrize("where", ["arguments", "result", "thought"])
async def test_what_cannot_be_encoded_at_all_does_not_break_the_run(bad: Any, where: str) -> None:
    """It ends legally, whatever became of the value."""

    async def agent(ctx: Context) -> str:
        if where == "thought":
            await ctx.think(bad if isinstance(bad, str) else "plain")
        async with ctx.tool("t", bad if where == "arguments" else {}) as call:
            call.result = bad if where == "result" else None
        return "ok"

    scene = Scene()
    run = await scene.claimed()
    await ended(scene, run, agent)
    assert scene.names(run.id).count("tool_executing") == scene.names(run.id).count("tool_completed")


@pytest.mark.parametrize("bad", ["\x00", "\ud800"])
async def test_an_answer_that_no_store_can_hold_is_mended(bad: str) -> None:
    """U+0000 and lone surrogates, in the answer and in a failure's message."""

    async def agent(ctx: Context) -> str:
        return f"a{bad}b"

    async def fails(ctx: Context) -> str:
        raise AgentFailed("code", f"a{bad}b")

    scene = Scene()
    end = await ended(scene, await scene.claimed(), agent)
    assert end["message"]["content"] == "a\N{REPLACEMENT CHARACTER}b"
    assert (await ended(scene, await scene.claimed(), fails))["status"] == "failed"


async def test_named_agents_are_found() -> None:
    """By the name that the message gave."""
    scene = Scene()
    for name in ("whoami", "tested", None):
        run = await scene.claimed(agent=name)
        await ended(scene, run, ALL["echo"])
        assert scene.events(run.id)[0][1]["agent"] == (name or "tested")
