"""I1 to I4 and I8 of the fault list, checked on what clients received and what the database holds."""

from collections.abc import Sequence

from netra_backend.testing.client import Frame
from netra_backend.tests.subject import Row, Stored, message_frames

ENDED = ("completed", "stopped", "failed", "timed_out")


def check_stored(stored: Stored, accepted: Sequence[Frame] = ()) -> None:
    """I1 to I4 of one user, all of whose runs have ended."""
    ids = [message["id"] for message in stored.messages]
    for answer in accepted:
        assert ids.count(answer["payload"]["message_id"]) == 1, "I1"
    assert [event["seq"] for event in stored.events] == list(range(1, stored.head + 1)), "I2"
    for run in stored.runs:
        check_run(run, stored.of_run(run["id"]))


def check_run(run: Row, events: Sequence[Row]) -> None:
    """I3 and I4 of one run."""
    kinds = [event["type"] for event in events]
    assert run["status"] in ENDED, "I3"
    assert kinds.count("agent_completed") == 1, "I3"
    assert kinds[-1] == "agent_completed", "I3"
    assert events[-1]["payload"]["status"] == run["status"], "I3"
    calls = {kind: calls_of(events, kind) for kind in ("tool_executing", "tool_completed")}
    assert sorted(calls["tool_executing"]) == sorted(calls["tool_completed"]), "I4"
    assert len(set(calls["tool_executing"])) == len(calls["tool_executing"]), "I4"
    for call in calls["tool_executing"]:
        places = [n for n, event in enumerate(events) if event["payload"].get("tool_call_id") == call]
        assert [kinds[n] for n in places] == ["tool_executing", "tool_completed"], "I4"


def calls_of(events: Sequence[Row], kind: str) -> list[str]:
    """Tool call ids of one kind of event."""
    return [event["payload"]["tool_call_id"] for event in events if event["type"] == kind]


def check_frames(frames: Sequence[Frame], *, after: int = 0) -> None:
    """I2 on one connection: numbers without gap or repetition."""
    seqs = [frame["seq"] for frame in frames if "seq" in frame]
    assert seqs == list(range(after + 1, after + 1 + len(seqs))), "I2"


def history_after(history: Sequence[Row], durable: Sequence[Frame], thread_id: str) -> list[Row]:
    """I8: what a client has that loaded `history` and then applied later events of the thread."""
    later = message_frames([frame for frame in durable if frame.get("thread_id") == thread_id])
    known = {message["id"] for message in history}
    return [*history, *(message for message in later if message["id"] not in known)]
