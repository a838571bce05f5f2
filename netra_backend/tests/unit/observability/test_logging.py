import io
import json
import logging
import warnings
from typing import Any

import pytest
import structlog

JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2ln"


def entries(logged: io.StringIO) -> list[dict[str, Any]]:
    """Each line as an object; a line that is none fails."""
    return [json.loads(line) for line in logged.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_what_is_bound(logged: io.StringIO) -> None:
    """Also with line ends in it; debug is below the level."""
    log = structlog.get_logger()
    with structlog.contextvars.bound_contextvars(request_id="r", run_id="u"):
        log.info("first\nline", size=3, name="Zürich")
    log.debug("unheard")
    (entry,) = entries(logged)
    assert list(entry)[:3] == ["event", "level", "ts"]
    assert entry["ts"].endswith("Z")
    del entry["ts"]
    assert entry == {
        "event": "first\nline",
        "level": "info",
        "request_id": "r",
        "run_id": "u",
        "size": 3,
        "name": "Zürich",
    }


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "new_password",
        "token",
        "access_token",
        "Authorization",
        "cookie",
        "set-cookie",
        "dsn",
        "database_url",
        "valkey_url",
        "secret",
        "client_secret",
        "api_key",
        "apikey",
        "model_api_key",
        "signing_key",
        "text",
        "prompt",
        "content",
        "arguments",
        "result",
    ],
)
@pytest.mark.parametrize("value", ["canary", 424242, ["canary"], {"x": "canary"}], ids=str)
def test_keys_of_secrets_and_of_what_people_write_are_hidden(
    logged: io.StringIO, key: str, value: Any
) -> None:
    """At any depth and of any type."""
    structlog.get_logger().info("event", **{key: value}, nested={"deep": [{key: value}]})
    assert "canary" not in logged.getvalue()
    assert "424242" not in logged.getvalue()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (JWT, "[token]"),
        (f"sent {JWT} there", "sent [token] there"),
        ("Bearer abc.def", "Bearer [hidden]"),
        ("postgresql://netra:hunter2@db:5432/x", "postgresql://[hidden]@db:5432/x"),
        ("redis://:hunter2@cache", "redis://[hidden]@cache"),
        ("/ws?token=abc&x=1", "/ws?token=[hidden]&x=1"),
        ("-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----", "[key]"),
        ("https://chat.example/a@b", "https://chat.example/a@b"),
        ("eyes on input_tokens=3", "eyes on input_tokens=3"),
    ],
)
def test_values_that_look_like_secrets_are_hidden_under_any_key(
    logged: io.StringIO, value: str, shown: str
) -> None:
    """Also in the event's own text and in objects that only become text here."""
    structlog.get_logger().info(value, note=value, error=ValueError(value))
    (entry,) = entries(logged)
    assert (entry["event"], entry["note"], entry["error"]) == (shown, shown, shown)


def test_attack_45_an_exception_shows_kind_and_place_only(logged: io.StringIO) -> None:
    """Its text may quote prompt, key and database URL; so may those of its causes."""
    log = structlog.get_logger()
    try:
        raise RuntimeError("canary one") from ValueError("canary two")  # noqa: TRY301 - the subject
    except RuntimeError as error:
        log.exception("failed")
        log.error("failed", exc_info=error)  # noqa: TRY400 - the other way to say it
        logging.getLogger("library").exception("failed")
    for entry in entries(logged):
        assert entry["error"] == ["RuntimeError", "ValueError"]
        assert entry["at"][-1].startswith("test_logging.py:")
    assert len(entries(logged)) == 3
    assert "canary" not in logged.getvalue()


def test_libraries_go_through_the_same_pipeline(logged: io.StringIO) -> None:
    """From warning on; below, some quote addresses with their query or whole frames."""
    logging.getLogger("uvicorn.error").info('"WebSocket /ws?token=abc" [accepted]')
    logging.getLogger("uvicorn.access").error("GET /?token=abc")
    logging.getLogger("websockets.server").debug("< TEXT canary")
    logging.getLogger("httpx").info("HTTP Request: GET https://x")
    logging.getLogger("uvicorn.error").warning("close to %s", "postgresql://a:b@c")
    (entry,) = entries(logged)
    assert (entry["logger"], entry["event"], entry["level"]) == (
        "uvicorn.error",
        "close to postgresql://[hidden]@c",
        "warning",
    )


def test_asyncio_does_not_quote_an_unretrieved_exception(logged: io.StringIO) -> None:
    """Its second line is the task with the exception's own text."""
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task canary>")
    (entry,) = entries(logged)
    assert entry["event"] == "Task exception was never retrieved"


def test_warnings_are_logged(logged: io.StringIO) -> None:
    """Where an operator looks."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old", stacklevel=1)
    assert entries(logged)[0]["logger"] == "py.warnings"


def test_a_record_that_cannot_be_written_breaks_nobody(
    logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the standard library's own handlers do it."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logging.getLogger("library").error("%d items", "seven")
    assert logged.getvalue() == ""
