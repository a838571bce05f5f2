"""What is to be done: the map of symbols, and the files in their order."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Decision(StrEnum):
    """What becomes of a legacy symbol."""

    SAME = "same"
    RENAMED = "renamed"
    ADAPT = "adapt"
    """There is no way to rewrite its users: they get it wrapped by the adapter, for the time being."""
    NONE = "none"
    """No target: the plan stops wherever it is used."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a legacy symbol becomes.

    Attributes:
        symbol: its name in the legacy module.
        decision: see `Decision`.
        to: the new absolute dotted name, such as `app.websocket_core.handlers.AgentHandler`.
        drop, rename, add: what a call of its constructor loses, what is renamed (old to new keyword),
            and what it gets as further keywords (name to expression).
        reason: why, in one sentence; of an undecided symbol, what stands against `same`.
        constructor: parameters of the legacy constructor, without `self`, to map positional arguments.
        imports: dotted names that the expressions of `add` use.
        message_types: what the legacy handler takes, to make messages where only a payload is known.
        decided: False where the map must say something before the plan can go on.
    """

    symbol: str
    decision: Decision
    to: str | None = None
    drop: tuple[str, ...] = ()
    rename: Mapping[str, str] = {}
    add: Mapping[str, str] = {}
    constructor: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    message_types: tuple[str, ...] = ()
    reason: str = ""
    decided: bool = True


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One file to migrate, or several that import one another and go together.

    `paths` are migrated in one checkpoint; `tests` are the test files beside them, part of `paths`.
    """

    number: int
    paths: tuple[str, ...]
    tests: tuple[str, ...] = ()
    references: int
    symbols: tuple[str, ...] = ()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Steps in order, what the symbols become, and what has to be decided before it may be applied."""

    targets: tuple[Target, ...]
    steps: tuple[Step, ...]
    open_questions: tuple[Target, ...] = ()
    left_alone: tuple[str, ...] = ()
    """Files that mention the legacy module in words, data or strings only, or that cannot be parsed."""
