"""What the scan knows of handlers: classes, calls, claims, and where they get in each other's way."""

import re
from enum import StrEnum

import msgspec

SOCKET_NAMES = re.compile(
    r"^_?(?:(?:\w+_)?web_?socket|(?:mock_|fake_|test_|client_)?ws|socket|conn|connection)"
    r"(?:_?(?:mock|fake|stub|conn|connection|\d+))?$",
    re.IGNORECASE,
)
"""What connections are called; `websocket_manager` and `websocket_url` are something else."""


class Shape(StrEnum):
    """What a class is, by its bases and by the signatures of its methods."""

    LEGACY = "legacy"
    CANONICAL = "canonical"
    BOTH = "both"
    """Has both methods: an adapter, or a class half migrated."""
    SERVICE = "service"
    """Dispatches to handlers without being one."""
    UNRELATED = "unrelated"
    """Has a method of that name which is something else: other parameters, another base."""


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """A method as written. `parameters` without `self`; `returns` is the annotation's text."""

    name: str
    line: int
    is_async: bool
    parameters: tuple[str, ...]
    returns: str | None = None
    hollow: bool = False
    """Nothing but logging, `pass`, constants and `return True`."""


class HandlerClass(msgspec.Struct, frozen=True, kw_only=True):
    """A class that handles messages, or looks as if it did. `name` is qualified within its module."""

    path: str
    line: int
    module: str
    name: str
    shape: Shape
    bases: tuple[str, ...] = ()
    """As absolute dotted names where they could be resolved, else as written."""
    constructor: tuple[str, ...] = ()
    methods: tuple[Method, ...] = ()
    message_types: tuple[str, ...] = ()


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call of the legacy or the canonical method. `receiver` as written; `target`: class, if known."""

    path: str
    line: int
    column: int
    method: str
    receiver: str
    arguments: int
    target: str | None = None


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A handler that says that it takes messages of a type."""

    message_type: str
    handler: str
    path: str
    line: int


class Clash(msgspec.Struct, frozen=True, kw_only=True):
    """Something that exists twice. `where`: `path:line`.

    `what`: "claim" of a message type, class "name", or "shadow": a name that a file takes from both sides.
    """

    what: str
    name: str
    where: tuple[str, ...]
