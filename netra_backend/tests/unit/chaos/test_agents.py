"""The agent of a campaign works as it was ordered to, and shows a sign of life with every beat."""

import pytest

from netra_backend.chaos import agents
from netra_backend.testing.recording_context import RecordingContext


async def test_paced_works_as_ordered(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many beats as the seconds have, the first of them in tools; the answer is what was written."""
    monkeypatch.setattr(agents, "BEAT_S", 0.02)
    context = RecordingContext(f"{agents.order(0.1, 2)} (user 7, 1) netra-canary-00000000")
    answer = await context.run(agents.paced)
    beats = ["tool_executing", "tool_completed"] * 2 + ["agent_thinking"] * 3
    assert context.names == ["agent_started", *beats, "agent_completed"]
    assert answer == "Begun. Beat 1. Beat 2. Beat 3. Beat 4. Beat 5. Done."


async def test_paced_answers_at_once_without_an_order() -> None:
    """Somebody may chat with it."""
    context = RecordingContext("Hello!")
    assert await context.run(agents.paced) == "Begun. Done."
    assert context.names == ["agent_started", "agent_completed"]
