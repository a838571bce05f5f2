"""Small replacements in a text, collected in any order and applied at once.

Whatever is not inside an edit cannot change: that is how formatting and comments are kept.
"""

import bisect
from collections.abc import Iterator
from dataclasses import dataclass

from netra_migrate.domain.rewriting import Change


class Conflict(Exception):
    """Two edits want different things of one place. `offset` is where."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"two edits meet at offset {offset}")
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` in place of what stands from `start` up to `end`; an insertion when they are equal."""

    start: int
    end: int
    text: str
    kind: str


class Edits:
    """The edits of one file."""

    def __init__(self) -> None:
        self._edits: list[Edit] = []

    def add(self, start: int, end: int, text: str, kind: str) -> None:
        """Replace a range; said twice, it is done once, but insertions add up."""
        edit = Edit(start, end, text, kind)
        if start == end or edit not in self._edits:
            self._edits.append(edit)

    def __iter__(self) -> Iterator[Edit]:
        return iter(self._edits)

    def replaces(self, start: int, end: int) -> Edit | None:
        """The edit that takes the place of that range, if there is one."""
        for edit in self._edits:
            if edit.start <= start and end <= edit.end and edit.start < edit.end:
                return edit
        return None

    def settled(self, text: str) -> list[Edit]:
        """The edits in order, without those inside others and those that change nothing.

        Raises:
            Conflict: two of them overlap otherwise.
        """
        kept: list[Edit] = []
        order = sorted(enumerate(self._edits), key=lambda pair: (pair[1].start, -pair[1].end, pair[0]))
        replaced_to, outer = -1, None
        insertions = [edit for _, edit in order if edit.start == edit.end]
        for _, edit in (pair for pair in order if pair[1].start < pair[1].end):
            if edit.start < replaced_to:
                if edit.end > replaced_to or (outer and (edit.start, edit.end) == (outer.start, outer.end)):
                    raise Conflict(edit.start)
                continue
            replaced_to, outer = edit.end, edit
            if text[edit.start : edit.end] != edit.text:
                kept.append(edit)
        inside = [(edit.start, edit.end) for edit in kept]
        kept.extend(
            edit
            for edit in insertions
            if edit.text and not any(start < edit.start < end for start, end in inside)
        )
        # An insertion stands before a replacement that begins at the same place.
        return sorted(kept, key=lambda edit: (edit.start, edit.end))

    def apply(self, text: str) -> tuple[str, tuple[Change, ...]]:
        """The text with all edits, and what was changed, line by line."""
        settled = self.settled(text)
        return _applied(text, settled, 0, len(text)), tuple(_changes(text, settled))


def _applied(text: str, edits: list[Edit], start: int, end: int) -> str:
    pieces, at = [], start
    for edit in edits:
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:end]])


def _changes(text: str, edits: list[Edit]) -> Iterator[Change]:
    """One change for each kind of edit in a run of lines that edits touch."""
    starts = [0, *(at + 1 for at, sign in enumerate(text) if sign == "\n" or text[at : at + 2] in _LONE)]
    group: list[Edit] = []
    reach = (0, 0)
    for edit in edits:
        first, last = _line(starts, edit.start), _line(starts, max(edit.start, edit.end - 1))
        if group and first <= reach[1]:
            reach = (reach[0], max(reach[1], last))
        else:
            yield from _described(text, group, starts, reach)
            group, reach = [], (first, last)
        group.append(edit)
    yield from _described(text, group, starts, reach)


_LONE = frozenset("\r" + sign for sign in map(chr, range(32, 127)))
"""A carriage return that ends a line on its own."""


def _line(starts: list[int], offset: int) -> int:
    return bisect.bisect_right(starts, offset) - 1


def _described(text: str, group: list[Edit], starts: list[int], reach: tuple[int, int]) -> Iterator[Change]:
    if not group:
        return
    start = starts[reach[0]]
    end = starts[reach[1] + 1] if reach[1] + 1 < len(starts) else len(text)
    before, after = text[start:end], _applied(text, group, start, end)
    if all(edit.start == edit.end == start for edit in group):  # whole lines put in between
        before, after = "", "".join(edit.text for edit in group)
    for kind in sorted({edit.kind for edit in group}):
        yield Change(line=reach[0] + 1, kind=kind, before=before.strip("\r\n"), after=after.strip("\r\n"))
