import asyncio

import pytest

from netra_backend.agents import emitter as emitter_module
from netra_backend.agents.emitter import MAX_WAITING, Emitter
from netra_backend.domain.events import Fenced
from netra_backend.domain.runs import Run
from netra_backend.protocol import payloads as p
from netra_backend.protocol.lifecycle import IllegalOrder, State
from netra_backend.tests.unit.agents.memory_runs import Scene, until


def emitter_of(scene: Scene, run: Run) -> Emitter:
    """The reporting side of a run."""
    return Emitter(run, agent="a", log=scene.log, live=scene.live)


async def started(scene: Scene) -> tuple[Run, Emitter]:
    """A run whose `agent_started` is stored."""
    run = await scene.claimed()
    emitter = emitter_of(scene, run)
    await emitter.start()
    await emitter.stored()
    return run, emitter


async def test_events_gather_while_a_write_is_under_way() -> None:
    """In order, in two writes instead of eleven."""
    scene = Scene()
    run, emitter = await started(scene)
    scene.log.gate.clear()
    for number in range(10):
        emitter.emit(p.AgentThinkingPayload(text=str(number)))
        await asyncio.sleep(0)
    scene.log.gate.set()
    await emitter.stored()
    assert [payload["text"] for _, payload in scene.events(run.id)[1:]] == [str(n) for n in range(10)]
    assert scene.log.batches == [1, 1, 9]


async def test_what_the_lifecycle_refuses_is_not_stored() -> None:
    """The writer's bug shows where it is."""
    scene = Scene()
    run, emitter = await started(scene)
    with pytest.raises(IllegalOrder):
        emitter.emit(p.ToolCompletedPayload(tool_call_id="x", tool="t", status="ok", duration_ms=0))
    await emitter.stored()
    assert scene.names(run.id) == ["agent_started"]


async def test_what_cannot_be_encoded_leaves_no_trace() -> None:
    """The machine must not believe in an event that is not stored: its end would be illegal."""
    scene = Scene()
    _, emitter = await started(scene)
    with pytest.raises((UnicodeEncodeError, OverflowError)):
        emitter.emit(p.ToolExecutingPayload(tool_call_id="x", tool="t", arguments={"bad": "\ud800"}))
    assert emitter.lifecycle.open_calls == {}


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_a_store_that_is_away_loses_and_doubles_nothing(
    monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Whether the lost answer was to a write that was committed or to one that was not."""
    monkeypatch.setattr(emitter_module, "RETRY_S", 0)
    scene = Scene()
    run, emitter = await started(scene)
    scene.log.faults = [fault, fault, "", fault]
    for number in range(3):
        emitter.emit(p.AgentThinkingPayload(text=str(number)))
        await emitter.stored()
    assert [payload["text"] for _, payload in scene.events(run.id)[1:]] == ["0", "1", "2"]


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_a_later_attempt_counts_what_an_earlier_one_stored(
    monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Otherwise it would take the earlier events for its own."""
    monkeypatch.setattr(emitter_module, "RETRY_S", 0)
    scene = Scene()
    run, first = await started(scene)
    first.emit(p.AgentThinkingPayload(text="old"))
    first.emit(p.ToolExecutingPayload(tool_call_id="x", tool="t", arguments=None))
    await first.stored()
    second = emitter_of(scene, await scene.lost(run))
    await second.start()
    scene.log.faults = [fault]
    second.emit(p.AgentThinkingPayload(text="new"))
    await second.stored()
    assert scene.names(run.id) == [
        "agent_started",
        "agent_thinking",
        "tool_executing",
        "tool_completed",
        "agent_started",
        "agent_thinking",
    ]
    assert scene.events(run.id)[3][1]["status"] == "unknown"
    assert scene.events(run.id)[4][1]["attempt"] == 2
    assert scene.legal(run.id) is State.STARTED


async def test_a_fenced_write_is_told_at_the_next_step() -> None:
    """Every later step says the same, and nothing is stored."""
    scene = Scene()
    run, emitter = await started(scene)
    await scene.lost(run)
    emitter.emit(p.AgentThinkingPayload(text="late"))
    with pytest.raises(Fenced):
        await emitter.stored()
    with pytest.raises(Fenced):
        emitter.emit(p.AgentThinkingPayload(text="later"))
    assert scene.names(run.id) == ["agent_started"]


async def test_the_agent_waits_when_the_log_is_far_behind() -> None:
    """Memory stays bounded."""
    scene = Scene()
    _, emitter = await started(scene)
    scene.log.gate.clear()
    for number in range(MAX_WAITING + 1):  # the first is being written, the others wait
        emitter.emit(p.AgentThinkingPayload(text=str(number)))
        await emitter.relieve()
        await asyncio.sleep(0)
    emitter.emit(p.AgentThinkingPayload(text="one more"))
    waiting = asyncio.ensure_future(emitter.relieve())
    await asyncio.sleep(0)
    assert not waiting.done()
    scene.log.gate.set()
    await waiting


async def test_text_of_one_tick_is_one_delta() -> None:
    """The first piece at once, the rest together; offsets count code points."""
    scene = Scene()
    run, emitter = await started(scene)
    await scene.listen()
    for piece in ("é🦊", "b", "c", "d"):
        await emitter.write(piece)
    emitter.finish_text()
    await asyncio.sleep(0)
    assert scene.deltas == [(0, "é🦊"), (2, "bcd")]
    assert await scene.live.snapshot(run.owner, run.answer_id) == emitter.text == "é🦊bcd"
    emitter.forget_text()
    assert await scene.live.snapshot(run.owner, run.answer_id) is None


async def test_the_tick_shows_what_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without another write, and it rests when nothing is new."""
    monkeypatch.setattr(emitter_module, "TICK_S", 0)
    scene = Scene()
    _, emitter = await started(scene)
    await scene.listen()
    await emitter.write("a")
    await emitter.write("b")
    await until(lambda: len(scene.deltas) == 2 and emitter._ticker is None)
    assert scene.deltas == [(0, "a"), (1, "b")]


async def test_no_text_comes_before_its_start_is_stored() -> None:
    """A client must know the message that a delta is of."""
    scene = Scene()
    run = await scene.claimed()
    await scene.listen()
    emitter = emitter_of(scene, run)
    scene.log.gate.clear()
    await emitter.start()
    writing = asyncio.ensure_future(emitter.write("a"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert scene.deltas == []
    assert not writing.done()
    scene.log.gate.set()
    await writing
    await asyncio.sleep(0)
    assert scene.deltas == [(0, "a")]


@pytest.mark.parametrize("bad", ["\x00", "\ud800"])
async def test_what_no_store_can_hold_is_replaced(bad: str) -> None:
    """U+0000 and lone surrogates; the offsets stay right."""
    scene = Scene()
    _, emitter = await started(scene)
    await emitter.write(f"a{bad}b")
    emitter.finish_text()
    assert emitter.text == "a\N{REPLACEMENT CHARACTER}b"


async def test_no_text_is_shown_when_the_lease_may_have_lapsed() -> None:
    """A successor may have ended the run; when the lease turns out to stand, nothing is missing."""
    scene = Scene()
    _, emitter = await started(scene)
    await scene.listen()
    emitter.live_until = asyncio.get_running_loop().time()
    await emitter.write("a")
    emitter.finish_text()
    assert scene.deltas == []
    emitter.live_until += 60
    await emitter.write("b")
    await until(lambda: bool(scene.deltas))
    assert scene.deltas == [(1, "b")]  # a gap: whoever follows fetches the whole
