"""Messages for a shadow run: recorded ones from a JSON Lines file, or generated from what is claimed."""

import json
from collections.abc import Sequence
from pathlib import Path

from netra_migrate.configuration import Configuration
from netra_migrate.domain.handlers import Claim
from netra_migrate.domain.outcomes import ConfigurationError
from netra_migrate.domain.shadow import Message

USUAL = {
    "thread_id": "thread-1",
    "run_id": "run-1",
    "user_request": "What is the weather in Oslo?",
    "content": "What is the weather in Oslo?",
    "text": "What is the weather in Oslo?",
    "limit": 10,
}
"""Names that most payloads of such applications have; a handler reads those it knows."""
PAYLOADS: tuple[dict[str, object], ...] = (
    USUAL,
    {},
    {"content": "", "text": "", "thread_id": "no-such-thread"},
)


def messages_for(configuration: Configuration, root: Path, claims: Sequence[Claim]) -> tuple[Message, ...]:
    """Those of `[shadow].messages` when it is set, else three for each message type that is claimed.

    Raises:
        ConfigurationError: a line of the file is no message, or the file lies outside `root`.
    """
    if configuration.shadow and configuration.shadow.messages:
        return recorded(configuration.shadow.messages, root)
    return generated(claims)


def recorded(name: str, root: Path) -> tuple[Message, ...]:
    """One message a line: an object with a `type`, a `user_id` and a `payload`; empty lines are passed over.

    Raises:
        ConfigurationError: as above, with `path:line`, and how many more lines are bad.
    """
    file = (root / name).resolve()
    if not file.is_relative_to(root.resolve()):
        raise ConfigurationError(f"shadow.messages: {name} lies outside the root; copy it into the tree.")
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"shadow.messages: {name} cannot be read: {error.strerror}.") from error
    read = [_message(line, f"{name}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if bad := [each for each in read if isinstance(each, str)]:
        more = f" ({len(bad) - 1} more lines are bad)" if len(bad) > 1 else ""
        raise ConfigurationError(f"{bad[0]}{more}")
    return tuple(each for each in read if isinstance(each, Message))


def generated(claims: Sequence[Claim]) -> tuple[Message, ...]:
    """For every type claimed: a usual payload, an empty one, and one that nobody can serve."""
    types = sorted({claim.message_type for claim in claims})
    return tuple(
        Message(
            source="generated",
            type=message_type,
            content={"type": message_type, "user_id": "user-1", "payload": payload},
        )
        for message_type in types
        for payload in PAYLOADS
    )


def _message(line: bytes, source: str) -> Message | str:
    try:
        content = json.loads(line)
    except ValueError as error:
        return f"{source} is not JSON: {getattr(error, 'msg', 'not UTF-8')}; write one object a line."
    if not isinstance(content, dict):
        return f"{source} is not a JSON object; write one object a line."
    inner = content.get("message")
    for holder in (content, inner if isinstance(inner, dict) else {}):
        for key in ("type", "message_type"):
            if isinstance(holder.get(key), str):
                return Message(source=source, type=holder[key], content=content)
    return f'{source} has no type; give the message a "type".'
