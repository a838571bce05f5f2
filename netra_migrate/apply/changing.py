"""Carries out an action on files as a sequence of small effects, and takes it back from any point of it.

Order is everything here: contents are kept and the journal says what is coming before a file is touched;
all new bytes are on the disk before the first file is replaced, so that a full disk stops it in time.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path

import msgspec

from netra_migrate.apply import files
from netra_migrate.apply.files import Held, located, shown
from netra_migrate.apply.originals import Originals
from netra_migrate.apply.records import Entry
from netra_migrate.domain.outcomes import TreeError
from netra_migrate.sources.files import digest


class Edited(Enum):
    """What becomes of a file that was edited by somebody else since an action began."""

    REFUSE = "refuse"
    LEAVE = "leave"
    """It was edited before the action came to it."""
    REPLACE = "replace"
    """Its content is kept among the originals."""


class Changing(msgspec.Struct, frozen=True, kw_only=True):
    """The tree at `root` and what is kept of it."""

    root: Path
    originals: Originals

    def keep(self, entries: Sequence[Entry], contents: Mapping[str, bytes]) -> None:
        """Make durable whatever the entries replace. `contents`: what is there now, by path."""
        for entry in entries:
            if entry.before is not None:
                self.originals.keep(contents[entry.path])

    def carry_out(self, entries: Sequence[Entry], contents: Mapping[str, bytes]) -> None:
        """Make every file what its entry says. `contents`: the new bytes, by path.

        Raises:
            TreeError: a file is not what it was when the entries were made.
            OSError: the system would not; some files may be changed.
        """
        places = {entry.path: located(self.root, entry.path) for entry in entries}
        for entry in entries:
            place = places[entry.path]
            if entry.before is not None:
                self.originals.hold(place, entry.path)
            if entry.after is not None and entry.after_mode is not None:
                files.stage(place, Held(content=contents[entry.path], mode=entry.after_mode))
        for entry in entries:
            self._still(entry, places[entry.path])
        for entry in entries:
            self._change(entry, places[entry.path])
        for folder in sorted({place.parent for place in places.values()}):
            files.sync_folder(folder)

    def _still(self, entry: Entry, place: Path) -> None:
        if not _is(files.read(place), entry.before):
            raise TreeError(
                f"{shown(entry.path)}: changed while it was worked on: look at it, then start again."
            )

    def _change(self, entry: Entry, place: Path) -> None:
        # Looked at again, since the other files of the step took their time.
        self._still(entry, place)
        if entry.after is None:
            files.drop(place)
        else:
            files.settle(place)

    def untouched(self, entries: Sequence[Entry]) -> str | None:
        """The first path that is no longer as its entry left it, as a validation command may do."""
        for entry in entries:
            if not _is(files.read(located(self.root, entry.path)), entry.after):
                return entry.path
        return None

    def put_back(self, entries: Sequence[Entry], *, edited: Edited) -> None:
        """Make every file what it was before, byte by byte and mode by mode; harmless when it is.

        Args:
            entries: of the action.
            edited: what to do with files that are neither what they were nor what the action made of them.

        Raises:
            TreeError: there is such a file, and it is to be refused; nothing is touched then.
            OSError: the system would not; to be called again.
        """
        found = {entry.path: files.read(located(self.root, entry.path)) for entry in entries}
        strangers = [entry.path for entry in entries if not _of_action(found[entry.path], entry)]
        if strangers and edited is Edited.REFUSE:
            raise TreeError(
                f"{shown(strangers[0])}: was edited since an unfinished step: save the edit elsewhere and "
                "start again with force, which puts the file back as it was before the step."
            )
        errors = [
            error
            for entry in entries
            if (error := self._try(entry, found[entry.path], entry.path in strangers, edited)) is not None
        ]
        for folder in {located(self.root, entry.path).parent for entry in entries}:
            if folder.is_dir():
                files.sync_folder(folder)
        if errors:
            raise errors[0]
        self.finish(entries)

    def _try(self, entry: Entry, current: Held | None, stranger: bool, edited: Edited) -> OSError | None:
        """One file of `put_back`; what the system would not is told, so that the other files have their turn."""
        try:
            files.drop(files.staging_place(located(self.root, entry.path)))
            if stranger and edited is Edited.LEAVE:
                return None
            if stranger and current is not None:
                self.originals.keep(current.content)
            self._restore(entry, current)
        except OSError as error:
            return error
        return None

    def _restore(self, entry: Entry, current: Held | None) -> None:
        place = located(self.root, entry.path)
        if entry.before is None or entry.before_mode is None:
            files.drop(place)
            return
        if not _is(current, entry.before) and not self.originals.give_back(place, entry.path, entry.before):
            content = self.originals.fetch(entry.before)
            files.stage(place, Held(content=content, mode=entry.before_mode))
            files.settle(place)
        if place.stat().st_mode & 0o7777 != entry.before_mode:
            place.chmod(entry.before_mode)

    def finish(self, entries: Sequence[Entry]) -> None:
        """Let go of the files that were held for `put_back`."""
        for entry in entries:
            self.originals.release(entry.path)


def _is(held: Held | None, name: str | None) -> bool:
    return (None if held is None else digest(held.content)) == name


def _of_action(held: Held | None, entry: Entry) -> bool:
    return _is(held, entry.before) or _is(held, entry.after)
