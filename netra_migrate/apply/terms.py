"""What apply is given and what it answers. Values only; I/O is in what they hold."""

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from netra_migrate.apply.session import NamesGroup
from netra_migrate.domain.outcomes import Exit
from netra_migrate.domain.rewriting import Change, Refusal, Refused, Rewritten
from netra_migrate.validation import Comparison


class State(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    WORKING = "working"
    APPLIED = "applied"
    REFUSED = "refused"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"


class Checks(Protocol):
    """`validation.Checker.check`."""

    def __call__(self, tests: Sequence[str], *, removed: Collection[str], on_start: NamesGroup) -> Comparison:
        """See there."""


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What the other rooms do for a step.

    Attributes:
        rewrite: new bytes of a file, from its bytes and path.
        resolve: what stands against the imports of a file as written, one sentence each; reads only.
        check: the validation of a step's tests; None for none.
    """

    rewrite: Callable[[bytes, str], Rewritten | Refused]
    resolve: Callable[[str, bytes], Sequence[str]] = lambda path, content: ()
    check: Checks | None = None


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a migration: files to delete once nothing refers to them, by `references` as `path:line`.

    `paths` are the legacy module, its shims, and the tests of nothing but these.
    """

    paths: tuple[str, ...]
    references: Callable[[], Sequence[str]]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What people ask for.

    Attributes:
        write: whether anything is written at all.
        keep_going: whether to go on after a step that failed and was put back.
        stop_at_refusal: whether to stop at a step that cannot be rewritten.
        allow_dirty: whether files with uncommitted changes may be migrated; with a branch, these changes
            are committed together with the migration's.
        branch: where each step is committed; None for no commits.
        force: put files of an unfinished step back even if they were edited since.
    """

    write: bool = False
    keep_going: bool = False
    stop_at_refusal: bool = False
    allow_dirty: bool = False
    branch: str | None = None
    force: bool = False


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one step. `diff` as bytes of the target; show it escaped."""

    number: int
    paths: tuple[str, ...]
    state: State
    changes: Mapping[str, tuple[Change, ...]] = {}
    refusals: tuple[Refusal, ...] = ()
    diff: bytes = b""
    reason: str = ""
    new_failures: tuple[str, ...] = ()
    disappeared: tuple[str, ...] = ()
    checking_seconds: float = 0.0
    own_seconds: float = 0.0


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What became of all steps; the removal, if there is one, is the last and has the number 0."""

    steps: tuple[StepResult, ...]

    @property
    def exit(self) -> Exit:
        """What the command ends with."""
        states = {step.state for step in self.steps}
        if State.FAILED in states:
            return Exit.ROLLED_BACK
        return Exit.FINDINGS if State.REFUSED in states else Exit.DONE
