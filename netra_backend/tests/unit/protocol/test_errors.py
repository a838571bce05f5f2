import json

from netra_backend.domain.errors import BadMessage, Busy, NotFound
from netra_backend.protocol.errors import CloseCode, error_frame, internal_frame
from netra_backend.protocol.messages import encode


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


def test_close_codes_tell_whether_to_reconnect() -> None:
    """4000-4499 yes, 4500-4999 no."""
    final = {code for code in CloseCode if code >= 4500}
    assert final == {CloseCode.VIOLATION, CloseCode.TOO_MANY_CONNECTIONS, CloseCode.FORBIDDEN}
