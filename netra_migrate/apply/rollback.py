"""Takes back what was applied: one file, a range of actions, or all, to the exact bytes and modes."""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from netra_migrate.apply import files
from netra_migrate.apply.files import Held, located, shown
from netra_migrate.apply.ledger import Layer
from netra_migrate.apply.records import Entry, Kind, Undo
from netra_migrate.apply.session import Action, Session, Tree, session
from netra_migrate.domain.outcomes import MigrationError, TreeError
from netra_migrate.sources.files import digest


class Returned(msgspec.Struct, frozen=True, kw_only=True):
    """What was put back: paths, and the actions they were taken back from."""

    paths: tuple[str, ...] = ()
    actions: tuple[int, ...] = ()


def rollback(
    tree: Tree,
    *,
    paths: Collection[str] | None = None,
    actions: Collection[int] | None = None,
    force: bool = False,
) -> Returned:
    """Put files back as they were before the chosen actions; nothing left to put back is no error.

    With the removal of the legacy module still in force it is taken back as well, since whatever is put
    back refers to that module.

    Args:
        tree: where.
        paths: only these files, wherever they were changed; None for all.
        actions: only what these actions did, by the numbers of `history`; None for all.
        force: also put back files that were edited since; the edited content is kept in the state folder.

    Raises:
        MigrationError: a path was never migrated, or an action never happened.
        TreeError: a file was edited since, or by a later action that is not chosen; nothing is touched.
    """
    with session(tree, force=force) as held:
        layers = held.ledger.layers
        _refuse_unknown(layers, held.ledger.last, paths=paths, actions=actions)
        chosen = _chosen(layers, paths=paths, actions=actions)
        if not chosen:
            return Returned()
        current = {path: files.read(located(tree.root, path)) for path in chosen}
        for path, taken in chosen.items():
            _refuse_changed(path, taken, layers[path], current[path], force=force)
        held.act(_action(held, chosen, current))
    numbers = {layer.action for taken in chosen.values() for layer in taken}
    return Returned(paths=tuple(sorted(chosen)), actions=tuple(sorted(numbers)))


def _refuse_unknown(
    layers: Mapping[str, Sequence[Layer]],
    last: int,
    *,
    paths: Collection[str] | None,
    actions: Collection[int] | None,
) -> None:
    for path in sorted(paths or ()):
        if path not in layers:
            raise MigrationError(f"{shown(path)}: was never migrated: name a file that the history shows.")
    for action in sorted(actions or ()):
        if not 1 <= action <= last:
            raise MigrationError(
                f"There is no action {action}: name one of 1 to {last}, as the history shows."
            )


def _chosen(
    layers: Mapping[str, Sequence[Layer]],
    *,
    paths: Collection[str] | None,
    actions: Collection[int] | None,
) -> dict[str, tuple[Layer, ...]]:
    """The layers to take off, by path, oldest first."""
    chosen = {
        path: tuple(layer for layer in on if actions is None or layer.action in actions)
        for path, on in layers.items()
        if paths is None or path in paths
    }
    chosen = {path: taken for path, taken in chosen.items() if taken}
    if chosen:
        for path, on in layers.items():
            if on and on[-1].kind is Kind.REMOVAL:
                chosen.setdefault(path, (on[-1],))
    return chosen


def _refuse_changed(
    path: str, taken: Sequence[Layer], on: Sequence[Layer], current: Held | None, *, force: bool
) -> None:
    if tuple(on[-len(taken) :]) != tuple(taken):
        raise TreeError(
            f"{shown(path)}: was changed again by action {on[-1].action}: roll that back as well."
        )
    name = None if current is None else digest(current.content)
    if name not in (on[-1].entry.after, taken[0].entry.before) and not force:
        raise TreeError(
            f"{shown(path)}: was edited since it was migrated: undo the edit, or force the rollback "
            "(the edited content is then kept in the state folder)."
        )


def _action(
    held: Session, chosen: Mapping[str, Sequence[Layer]], current: Mapping[str, Held | None]
) -> Action:
    entries = tuple(_entry(path, chosen[path][0].entry, current[path]) for path in sorted(chosen))
    fetch = held.changing.originals.fetch
    return Action(
        kind=Kind.ROLLBACK,
        entries=entries,
        old={path: file.content for path, file in current.items() if file is not None},
        new={entry.path: fetch(entry.after) for entry in entries if entry.after is not None},
        undoes=tuple(
            Undo(action=layer.action, path=path) for path, taken in chosen.items() for layer in taken
        ),
    )


def _entry(path: str, oldest: Entry, current: Held | None) -> Entry:
    return Entry(
        path=path,
        before=None if current is None else digest(current.content),
        before_mode=None if current is None else current.mode,
        after=oldest.before,
        after_mode=oldest.before_mode,
    )
