import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from netra_backend import __version__
from netra_backend.protocol import messages
from netra_backend.protocol.asyncapi import CLIENT_FRAMES, SERVER_FRAMES, asyncapi, schemas_of
from netra_backend.protocol.payloads import HeadPayload, UserMessagePayload

PUBLISHED = Path(__file__).parents[4] / "docs" / "asyncapi.json"
DOCUMENT = json.loads(msgspec.json.encode(asyncapi(version="1.2.3")))


def test_the_wire_is_the_published_one() -> None:
    """Names, limits, patterns and close codes: clients were built on this document."""
    now = json.loads(msgspec.json.encode(asyncapi(version=__version__)))
    assert now == json.loads(PUBLISHED.read_text(encoding="utf-8"))


def validator(frame: str) -> Draft202012Validator:
    """Checks a frame by the document alone."""
    reference = DOCUMENT["components"]["messages"][frame]["payload"]
    return Draft202012Validator(reference | {"components": DOCUMENT["components"]})


def test_every_frame_is_a_message_of_its_direction() -> None:
    """The server receives what clients send."""
    operations = DOCUMENT["operations"]
    for name, action, frames in (
        ("fromClient", "receive", CLIENT_FRAMES),
        ("fromServer", "send", SERVER_FRAMES),
    ):
        assert operations[name]["action"] == action
        assert [each["$ref"] for each in operations[name]["messages"]] == [
            f"#/channels/ws/messages/{frame.__name__}" for frame in frames
        ]
    assert len(DOCUMENT["channels"]["ws"]["messages"]) == len(CLIENT_FRAMES) + len(SERVER_FRAMES)
    assert DOCUMENT["components"]["messages"]["TypingChanged"]["name"] == "typing"


def test_all_references_resolve_and_all_schemas_are_schemas() -> None:
    """Nothing points nowhere."""

    def check(node: Any) -> None:
        if isinstance(node, list):
            for each in node:
                check(each)
        elif isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                target: Any = DOCUMENT
                for part in node["$ref"].removeprefix("#/").split("/"):
                    target = target[part]
            for each in node.values():
                check(each)

    check(DOCUMENT)
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    "frame",
    [
        messages.UserMessage(id="1", payload=UserMessagePayload(text="Hello")),
        messages.Ping(),
        messages.Pong(reply_to="1", payload=HeadPayload(head=3)),
        messages.Followed(reply_to="1", thread_id="t"),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_what_is_sent_fits_the_document(frame: msgspec.Struct) -> None:
    """Checked by an independent implementation of JSON Schema."""
    validator(type(frame).__name__).validate(json.loads(messages.encode(frame)))


@pytest.mark.parametrize(
    "change", [{"id": ""}, {"type": "other"}, {"extra": 1}, {"payload": {"text": ""}}, {"payload": {}}]
)
def test_what_is_refused_does_not_fit_the_document(change: dict[str, Any]) -> None:
    """The document is as strict as the server."""
    frame = {"type": "user_message", "id": "1", "payload": {"text": "Hello"}} | change
    assert not validator("UserMessage").is_valid(frame)


def test_schemas_of_types_come_with_what_they_are_made_of() -> None:
    """By name, for other documents."""
    assert schemas_of(messages.Pong).keys() == {"Pong", "HeadPayload"}
