"""What became of every step, read from the journal alone: for the report, the dashboard and people."""

from collections.abc import Sequence
from typing import assert_never

import msgspec

from netra_migrate.apply.journal import read_journal
from netra_migrate.apply.records import (
    Began,
    Cause,
    Checking,
    Closed,
    Committed,
    Declined,
    Done,
    Kind,
    Noted,
    Opened,
    Undo,
    Undone,
)
from netra_migrate.apply.session import Tree
from netra_migrate.apply.terms import State
from netra_migrate.domain.rewriting import Refusal


class StepStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One action or refusal, or a step that nothing has been done about.

    Attributes:
        action: what `rollback` calls it; None before anything was touched.
        number: of the step in its plan; 0 for the removal and for rollbacks.
        began, ended: ISO 8601 in UTC; empty where it has not.
        checking_seconds: of the validation; `own_seconds`: of everything else, from its rewriting on.
        commit: in git, where steps are committed.
    """

    action: int | None = None
    kind: Kind = Kind.STEP
    number: int
    paths: tuple[str, ...]
    state: State = State.PENDING
    began: str = ""
    ended: str = ""
    changes: int = 0
    tests: int = 0
    new_failures: tuple[str, ...] = ()
    disappeared: tuple[str, ...] = ()
    reason: str = ""
    refusals: tuple[Refusal, ...] = ()
    checking_seconds: float = 0.0
    own_seconds: float = 0.0
    commit: str = ""


def history(tree: Tree) -> tuple[StepStatus, ...]:
    """Every action ever begun and every refusal, in order. Needs no lock: also while a run goes on.

    Raises:
        TreeError: the journal is damaged.
    """
    return _Told(read_journal(tree.state_folder)).actions()


def status(tree: Tree) -> tuple[StepStatus, ...]:
    """The steps of the last run, in their order, each with the last that became of its files.

    Raises:
        TreeError: the journal is damaged.
    """
    told = _Told(read_journal(tree.state_folder))
    last: dict[str, StepStatus] = {}
    for each in told.actions():
        if each.kind is not Kind.ROLLBACK:
            last.update(dict.fromkeys(each.paths, each))
    found = [
        _last(last, paths) or StepStatus(number=number, paths=paths)
        for number, paths in enumerate(told.steps, start=1)
    ]
    removals = [each for each in last.values() if each.number == 0]
    return (*found, *dict.fromkeys(removals))


def _last(last: dict[str, StepStatus], paths: Sequence[str]) -> StepStatus | None:
    found = [last[path] for path in paths if path in last]
    return max(found, key=lambda each: each.began or each.ended) if found else None


class _Told:
    """The journal, retold by action."""

    def __init__(self, noted: Sequence[Noted]) -> None:
        self.steps: tuple[tuple[str, ...], ...] = ()
        self._found: list[StepStatus] = []
        self._at: dict[int, int] = {}
        self._undoes: dict[int, tuple[Undo, ...]] = {}
        self._taken_back: dict[int, set[str]] = {}
        for each in noted:
            self._tell(each)

    def actions(self) -> tuple[StepStatus, ...]:
        return tuple(self._found)

    def _tell(self, noted: Noted) -> None:
        match noted.record:
            case Opened() as record:
                self.steps = record.steps
            case Began() as record:
                self._began(record, noted.at)
            case Done() as record:
                self._done(record, noted.at)
            case Undone() as record:
                self._undone(record, noted.at)
            case Committed() as record:
                self._change(record.action, commit=record.commit)
            case Declined() as record:
                self._declined(record, noted.at)
            case Checking() | Closed():
                pass
            case other:
                assert_never(other)

    def _began(self, record: Began, at: str) -> None:
        self._at[record.action] = len(self._found)
        self._undoes[record.action] = record.undoes
        self._found.append(
            StepStatus(
                action=record.action,
                kind=record.kind,
                number=record.number,
                paths=tuple(entry.path for entry in record.entries),
                state=State.WORKING,
                began=at,
                changes=record.changes,
            )
        )

    def _declined(self, record: Declined, at: str) -> None:
        self._found.append(
            StepStatus(
                kind=Kind.STEP if record.number else Kind.REMOVAL,
                number=record.number,
                paths=record.paths,
                state=State.REFUSED,
                refusals=record.refusals,
                ended=at,
            )
        )

    def _done(self, record: Done, at: str) -> None:
        self._change(
            record.action,
            state=State.APPLIED,
            ended=at,
            tests=record.tests,
            checking_seconds=record.checking_seconds,
            own_seconds=record.own_seconds,
        )
        for undo in self._undoes[record.action]:
            taken = self._taken_back.setdefault(undo.action, set())
            taken.add(undo.path)
            if taken >= set(self._found[self._at[undo.action]].paths):
                self._change(undo.action, state=State.ROLLED_BACK)

    def _undone(self, record: Undone, at: str) -> None:
        self._change(
            record.action,
            state=State.FAILED if record.cause is Cause.FAILED else State.PENDING,
            ended=at,
            reason=record.reason or record.cause.value,
            new_failures=record.new_failures,
            disappeared=record.disappeared,
            checking_seconds=record.checking_seconds,
            own_seconds=record.own_seconds,
        )

    def _change(self, action: int, **changes: object) -> None:
        at = self._at[action]
        self._found[at] = msgspec.structs.replace(self._found[at], **changes)
