"""A run's hold on a tree: the lock, the journal, the kept contents, and the end of what a killed run left.

Everything that changes files goes through `Session.act`: an action is whole or has not happened.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec

from netra_migrate.apply.changing import Changing, Edited
from netra_migrate.apply.files import shown
from netra_migrate.apply.git import Repository, repository
from netra_migrate.apply.journal import Journal
from netra_migrate.apply.ledger import Ledger
from netra_migrate.apply.lock import locked
from netra_migrate.apply.originals import Originals
from netra_migrate.apply.records import (
    Began,
    Cause,
    Checking,
    Committed,
    Done,
    Entry,
    Kind,
    Noted,
    Opened,
    Record,
    Undo,
    Undone,
)
from netra_migrate.domain.outcomes import TreeError
from netra_migrate.sources.state import prepared, state_folder
from netra_migrate.validation import Comparison, born, kill_group

NamesGroup = Callable[[int], None]
Check = Callable[[NamesGroup], Comparison]
"""Validates the tree as it is; names the process group of each command before waiting for it."""


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """What is worked on. `state`: another place for the state folder; it must not be a part of the target.

    `now` and `listen` are the clock, and whoever wants each record of the journal once it is durable.
    """

    root: Path
    now: Callable[[], datetime]
    state: Path | None = None
    listen: Callable[[Noted], None] = lambda _: None

    @property
    def state_folder(self) -> Path:
        """Where the state stands."""
        return state_folder(self.root, self.state)


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Files to be changed together. `old`, `new`: bytes, each by path. `spent`: seconds on making it, as rewriting."""

    kind: Kind
    number: int = 0
    entries: tuple[Entry, ...]
    old: Mapping[str, bytes]
    new: Mapping[str, bytes]
    undoes: tuple[Undo, ...] = ()
    changes: int = 0
    spent: float = 0.0


@contextmanager
def session(tree: Tree, *, force: bool = False) -> Iterator["Session"]:
    """Hold the tree, with every unfinished action of an earlier run undone and every commit made.

    Args:
        tree: what is worked on.
        force: put files back also where they were edited since an unfinished action.

    Raises:
        TreeError: another run holds it, or it cannot be put in order; also for a system that would not.
    """
    try:
        state = prepared(tree.state_folder)
        with locked(tree.root, state):
            journal = Journal(state, now=tree.now)
            try:
                held = Session(tree, journal, Changing(root=tree.root, originals=Originals(state)))
                held.recover(force=force)
                yield held
            finally:
                journal.close()
    except OSError as error:
        where = f"{shown(os.fsdecode(error.filename))}: " if isinstance(error.filename, str | bytes) else ""
        raise TreeError(
            f"{where}{error.strerror}: mend that, then start again; an unfinished step is put back then at the latest."
        ) from error


def recover(tree: Tree, *, force: bool = False) -> None:
    """End what a killed run left, so that whoever looks at the tree next sees whole steps only. See `session`."""
    with session(tree, force=force):
        pass


