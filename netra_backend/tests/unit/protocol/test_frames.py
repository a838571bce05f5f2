import json
from datetime import UTC, datetime

import msgspec

from netra_backend.domain.events import Event
from netra_backend.domain.ids import RunId, ThreadId
from netra_backend.protocol import messages as m
from netra_backend.protocol import payloads as p
from netra_backend.protocol.frames import event_frame

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_stored_event_is_its_own_struct_on_the_wire() -> None:
    """The payload is not decoded, and yet the frame is the same."""
    payload = p.AgentThinkingPayload(text='é"\n')
    event = Event(
        seq=3,
        type="agent_thinking",
        payload=msgspec.json.encode(payload),
        thread_id=ThreadId("t"),
        run_id=RunId("r"),
        ts=NOON,
    )
    frame = m.AgentThinking(seq=3, thread_id="t", run_id="r", ts=NOON, payload=payload)
    assert json.loads(event_frame(event)) == json.loads(m.encode(frame))


def test_what_an_event_does_not_have_stays_off_the_wire() -> None:
    """No nulls."""
    event = Event(seq=1, type="x", payload=b"{}", thread_id=None, run_id=None, ts=NOON)
    assert json.loads(event_frame(event)).keys() == {"type", "seq", "ts", "payload"}
