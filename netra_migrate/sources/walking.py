"""Which files belong to the tree, with the reasons for those that do not. Reads no content."""

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from netra_migrate.sources.git import Listings
from netra_migrate.sources.ignoring import Patterns
from netra_migrate.sources.kinds import LARGEST, Kind, Reason, kind, unwanted


class File(NamedTuple):
    """A file of the tree. `stamp` changes whenever its content does: mtime, ctime, size, inode."""

    kind: Kind
    stamp: tuple[int, int, int, int]


class Tree(NamedTuple):
    """What a walk found, by path from the root with `/`.

    `links`: symbolic links to files within the tree, with the file that they mean.
    """

    files: Mapping[str, File]
    excluded: Mapping[str, int]
    links: Mapping[str, str]


def walk(root: Path, *, exclude: Iterable[str] = ()) -> Tree:
    """Lists the tree: by git where it is a git tree, else by `.gitignore` files.

    `exclude`: further patterns in gitignore's syntax; they count as ignored.
    """
    listings = Listings(root)
    wanted = listings.wanted()
    if wanted:
        return _Sorter(root, exclude).sort(wanted, listings.ignored())
    listings.ignored()
    ignored: list[str] = []
    return _Sorter(root, exclude).sort(_by_hand(root, "", ignored), ignored)


class _Sorter:
    """Decides file by file."""

    def __init__(self, root: Path, exclude: Iterable[str]) -> None:
        self._root = root
        self._real = os.path.realpath(root)
        self._prefix = os.fspath(root) + os.sep
        patterns = tuple(exclude)
        self._exclude = Patterns(patterns) if patterns else None
        self._files: dict[str, File] = {}
        self._links: dict[str, str] = {}
        self._excluded: Counter[str] = Counter()

    def sort(self, wanted: Iterable[str], ignored: Iterable[str]) -> Tree:
        for path in wanted:
            self._take(path)
        for path in ignored:
            if reason := unwanted(path) or (Reason.IGNORED if kind(path) else None):
                self._excluded[reason.value] += 1
        return Tree(self._files, dict(sorted(self._excluded.items())), self._links)

    def _take(self, path: str) -> None:
        reason = unwanted(path)
        what = kind(path)
        if reason is None and what and self._exclude and self._exclude.say(path):
            reason = Reason.IGNORED
        if reason:
            self._excluded[reason.value] += 1
        elif what or not path.rpartition("/")[2].count("."):
            self._look(path, what)

    def _look(self, path: str, what: Kind | None) -> None:
        try:
            status = os.lstat(self._prefix + path)
        except OSError:  # deleted, but git still lists it
            return
        if stat.S_ISREG(status.st_mode):
            if what:
                self._keep(path, what, status)
        elif stat.S_ISLNK(status.st_mode):
            self._follow(path)
        elif stat.S_ISDIR(status.st_mode):  # a submodule, or a repository within
            ignored: list[str] = []
            self.sort(_by_hand(self._root, path.rstrip("/") + "/", ignored), ignored)

    def _keep(self, path: str, what: Kind, status: os.stat_result) -> None:
        if status.st_size > LARGEST:
            self._excluded[Reason.TOO_LARGE.value] += 1
            return
        stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
        self._files[path] = File(what, stamp)

    def _follow(self, path: str) -> None:
        real = os.path.realpath(self._prefix + path)
        if not (real + os.sep).startswith(self._real + os.sep):
            self._excluded[Reason.OUTSIDE.value] += 1
        elif os.path.isfile(real):
            self._links[path] = os.path.relpath(real, self._real).replace(os.sep, "/")


_Specs = tuple[tuple[str, Patterns], ...]
"""`.gitignore` files from the root down to a folder, each with its own."""


class _Folder(NamedTuple):
    """A folder on the way down. `rest`: its entries that have not been looked at."""

    path: str
    rest: Iterator["os.DirEntry[str]"]
    specs: _Specs


def _by_hand(root: Path, folder: str, ignored: list[str]) -> Iterator[str]:
    """Paths below a folder that no `.gitignore` leaves out, in order; the others go to `ignored`."""
    way = [_opened(root, folder, ())]
    while way:
        here = way[-1]
        for entry in here.rest:
            path = here.path + entry.name
            if not entry.is_dir(follow_symlinks=False):
                if not _is_ignored(path, here.specs):
                    yield path
                else:
                    ignored.append(path)
            elif _is_ignored(path + "/", here.specs):
                ignored.extend(_below(root, path))
            elif unwanted(path + "/") and entry.name != ".git":
                yield from _below(root, path)
            elif entry.name != ".git":
                way.append(_opened(root, path + "/", here.specs))
                break
        else:
            way.pop()


def _opened(root: Path, folder: str, specs: _Specs) -> _Folder:
    try:
        entries = sorted(os.scandir(f"{root}/{folder}"), key=attrgetter("name"))
    except OSError:  # not ours to read
        return _Folder(folder, iter(()), specs)
    return _Folder(folder, iter(entries), _with_own(root, folder, specs, entries))


def _with_own(root: Path, folder: str, specs: _Specs, entries: Iterable["os.DirEntry[str]"]) -> _Specs:
    for entry in entries:
        if entry.name == ".gitignore" and entry.is_file(follow_symlinks=False):
            lines = (root / folder / ".gitignore").read_text(errors="replace").splitlines()
            return (*specs, (folder, Patterns(lines)))
    return specs


def _is_ignored(path: str, specs: _Specs) -> bool:
    """The deepest file that says anything about the path decides, as in git."""
    for folder, patterns in reversed(specs):
        said = patterns.say(path[len(folder) :])
        if said is not None:
            return said
    return False


def _below(root: Path, path: str) -> Iterator[str]:
    """All files below a folder that is left out, to be counted."""
    for folder, _, names in os.walk(root / path):
        start = os.path.relpath(folder, root).replace(os.sep, "/")
        yield from (f"{start}/{name}" for name in names)
