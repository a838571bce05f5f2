import json
from typing import Any

import msgspec
import pytest

from netra_backend.domain.errors import BadMessage
from netra_backend.protocol import messages as m
from netra_backend.protocol.errors import from_decode_error

THREAD = "11111111-1111-7111-8111-111111111111"
VALID: dict[str, dict[str, Any]] = {
    "authenticate": {"payload": {"token": "t"}},
    "resume": {"payload": {"epoch": "e", "after": 0}},
    "user_message": {
        "id": "i",
        "thread_id": THREAD,
        "payload": {"text": "x", "references": ["a", {"b": 1}], "agent": "a:b/c-1", "if_running": "reject"},
    },
    "start_agent": {"id": "i", "payload": {"query": "q", "input": {"n": None}, "if_running": "interrupt"}},
    "stop_agent": {"id": "i", "payload": {"run_id": THREAD}},
    "get_thread_history": {"thread_id": THREAD, "payload": {"limit": 200, "before": THREAD}},
    "list_threads": {"payload": {"limit": 1}},
    "follow": {"thread_id": THREAD},
    "unfollow": {"thread_id": THREAD, "payload": {}},
    "typing": {"thread_id": THREAD, "payload": {"active": False}},
    "ping": {},
}


def refusal(frame: dict[str, Any]) -> tuple[str, str | None]:
    """Code and path."""
    try:
        m.decode(json.dumps(frame))
    except msgspec.DecodeError as error:
        told: BadMessage = from_decode_error(error)
        assert str(told).endswith(".")
        return told.code, told.path
    return "", None


def test_there_is_an_example_of_every_type() -> None:
    """So that a new type cannot be forgotten here."""
    assert set(VALID) == set(m.CLIENT_TYPES)


@pytest.mark.parametrize("kind", VALID)
def test_a_valid_frame_is_decoded_to_its_type(kind: str) -> None:
    """And says the same when it is encoded again."""
    message = m.decode(json.dumps({"type": kind, **VALID[kind]}))
    assert message.__struct_config__.tag == kind
    assert m.decode(m.encode(message)) == message


@pytest.mark.parametrize("kind", VALID)
def test_what_is_too_much_or_too_little_is_refused(kind: str) -> None:
    """Unknown fields everywhere; what is required is required."""
    frame = {"type": kind, **VALID[kind]}
    assert refusal({**frame, "more": 1}) == ("bad_message", "$")
    assert refusal({**frame, "payload": {**frame.get("payload", {}), "more": 1}}) == (
        "bad_message",
        "$.payload",
    )
    assert refusal({**frame, "payload": None}) == ("bad_message", "$.payload")
    assert refusal({**frame, "payload": []}) == ("bad_message", "$.payload")
    for field in VALID[kind]:
        if field == "payload" and kind in ("get_thread_history", "list_threads", "unfollow"):
            continue
        if (kind, field) != ("user_message", "thread_id"):
            assert refusal({key: value for key, value in frame.items() if key != field})[0] == "bad_message"


