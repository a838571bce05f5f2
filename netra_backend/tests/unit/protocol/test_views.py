import json
from datetime import UTC, datetime

from netra_backend.domain.ids import MessageId, RunId, ThreadId
from netra_backend.domain.threads import Message, Thread
from netra_backend.protocol.messages import encode
from netra_backend.protocol.views import message_view, thread_view

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_message_shows_everything_that_it_has() -> None:
    """Every field of the specification's list."""
    message = Message(
        id=MessageId("m"),
        role="user",
        content="**hi**",
        created_at=NOON,
        run_id=RunId("r"),
        client_id="c",
        references=("a", {"b": 1}),
    )
    assert json.loads(encode(message_view(message))) == {
        "id": "m",
        "role": "user",
        "content": "**hi**",
        "created_at": "2026-01-01T12:00:00Z",
        "run_id": "r",
        "client_id": "c",
        "references": ["a", {"b": 1}],
    }


def test_what_a_message_does_not_have_stays_off_the_wire() -> None:
    """No nulls and no empty lists."""
    message = Message(id=MessageId("m"), role="assistant", content="", created_at=NOON)
    assert json.loads(encode(message_view(message))).keys() == {"id", "role", "content", "created_at"}


def test_a_thread_shows_its_line_of_a_listing() -> None:
    """Every field."""
    thread = Thread(id=ThreadId("t"), title="Hi", archived=False, created_at=NOON, updated_at=NOON)
    assert json.loads(encode(thread_view(thread))) == {
        "id": "t",
        "title": "Hi",
        "archived": False,
        "created_at": "2026-01-01T12:00:00Z",
        "updated_at": "2026-01-01T12:00:00Z",
    }
