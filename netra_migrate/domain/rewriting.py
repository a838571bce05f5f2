"""What the rewrite engine is asked and answers: one file's text in, another text or refusals out."""

from collections.abc import Mapping

import msgspec

from netra_migrate.domain.plan import Target


class Refusal(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A place that cannot be rewritten safely. `reason`: one plain sentence that says what to do."""

    path: str
    line: int
    reason: str
    can_adapt: bool = False
    """Whether `decision = "adapt"` for the symbol would let the file go on for now."""


class Change(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A change made. `kind`: import, base, constructor, method, return, call, patch."""

    line: int
    kind: str
    before: str
    after: str


class Rewritten(msgspec.Struct, frozen=True, kw_only=True):
    """A file's new bytes, in its own encoding and line endings; equal to the old ones if nothing changed."""

    content: bytes
    changes: tuple[Change, ...] = ()


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was changed, for these reasons."""

    refusals: tuple[Refusal, ...]


class Decisions(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for all files of a migration. `targets`: legacy symbol to what it becomes.

    `modules`: dotted names through which legacy symbols are reached (the module itself, shims and
    re-exporting packages), each with the names it hands on, as local name to legacy symbol.
    `importable`: dotted names that exist after the rewrite, for patch strings. `gone`: legacy symbol to
    what its instances have and those of its target have not.
    """

    targets: Mapping[str, Target]
    modules: Mapping[str, Mapping[str, str]]
    importable: frozenset[str] = frozenset()
    gone: Mapping[str, frozenset[str]] = {}
