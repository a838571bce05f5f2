"""Messages from a file and from claims."""

from pathlib import Path

import pytest

from netra_migrate.configuration import CanonicalSide, Configuration, LegacySide, Shadow
from netra_migrate.domain.handlers import Claim
from netra_migrate.domain.outcomes import ConfigurationError
from netra_migrate.domain.shadow import Message
from netra_migrate.shadow.messages import generated, messages_for, recorded

CLAIM = Claim(message_type="start_agent", handler="app.StartAgentHandler", path="app.py", line=3)


def _configuration(messages: str | None) -> Configuration:
    return Configuration(
        legacy=LegacySide(module="a"),
        canonical=CanonicalSide(module="b"),
        shadow=Shadow(legacy="f:a", canonical="f:b", messages=messages),
    )


def test_recorded_messages_keep_their_line(tmp_path: Path) -> None:
    """Types stand on the message, under either name, or on the message inside it."""
    (tmp_path / "m.jsonl").write_text('{"type":"a"}\n\n{"message_type":"b"}\r\n{"message":{"type":"c"}}')
    assert messages_for(_configuration("m.jsonl"), tmp_path, [CLAIM]) == (
        Message(source="m.jsonl:1", type="a", content={"type": "a"}),
        Message(source="m.jsonl:3", type="b", content={"message_type": "b"}),
        Message(source="m.jsonl:4", type="c", content={"message": {"type": "c"}}),
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", r"^m\.jsonl:2 is not JSON: .* \(1 more lines are bad\)$"),
        (b"\xff", r"^m\.jsonl:2 is not JSON: not UTF-8"),
        (b"[]", r"^m\.jsonl:2 is not a JSON object"),
        (b'{"type": 1}', r'^m\.jsonl:2 has no type; give the message a "type"\.'),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: bytes, words: str) -> None:
    """With file and line, and how many more there are."""
    (tmp_path / "m.jsonl").write_bytes(b'{"type":"a"}\n' + line + b"\nworse\n")
    with pytest.raises(ConfigurationError, match=words):
        recorded("m.jsonl", tmp_path)


def test_files_outside_the_root_are_not_read(tmp_path: Path) -> None:
    """Neither by `..` nor through a link; a file that is not there is a plain sentence."""
    (tmp_path / "m.jsonl").write_text('{"type":"a"}')
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.jsonl").symlink_to(tmp_path / "m.jsonl")
    for name in ("../m.jsonl", "link.jsonl"):
        with pytest.raises(ConfigurationError, match="outside the root"):
            recorded(name, root)
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        recorded("nothing.jsonl", root)


def test_messages_are_generated_once_for_each_type(tmp_path: Path) -> None:
    """Three payloads a type, whoever claims it."""
    messages = messages_for(_configuration(None), tmp_path, [CLAIM, CLAIM])
    assert messages == generated([CLAIM])
    assert [message.type for message in messages] == ["start_agent"] * 3
    assert [bool(message.content["payload"]) for message in messages] == [True, False, True]