@pytest.mark.parametrize(
    ("kind", "payload", "path"),
    [
        ("authenticate", {"token": ""}, "token"),
        ("authenticate", {"token": "x" * 16385}, "token"),
        ("resume", {"epoch": "e" * 129, "after": 0}, "epoch"),
        ("resume", {"epoch": "e", "after": 0.5}, "after"),
        ("resume", {"epoch": "e", "after": "0"}, "after"),
        ("resume", {"epoch": "e", "after": True}, "after"),
        ("user_message", {"text": ""}, "text"),
        ("user_message", {"text": "a\x00b"}, "text"),
        ("user_message", {"text": None}, "text"),
        ("user_message", {"text": "x", "references": [1]}, "references[0]"),
        ("user_message", {"text": "x", "references": ["a"] * 65}, "references"),
        ("user_message", {"text": "x", "references": None}, "references"),
        ("user_message", {"text": "x", "agent": ""}, "agent"),
        ("user_message", {"text": "x", "agent": "a b"}, "agent"),
        ("user_message", {"text": "x", "agent": "a\n"}, "agent"),
        ("user_message", {"text": "x", "if_running": "maybe"}, "if_running"),
        ("start_agent", {"query": "\x00"}, "query"),
        ("start_agent", {"query": "q", "input": []}, "input"),
        ("stop_agent", {"run_id": "1"}, "run_id"),
        ("get_thread_history", {"limit": 0}, "limit"),
        ("get_thread_history", {"limit": 201}, "limit"),
        ("get_thread_history", {"before": "x"}, "before"),
        ("list_threads", {"limit": 10**30}, "limit"),
        ("list_threads", {"limit": "5"}, "limit"),
        ("typing", {"active": 1}, "active"),
    ],
)
def test_a_malformed_value_is_refused_where_it_is(kind: str, payload: dict[str, Any], path: str) -> None:
    """With the path of the very field."""
    assert refusal({"type": kind, **VALID[kind], "payload": payload}) == ("bad_message", f"$.payload.{path}")


@pytest.mark.parametrize(
    ("kind", "frame"),
    [
        ("ping", {"id": "x"}),
        ("ping", {"id": "x" * 64}),
        ("authenticate", {"payload": {"token": "x"}}),
        ("authenticate", {"payload": {"token": "x" * 16384}}),
        ("resume", {"payload": {"epoch": "", "after": 0}}),
        ("resume", {"payload": {"epoch": "e" * 128, "after": 0}}),
        ("user_message", {"id": "i", "payload": {"text": "x", "references": ["a"] * 64}}),
        ("user_message", {"id": "i", "payload": {"text": "x", "agent": "a"}}),
        ("user_message", {"id": "i", "payload": {"text": "x", "agent": "a" * 64}}),
        ("start_agent", {"id": "i", "payload": {"query": "x"}}),
        ("list_threads", {"payload": {"limit": 1}}),
        ("list_threads", {"payload": {"limit": 200}}),
    ],
)
def test_what_is_just_at_a_limit_is_taken(kind: str, frame: dict[str, Any]) -> None:
    """On both of its ends."""
    assert m.decode(json.dumps({"type": kind, **frame})).__struct_config__.tag == kind


def test_what_is_left_out_has_the_documented_value() -> None:
    """A page has 50 entries, and a message waits its turn."""
    for kind in ("list_threads", "get_thread_history"):
        page = m.decode(json.dumps({"type": kind, "thread_id": THREAD}))
        assert isinstance(page, m.ListThreads | m.GetThreadHistory)
        assert page.payload.limit == 50
    asked = m.decode('{"type":"start_agent","id":"i","payload":{"query":"q"}}')
    assert isinstance(asked, m.StartAgent)
    assert asked.payload.if_running == "enqueue"


@pytest.mark.parametrize("role", ["role", "tenant_id", "user_id", "system", "messages"])
def test_nobody_says_who_they_are_in_a_message(role: str) -> None:
    """Attack 36."""
    frame = {"type": "user_message", "id": "i", "payload": {"text": "x", role: "admin"}}
    assert refusal(frame) == ("bad_message", "$.payload")


def test_a_pattern_is_not_shown() -> None:
    """It helps nobody."""
    with pytest.raises(msgspec.ValidationError) as caught:
        m.decode('{"type":"ping","id":"\\u0000"}')
    assert "characters that are not allowed" in str(from_decode_error(caught.value))


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        ('{"id":"i","x":[1]}', "i"),
        ('{"id":7}', None),
        ("[]", None),
        ("{", None),
        ("{}", None),
        ('{"id":""}', None),
    ],
)
def test_the_id_of_a_refused_frame(frame: str, found: str | None) -> None:
    """Where it has a valid one."""
    assert m.id_of(frame) == found
