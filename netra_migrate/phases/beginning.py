"""Where a run of the phases works: on a fresh copy, in a copy that is there already, or in place."""

from pathlib import Path
from typing import Final

import msgspec

from netra_migrate.apply.files import shown
from netra_migrate.apply.git import repository
from netra_migrate.commands.moving import returned
from netra_migrate.commands.running import Session
from netra_migrate.domain.outcomes import TreeError
from netra_migrate.phases import standing
from netra_migrate.phases.copying import copy, duplicate
from netra_migrate.phases.standing import Standing

BRANCH: Final = "netra-migration"
"""Where a run in place commits its steps, unless another name is given."""


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """What the options ask for. Without any: beside the tree, or where the last run stands.

    `again`: put everything back and begin with the first phase.
    """

    into: Path | None = None
    in_place: bool = False
    branch: str | None = None
    again: bool = False


def begun(session: Session, where: Where) -> tuple[Session, Standing]:
    """The session of the tree to work on, and where its run stands.

    Raises:
        TreeError: the folder cannot be worked in.
    """
    if where.into is not None and (where.in_place or where.branch):
        raise TreeError("--into makes a copy: leave out --in-place and --branch, or leave out --into.")
    if where.into is None and (where.in_place or where.branch or _stands(session)):
        return session, _in_place(session, where)
    into = where.into or session.root.with_name(f"{session.root.name}-migrated")
    return _copied(session, into.resolve(), where)


def _stands(session: Session) -> bool:
    return (session.state / standing.NAME).exists()


def _in_place(session: Session, where: Where) -> Standing:
    if where.again and _stands(session):
        returned(session, paths=(), first=None, last=None, everything=True, force=False)
        (session.state / standing.NAME).unlink()
    known = standing.load(session.state)
    if known is not None:
        return known
    before = session.state / "before"
    if not before.exists():
        duplicate(session.root, before)
    branch = where.branch or (BRANCH if repository(session.root) else None)
    made = Standing(here=str(session.file.parent), before=str(before), branch=branch)
    standing.save(session.state, made)
    return made


def _copied(session: Session, into: Path, where: Where) -> tuple[Session, Standing]:
    base = _base(session)
    there = _elsewhere(session, base, into)
    if into.exists() and not where.again:
        known = standing.load(there.state)
        if known is None:
            raise TreeError(
                f"{shown(str(into))}: is there, and no run began in it: name a new folder, or delete this one."
            )
        return there, known
    if into.exists():
        return there, _in_place(there, where)
    made = Standing(here=str(session.file.parent), before=str(session.root), own=True)
    # Within the copy before it has its name: whoever sees the folder sees that a run began.
    state = there.state.relative_to(into)
    copy(base, into, finish=lambda partial: standing.save(partial / state, made))
    return there, made


def _base(session: Session) -> Path:
    """The folder that holds both the tree and its `migration.toml`, where one lies in the other's."""
    if session.file.is_relative_to(session.root):
        return session.root
    if session.root.is_relative_to(session.file.parent):
        return session.file.parent
    raise TreeError(
        "project.root: tree and migration.toml lie side by side, so that a copy would lack one: use --in-place."
    )


def _elsewhere(session: Session, base: Path, into: Path) -> Session:
    return msgspec.structs.replace(
        session, file=into / session.file.relative_to(base), root=into / session.root.relative_to(base)
    )
