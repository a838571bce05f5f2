"""The demo agent: five events on every question, two real tools, no delay but where it is asked for."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from netra_backend.agents.demo import HELP, demo_agent
from netra_backend.domain.ids import MessageId, Owner, RunId, ThreadId
from netra_backend.domain.threads import Message, Thread
from netra_backend.testing.recording_context import RecordingContext

FIVE = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]
WHEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


class _Threads:
    """Searches a list of texts, as the store does: every word must be in the text."""

    def __init__(self, *texts: str, run_id: str = "earlier", role: str = "user") -> None:
        self.texts, self.run_id, self.role = texts, run_id, role
        self.asked: list[tuple[Owner, str]] = []

    async def __call__(self, owner: Owner, words: str, limit: int) -> Sequence[tuple[Thread, Message]]:
        self.asked.append((owner, words))
        fitting = [text for text in self.texts if all(word in text.lower() for word in words.lower().split())]
        return [self._found(text) for text in fitting[:limit]]

    def _found(self, text: str) -> tuple[Thread, Message]:
        thread = Thread(id=ThreadId("t"), title="Holiday", archived=False, created_at=WHEN, updated_at=WHEN)
        return thread, Message(
            id=MessageId("m"),
            role="assistant" if self.role == "assistant" else "user",
            content=text,
            created_at=WHEN,
            run_id=RunId(self.run_id),
        )


async def test_arithmetic_goes_to_the_calculator() -> None:
    """A sum is worked out by the tool, and the answer says it."""
    ctx, threads = RecordingContext("What is 12 * (3 + 4)?"), _Threads()
    answer = await ctx.run(demo_agent(threads))
    assert ctx.names == FIVE
    assert [event for event in ctx.events if event[0].startswith("tool")] == [
        ("tool_executing", "call-1", "calculator", {"expression": "12 * (3 + 4)"}),
        ("tool_completed", "call-1", "ok", {"value": 84, "shown": "84"}),
    ]
    assert answer == ctx.written
    assert "`12 * (3 + 4)` = **84**" in ctx.written
    assert threads.asked == []


async def test_what_cannot_be_worked_out_is_explained() -> None:
    """An error of the tool is reported as one and told in the answer."""
    ctx = RecordingContext("What is 1 / 0?")
    await ctx.run(demo_agent(_Threads()))
    assert ("tool_completed", "call-1", "error", "This divides by zero.") in ctx.events
    assert "This divides by zero." in ctx.written


async def test_an_integer_that_json_readers_round_is_text() -> None:
    """2**64 arrives exactly in a browser, too."""
    ctx = RecordingContext("2 ** 64")
    await ctx.run(demo_agent(_Threads()))
    completed = next(event for event in ctx.events if event[0] == "tool_completed")
    assert completed[3]["value"] == "18446744073709551616"


async def test_other_questions_go_to_the_search() -> None:
    """What the user wrote about it is listed with its thread; only this user's threads are asked."""
    ctx, threads = (
        RecordingContext("Where did I stay in Lisbon?"),
        _Threads("The hotel where we stay in Lisbon"),
    )
    await ctx.run(demo_agent(threads))
    assert ctx.names == FIVE
    assert threads.asked == [(Owner(ctx.tenant_id, ctx.user_id), "stay lisbon")]
    assert "- **Holiday**: The hotel where we stay in Lisbon (2026-03-04)" in ctx.written


async def test_searches_for_the_longest_word_when_not_all_are_found() -> None:
    """Nothing with every word: one more real call, with one word."""
    ctx = RecordingContext("Was the Lisbon hotel expensive?")
    await ctx.run(demo_agent(_Threads("An expensive dinner")))
    assert ctx.names.count("tool_executing") == 2
    assert "An expensive dinner" in ctx.written


@pytest.mark.parametrize(
    "threads",
    [
        pytest.param(_Threads("lisbon"), id="the question itself"),
        pytest.param(
            _Threads("lisbon and more", run_id="22222222-2222-7222-8222-222222222222"), id="this run"
        ),
        pytest.param(_Threads("You wrote about lisbon before", role="assistant"), id="an earlier answer"),
    ],
)
async def test_does_not_find_what_is_being_asked_and_answered(threads: _Threads) -> None:
    """The question, its run and built-in answers are no findings."""
    ctx = RecordingContext("lisbon")
    await ctx.run(demo_agent(threads))
    assert ctx.written.startswith("I found nothing about “lisbon”")


@pytest.mark.parametrize(
    "text", ["hello", "What is 2+2?", "?", "naïve café", "count to 3", "help", "a" * 5_000, "** [x](y)"]
)
async def test_all_five_events_whatever_the_text(text: str) -> None:
    """Every question shows the whole life of a run, in order, and text in pieces."""
    ctx = RecordingContext(text)
    await ctx.run(demo_agent(_Threads(), pause=_no_pause))
    assert list(dict.fromkeys(ctx.names)) == FIVE
    assert (ctx.names[0], ctx.names[-1]) == ("agent_started", "agent_completed")
    assert sum(event[0] == "write" for event in ctx.events) > 2


async def test_help_names_what_works() -> None:
    """The examples in the help text do what it says."""
    ctx = RecordingContext("hello")
    await ctx.run(demo_agent(_Threads()))
    assert ctx.written.endswith(HELP)
    for example, tool in [("What is 12 * (3 + 4)?", "calculator"), ("sqrt(2) ^ 3", "calculator")]:
        assert example in HELP
        again = RecordingContext(example)
        await again.run(demo_agent(_Threads()))
        assert any(event[0] == "tool_executing" and event[2] == tool for event in again.events)


async def test_counts_slowly_and_stops_at_once() -> None:
    """`count slowly to 20` pauses a quarter of a second before each number; stopping cuts it off there."""
    assert "count slowly to 20" in HELP
    pauses: list[float] = []
    fourth = asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            fourth.set()
            await asyncio.Event().wait()

    ctx = RecordingContext("count slowly to 20")
    task = asyncio.create_task(ctx.run(demo_agent(_Threads(), pause=pause)))
    await asyncio.wait_for(fourth.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pauses == [0.25] * 4
    assert ctx.written.endswith("1, 2, 3, ")
    assert ctx.names[-1] == "agent_completed"


async def test_counts_to_a_hundred_at_most() -> None:
    """A count of a million would hold a worker for days."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    await RecordingContext("count to 999999").run(demo_agent(_Threads(), pause=pause))
    assert len(pauses) == 100


async def _no_pause(seconds: float) -> None:
    assert seconds > 0