class Session:
    """See `session`. `ledger` is what the journal adds up to now."""

    def __init__(self, tree: Tree, journal: Journal, changing: Changing) -> None:
        self.root = tree.root
        self.repository: Repository | None = repository(tree.root)
        self.changing = changing
        self.ledger = Ledger(journal.noted)
        self._journal = journal
        self._listen = tree.listen

    def note(self, record: Record) -> None:
        """Append to the journal, then tell who listens."""
        noted = self._journal.append(record)
        self.ledger.add(noted)
        self._listen(noted)

    def open(self, steps: Sequence[Sequence[str]], branch: str | None) -> None:
        """Begin a run, on its branch if it has one.

        Raises:
            TreeError: there is no repository for a branch, or git would not.
        """
        if branch is not None:
            if self.repository is None:
                raise TreeError("This is no git tree: apply without a branch.")
            self.repository.go_to(branch)
        self.note(Opened(steps=tuple(tuple(step) for step in steps), branch=branch))

    def act(
        self, action: Action, *, verify: Callable[[], str | None] = lambda: None, check: Check | None = None
    ) -> Done | Undone:
        """Do `action`, look at it, and keep it or take it back.

        Args:
            action: what is to be done.
            verify: says why the changed tree cannot stand, or None; quick, asked first.
            check: the validation.

        Raises:
            TreeError, OSError: the system would not, or a file changed meanwhile; everything is put back.
        """
        started = time.perf_counter()
        number = self.ledger.last + 1
        self.changing.keep(action.entries, action.old)
        self.note(
            Began(
                action=number,
                kind=action.kind,
                number=action.number,
                entries=action.entries,
                undoes=action.undoes,
                changes=action.changes,
            )
        )
        written = False
        try:
            self.changing.carry_out(action.entries, action.new)
            written = True
            failure, comparison = self._look(action, number, verify, check)
            own = action.spent + time.perf_counter() - started - comparison.seconds
            if failure is None:
                done = _done(number, comparison, own)
                self.note(done)
        except BaseException as error:
            self._stop(action, number, error, written=written)
            raise
        if failure is not None:
            return self._undo(action, number, comparison, reason=failure, own=own)
        self.changing.finish(action.entries)
        self._commit()
        return done

    def _look(
        self, action: Action, number: int, verify: Callable[[], str | None], check: Check | None
    ) -> tuple[str | None, Comparison]:
        """Why the action cannot stand, or None; and what the validation said."""
        if (reason := verify()) is not None:
            return reason, Comparison()
        if check is None:
            return None, Comparison()
        comparison = check(lambda group: self.note(Checking(action=number, group=group, born=born(group))))
        if not comparison.good:
            return _sentence(comparison), comparison
        if (path := self.changing.untouched(action.entries)) is not None:
            return f"{shown(path)}: was changed while the step was validated", comparison
        return None, comparison

    def _undo(
        self, action: Action, number: int, comparison: Comparison, *, reason: str, own: float
    ) -> Undone:
        self.changing.put_back(action.entries, edited=Edited.REPLACE)
        undone = Undone(
            action=number,
            cause=Cause.FAILED,
            reason=reason,
            new_failures=comparison.new_failures,
            disappeared=comparison.disappeared,
            output=comparison.output,
            checking_seconds=comparison.seconds,
            own_seconds=own,
        )
        self.note(undone)
        return undone

    def _stop(self, action: Action, number: int, error: BaseException, *, written: bool) -> None:
        """Put back after an error; the journal may be what failed, and then the next start notes the end."""
        if self.ledger.open is None:
            return  # it is done, and only who listens failed
        self.changing.put_back(action.entries, edited=Edited.REPLACE if written else Edited.LEAVE)
        reason = str(error) or type(error).__name__
        with suppress(OSError):
            self.note(Undone(action=number, cause=Cause.STOPPED, reason=reason))

    def recover(self, *, force: bool) -> None:
        """End what a killed run left: its validation, its action, its commit."""
        ledger = self.ledger
        if ledger.open is not None:
            checking = ledger.checking
            if checking is not None and checking.born and born(checking.group) == checking.born:
                kill_group(checking.group)
            self.changing.put_back(ledger.open.entries, edited=Edited.REPLACE if force else Edited.REFUSE)
            self.note(Undone(action=ledger.open.action, cause=Cause.INTERRUPTED))
        self._commit()

    def _commit(self) -> None:
        ledger = self.ledger
        began = ledger.uncommitted
        if began is None or ledger.branch is None or self.repository is None:
            return
        if self.repository.branch() != ledger.branch:
            if began.kind is Kind.ROLLBACK:
                self.note(Committed(action=began.action))
                return
            raise TreeError(
                f"A step is not committed yet: switch to its branch {shown(ledger.branch)} first."
            )
        paths = [entry.path for entry in began.entries]
        revived = [entry.path for entry in began.entries if entry.before is None]
        commit = self.repository.commit(paths, _message(began), revived=revived)
        self.note(Committed(action=began.action, commit=commit))


def _done(number: int, comparison: Comparison, own: float) -> Done:
    return Done(
        action=number,
        checking_seconds=comparison.seconds,
        own_seconds=own,
        tests=comparison.tests,
        fixed=comparison.fixed,
    )


def _sentence(comparison: Comparison) -> str:
    if comparison.broken:
        return comparison.broken
    parts = []
    if comparison.new_failures:
        parts.append(f"{len(comparison.new_failures)} tests fail that did not: {comparison.new_failures[0]}")
    if comparison.disappeared:
        parts.append(f"{len(comparison.disappeared)} tests no longer run: {comparison.disappeared[0]}")
    return "; ".join(parts)


_TITLES = {Kind.STEP: "Migrate", Kind.REMOVAL: "Remove", Kind.ROLLBACK: "Roll back"}


def _message(began: Began) -> str:
    names = [shown(entry.path) for entry in began.entries]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    listing = "".join(f"{name}\n" for name in names)
    return f"{_TITLES[began.kind]} {names[0]}{more}\n\n{listing}\nNetra-Migrate-Action: {began.action}\n"
