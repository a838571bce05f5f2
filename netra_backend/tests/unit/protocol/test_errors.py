import json

import msgspec
import pytest

from netra_backend.domain.errors import BadMessage, Busy, NotFound
from netra_backend.protocol.errors import (
    ERROR_CODES,
    CloseCode,
    error_frame,
    from_decode_error,
    internal_frame,
)
from netra_backend.protocol.messages import decode, encode


def test_an_error_says_only_what_it_has() -> None:
    """Whole frames."""
    assert json.loads(encode(error_frame(NotFound(), reply_to=None))) == {
        "type": "error",
        "payload": {
            "code": "not_found",
            "message": "There is no such thing for this user.",
            "retryable": False,
        },
    }
    assert json.loads(encode(error_frame(Busy("Wait.", retry_after_ms=0), reply_to="i"))) == {
        "type": "error",
        "reply_to": "i",
        "payload": {"code": "busy", "message": "Wait.", "retryable": True, "retry_after_ms": 0},
    }
    assert error_frame(BadMessage(path="$.x"), reply_to="i").payload.path == "$.x"


def test_an_unforeseen_failure_shows_its_id_only() -> None:
    """With and without something to answer."""
    assert json.loads(encode(internal_frame("e1", reply_to="i"))) == {
        "type": "error",
        "reply_to": "i",
        "payload": {"code": "internal", "message": "Internal error e1.", "retryable": True},
    }
    assert "reply_to" not in json.loads(encode(internal_frame("e1", reply_to=None)))


def test_the_codes_are_those_that_clients_know() -> None:
    """A client of an older version acts on these words and numbers."""
    assert ERROR_CODES == (
        "bad_message",
        "unknown_type",
        "too_large",
        "unauthenticated",
        "forbidden",
        "not_found",
        "conflict",
        "rate_limited",
        "busy",
        "bad_resume",
        "degraded",
        "internal",
    )
    assert [*map(int, CloseCode)] == [1001, 1012, 4008, 4009, 4029, 4401, 4500, 4503, 4513]


@pytest.mark.parametrize(
    ("frame", "code", "text", "path"),
    [
        ("{", "bad_message", "The frame is not valid JSON.", "$"),
        ("[]", "bad_message", "Expected `object`, got `array`.", "$"),
        ('{"type":"pong"}', "unknown_type", "The frame's type is not known to this server.", "$.type"),
        ('{"type":"ping","id":7}', "bad_message", "Expected `str`, got `int`.", "$.id"),
        (
            '{"type":"ping","id":"\\u0000"}',
            "bad_message",
            "The text is empty or holds characters that are not allowed here.",
            "$.id",
        ),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(frame: str, code: str, text: str, path: str) -> None:
    """In one sentence, without a pattern."""
    with pytest.raises(msgspec.DecodeError) as caught:
        decode(frame)
    told = from_decode_error(caught.value)
    assert (told.code, str(told), told.path) == (code, text, path)


def test_close_codes_tell_whether_to_reconnect() -> None:
    """4000-4499 yes, 4500-4999 no."""
    final = {code for code in CloseCode if code >= 4500}
    assert final == {CloseCode.VIOLATION, CloseCode.TOO_MANY_CONNECTIONS, CloseCode.FORBIDDEN}
