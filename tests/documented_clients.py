"""Compares what the two clients declare with the server's frames: types, payload fields, and which may be absent.

The TypeScript file is read with patterns for the one style that it is written in; a line in another style shows as
a missing name, never as agreement.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
from netra_client import commands
from netra_client import messages as python_messages

from netra_backend.domain.runs import EndStatus, IfRunning
from netra_backend.domain.threads import Role
from netra_backend.protocol import payloads as p
from netra_backend.protocol.asyncapi import CLIENT_FRAMES, SERVER_FRAMES
from netra_backend.protocol.errors import ERROR_CODES

TYPESCRIPT: Final = "clients/typescript/src/messages.ts"
PYTHON: Final = "clients/python/netra_client"

Fields = dict[str, bool]
"""Field name to whether it must be there."""

VIEWS: Final[Mapping[str, type]] = {
    "Message": p.MessageView,
    "Thread": p.ThreadView,
    "RunError": p.RunError,
    "Usage": p.Usage,
}
"""What payloads are made of, by its name in TypeScript."""

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "IfRunning": get_args(IfRunning),
    "Role": get_args(Role),
    "ToolStatus": get_args(p.ToolStatus),
    "EndStatus": get_args(EndStatus),
    "ErrorCode": ERROR_CODES,
}

_SENT: Final = re.compile(
    r'\bSent(?P<thread>ToThread)?<"(?P<type>\w+)", (?P<payload>[\w<, >]+?)>(?P<more>[^|;]*)'
)
_RECEIVED: Final = re.compile(
    r'\b(?:Received|Durable|OfRun)<"(?P<type>\w+)", (?P<payload>[\w<, >]+?)>\s*[;|\n]'
)
_INTERFACE: Final = re.compile(r"^export interface (\w+) \{\n(.*?)^\}", re.DOTALL | re.MULTILINE)
_FIELD: Final = re.compile(r"^  (\w+)(\??): ", re.MULTILINE)


def differences(root: Path) -> list[str]:
    """A line for each difference between a client and the server."""
    source = (root / TYPESCRIPT).read_text(encoding="utf-8")
    return [*typescript_differences(source), *python_differences(root)]


# The server, as plain names.


def fields_of(struct: Any) -> Fields:
    """Names on the wire of a struct's fields; those with a default may be absent."""
    return {field.encode_name: field.required for field in msgspec.structs.fields(struct)}


def frames_of(frames: Iterable[Any]) -> dict[str, Fields]:
    """The payload's fields by the frame's type."""
    return {str(frame.__struct_config__.tag): fields_of(_payload(frame)) for frame in frames}


def _payload(frame: Any) -> Any:
    return next(field.type for field in msgspec.structs.fields(frame) if field.name == "payload")


def _envelopes() -> dict[str, tuple[bool, bool]]:
    """Whether a frame from the client must have `id` and `thread_id`."""
    found = {}
    for frame in CLIENT_FRAMES:
        required = fields_of(frame)
        found[str(frame.__struct_config__.tag)] = (required["id"], required["thread_id"])  # type: ignore[attr-defined]  # every frame is a Struct
    return found


# TypeScript.


def typescript_differences(source: str) -> list[str]:
    """A line for each difference between `messages.ts` and the server."""
    interfaces = {name: _fields(body) for name, body in _INTERFACE.findall(source)}
    sent = {match["type"]: match for match in _SENT.finditer(source)}
    received = {match["type"]: match["payload"] for match in _RECEIVED.finditer(source)}
    envelopes = {
        kind: ("{ id: string" in match["more"], match["thread"] is not None) for kind, match in sent.items()
    }
    return [
        *_compare(
            "frames from the client",
            {kind: _declared(match["payload"], interfaces) for kind, match in sent.items()},
            frames_of(CLIENT_FRAMES),
        ),
        *_compare("required id and thread_id", envelopes, _envelopes()),
        *_compare(
            "frames from the server",
            {kind: _declared(payload, interfaces) for kind, payload in received.items()},
            frames_of(SERVER_FRAMES),
        ),
        *_compare(
            "parts of payloads",
            {name: interfaces.get(name) for name in VIEWS},
            {name: fields_of(view) for name, view in VIEWS.items()},
        ),
        *_compare(
            "choices",
            {name: _choices(source, name) for name in CHOICES},
            {name: set(values) for name, values in CHOICES.items()},
        ),
    ]


def _fields(body: str) -> Fields:
    return {name: not optional for name, optional in _FIELD.findall(body)}


def _declared(payload: str, interfaces: Mapping[str, Fields]) -> Fields | None:
    return {} if payload.startswith("Record<string, never") else interfaces.get(payload)


def _choices(source: str, name: str) -> set[str]:
    found = re.search(rf"export type {name} =(.*?);", source, re.DOTALL)
    return set(re.findall(r'"(\w+)"', found[1])) if found else set()


def _compare(what: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    return [
        f"{TYPESCRIPT} differs from the server in {what}: {name} is {theirs.get(name)} there and {ours.get(name)} here"
        for name in sorted({*theirs, *ours})
        if theirs.get(name) != ours.get(name)
    ]


# Python. Its structs forgive what is absent, so only names are compared.


def python_differences(root: Path) -> list[str]:
    """A line for each difference between `netra_client` and the server."""
    lines = frame_differences(frames_of(get_args(python_messages.ServerFrame)), frames_of(SERVER_FRAMES))
    source = "".join(path.read_text(encoding="utf-8") for path in sorted((root / PYTHON).glob("*.py")))
    lines += [
        f"{PYTHON} never sends {kind}" for kind in frames_of(CLIENT_FRAMES) if f'"{kind}"' not in source
    ]
    shapes = {frozenset(fields_of(payload)) for payload in get_args(commands.Payload)}
    wanted = {frozenset(fields) for fields in frames_of(CLIENT_FRAMES).values()}
    if shapes != wanted:
        lines.append(
            f"{PYTHON}/commands.py differs from the server in {sorted(map(sorted, shapes ^ wanted))}"
        )
    return lines


def frame_differences(theirs: Mapping[str, Fields], ours: Mapping[str, Fields]) -> list[str]:
    """A line for each type that only one side has, or whose payload has other fields."""
    return [
        f"{PYTHON}/messages.py differs from the server: {kind} has {_names(theirs, kind)} there "
        f"and {_names(ours, kind)} here"
        for kind in sorted({*theirs, *ours})
        if _names(theirs, kind) != _names(ours, kind)
    ]


def _names(frames: Mapping[str, Fields], kind: str) -> list[str] | None:
    return sorted(frames[kind]) if kind in frames else None
