"""Frames on the wire: what is read, what is skipped, what is written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netra_client.commands import Authenticate, Empty, StartAgent, UserMessage, encode
from netra_client.errors import MalformedFrame
from netra_client.ids import MessageId, RunId, ThreadId, ToolCallId
from netra_client.messages import AgentCompleted, MessageDelta, ToolCompleted, Unknown, decode
from netra_client.payloads import (
    AgentCompletedPayload,
    Fault,
    Message,
    MessageDeltaPayload,
    ToolCompletedPayload,
)


def test_a_durable_event_is_read_whole() -> None:
    """A durable event is read whole."""
    data = (
        '{"type":"tool_completed","seq":3,"thread_id":"t","run_id":"r","ts":"2026-01-01T00:00:00Z",'
        '"payload":{"tool_call_id":"c","tool":"calculator","status":"ok","result":{"value":4},"duration_ms":1.5}}'
    )

    assert decode(data) == ToolCompleted(
        seq=3,
        thread_id=ThreadId("t"),
        run_id=RunId("r"),
        ts="2026-01-01T00:00:00Z",
        payload=ToolCompletedPayload(
            ToolCallId("c"), "calculator", "ok", duration_ms=1.5, result={"value": 4}
        ),
    )


def test_optional_parts_of_a_terminal_event_may_be_absent_or_null() -> None:
    """Optional parts of a terminal event may be absent or null."""
    failed = '{"type":"agent_completed","payload":{"status":"failed","error":{"code":"internal","message":"x"},"message":null,"attempts":3,"duration_ms":7}}'
    done = '{"type":"agent_completed","payload":{"status":"completed","message":{"id":"m","role":"assistant","content":"4","created_at":"z"},"attempts":1,"duration_ms":7}}'

    assert decode(failed) == AgentCompleted(
        payload=AgentCompletedPayload("failed", 7, 3, error=Fault("internal", "x"))
    )
    assert decode(done) == AgentCompleted(
        payload=AgentCompletedPayload(
            "completed", 7, 1, message=Message(MessageId("m"), "assistant", "4", "z")
        )
    )


def test_fields_of_a_newer_server_are_ignored() -> None:
    """Fields of a newer server are ignored."""
    data = '{"type":"message_delta","new":1,"payload":{"message_id":"m","offset":0,"text":"a","new":[]}}'

    assert decode(data) == MessageDelta(payload=MessageDeltaPayload(MessageId("m"), 0, "a"))


def test_an_unknown_type_is_skipped_and_keeps_its_seq() -> None:
    """A durable event from after our time must not look like a gap."""
    assert decode('{"type":"agent_dreaming","seq":9,"payload":{"x":1}}') == Unknown("agent_dreaming", 9)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        '{"type":1}',
        '{"type":"heartbeat"}',
        '{"type":"heartbeat","payload":{}}',
        "NaN",
    ],
)
def test_what_is_not_on_the_page_is_one_typed_error(data: str) -> None:
    """What is not on the page is one typed error."""
    with pytest.raises(MalformedFrame):
        decode(data)


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60)))
def test_no_bytes_raise_anything_else(data: str | bytes) -> None:
    """No bytes raise anything else."""
    try:
        frame = decode(data)
    except MalformedFrame:
        return
    assert isinstance(frame, Unknown)


def test_absent_fields_are_left_out_because_the_server_refuses_null() -> None:
    """Absent fields are left out because the server refuses null."""
    frame = encode("user_message", UserMessage(text="hi"), id_="1", thread_id=ThreadId("t"))
    started = encode("start_agent", StartAgent(query="q", agent="a", if_running="reject"), id_="2")

    assert json.loads(frame) == {
        "type": "user_message",
        "id": "1",
        "thread_id": "t",
        "payload": {"text": "hi"},
    }
    assert json.loads(started)["payload"] == {"query": "q", "agent": "a", "if_running": "reject"}
    assert json.loads(encode("ping", Empty())) == {"type": "ping", "payload": {}}


def test_a_token_is_not_in_the_repr() -> None:
    """A token is not in the repr."""
    assert "secret" not in repr(Authenticate("secret"))
