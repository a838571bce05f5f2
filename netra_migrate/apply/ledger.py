"""What the journal adds up to: which action is open, and what each file was made by which actions. No I/O."""

from collections.abc import Iterable
from typing import assert_never

import msgspec

from netra_migrate.apply.records import (
    Began,
    Checking,
    Closed,
    Committed,
    Declined,
    Done,
    Entry,
    Kind,
    Noted,
    Opened,
    Undone,
)


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """What an action that holds made of a file."""

    action: int
    kind: Kind
    entry: Entry


class Ledger:
    """The sum of all records.

    Attributes:
        layers: by path, the actions that hold, oldest first.
        open: the action that has begun and not ended, of which there is at most one.
        checking: the validation command that ran in it, if any.
        uncommitted: the last action that holds and whose commit is still to be made, with its branch.
        last: the number of the last action.
    """

    def __init__(self, noted: Iterable[Noted]) -> None:
        self.layers: dict[str, list[Layer]] = {}
        self.open: Began | None = None
        self.checking: Checking | None = None
        self.uncommitted: Began | None = None
        self.branch: str | None = None
        self.last = 0
        for each in noted:
            self.add(each)

    def add(self, noted: Noted) -> None:
        """Take one more record into account."""
        match noted.record:
            case Opened() as record:
                self.branch = record.branch
            case Began() as record:
                self.open, self.checking, self.last = record, None, record.action
            case Checking() as record:
                self.checking = record
            case Done():
                self._hold()
            case Undone():
                self.open = None
            case Committed():
                self.uncommitted = None
            case Declined() | Closed():
                pass
            case other:
                assert_never(other)

    def _hold(self) -> None:
        assert self.open is not None  # noqa: S101 - `Done` follows `Began`, or the journal is damaged
        began, self.open = self.open, None
        self.uncommitted = began if self.branch is not None else None
        if began.kind is Kind.ROLLBACK:
            for undo in began.undoes:
                left = [layer for layer in self.layers[undo.path] if layer.action != undo.action]
                self.layers[undo.path] = left
            return
        for entry in began.entries:
            layer = Layer(action=began.action, kind=began.kind, entry=entry)
            self.layers.setdefault(entry.path, []).append(layer)

    def made(self, path: str) -> Entry | None:
        """What the last action that holds made of a file; None where the kit has not touched it."""
        layers = self.layers.get(path)
        return layers[-1].entry if layers else None
