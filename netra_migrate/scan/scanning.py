"""The scan: walks the tree, reads what may matter, follows names until no further file can name the modules."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from netra_migrate.configuration import Configuration
from netra_migrate.domain.references import Side
from netra_migrate.domain.survey import Survey
from netra_migrate.scan.facts import Aim, Facts, Glance, Sought
from netra_migrate.scan.keys import key
from netra_migrate.scan.linking import Library
from netra_migrate.scan.surveying import survey
from netra_migrate.scan.tasks import Bench, Task
from netra_migrate.sources.cache import Cache, Record
from netra_migrate.sources.kinds import Kind
from netra_migrate.sources.naming import Names
from netra_migrate.sources.walking import walk

OWN = "migration.toml"
"""The kit's own file names both modules and is no reference."""

Progress = Callable[[int, int], None]


def scan(
    configuration: Configuration, root: Path, *, cache: Path | None, jobs: int, progress: Progress
) -> Survey:
    """Everything that a tree says about the two modules.

    Args:
        configuration: which modules, and how handlers look.
        root: the tree; nothing outside of it is read.
        cache: a folder for what is remembered between scans, or None. One within the tree must not
            be tracked; it gets a `.gitignore` of its own.
        jobs: processes to read with.
        progress: told how many files are finished, and of how many.
    """
    started = time.perf_counter()
    run = _Run(configuration, root, cache=cache, jobs=jobs, progress=progress)
    found = run.survey()
    return msgspec.structs.replace(found, seconds=time.perf_counter() - started)


def aim(configuration: Configuration, names: Names) -> Aim:
    """What to look for: each module with all names that its file has."""
    return Aim(
        configuration,
        (
            _sought(Side.LEGACY, configuration.legacy.module, names),
            _sought(Side.CANONICAL, configuration.canonical.module, names),
        ),
    )


def _sought(side: Side, module: str, names: Names) -> Sought:
    path = names.expected(module)
    names.pretend(module, path)
    others = (name for name in names.others(path) if name != module)
    return Sought(side, (module, *others), path)


class _Run:
    """One scan. `records`: of every file; `facts`: of those that were read; `named`: whatever any file imports."""

    def __init__(
        self, configuration: Configuration, root: Path, *, cache: Path | None, jobs: int, progress: Progress
    ) -> None:
        self._configuration = configuration
        self._jobs = jobs
        self._progress = progress
        self._root = root
        self._cache_folder = cache
        self._done = 0
        self._glance = msgspec.msgpack.Decoder(Glance)
        self._decoder = msgspec.msgpack.Decoder(Facts | None)
        self._facts: dict[str, Facts] = {}
        self._glances: dict[str, Glance] = {}
        self._records: dict[str, Record] = {}
        self._named: set[str] = set()

    def survey(self) -> Survey:
        self._look_around()
        self._first_pass()
        self._further_passes()
        self._cache.keep(self._records)
        return survey(
            root=str(self._root),
            tree=self._tree,
            aim=self._aim,
            facts=self._facts,
            modules={path: glance.modules for path, glance in self._glances.items()},
            library=self._library,
        )

    def _look_around(self) -> None:
        roots = self._configuration.project.source_roots
        names = Names(roots)
        self._cache = Cache(self._cache_folder)
        self._tree = walk(self._root, exclude=self._configuration.project.exclude)
        python = (path for path, file in self._tree.files.items() if file.kind is Kind.PYTHON)
        names.add(python, self._tree.links)
        self._aim = aim(self._configuration, names)
        tops = names.tops()
        bench = Bench(self._root, self._aim, roots, tops)
        self._bench = bench
        self._names = names
        self._cache.open(key(self._aim, tops))
        self._library = Library(self._aim, names, self._facts, self._read_now)

    def _first_pass(self) -> None:
        tasks: list[Task] = []
        for path, file in self._tree.files.items():
            if path == OWN:
                continue
            record = self._cache.get(path)
            if record is not None and self._cache.holds(record, file.stamp):
                self._take(path, record)
            else:
                tasks.append(Task(path, file.kind, file.stamp, old=record))
        self._done = len(self._records)
        self._examine(tasks)

    def _further_passes(self) -> None:
        """Modules that hand names on make their importers matter, which may hand them on in turn."""
        waiting = {path for path, facts in self._facts.items() if facts.bindings or facts.stars}
        known: set[str] = set()
        while waiting:
            self._library.forget()
            handing = {path for path in waiting if self._library.handed_on(path)} - known
            known |= handing
            fresh = self._importers(handing)
            self._examine([self._whole(path) for path in sorted(fresh)])
            if not handing:
                break
            waiting = {path for path, facts in self._facts.items() if facts.bindings or facts.stars} - known
        self._library.forget()

    def _importers(self, handing: Iterable[str]) -> set[str]:
        """Files not read in full that name a module which hands on something, or a name in one."""
        modules = {name for path in handing for name in self._names.of(path)}
        if not modules:
            return set()
        named = {name for name in self._named if name in modules or name.rpartition(".")[0] in modules}
        return {
            path
            for path, glance in self._glances.items()
            if not named.isdisjoint(glance.modules) and not self._records[path].whole
        }

    def _whole(self, path: str) -> Task:
        file = self._tree.files[path]
        return Task(path, file.kind, file.stamp, whole=True)

    def _examine(self, tasks: list[Task]) -> None:
        if not tasks:
            return
        total = max(len(self._tree.files), self._done + len(tasks))

        def done(count: int) -> None:
            self._done += count
            self._progress(self._done, total)

        self._take_all(tasks, jobs=self._jobs, done=done)

    def _take(self, path: str, record: Record) -> None:
        self._records[path] = record
        glance = self._glances[path] = self._glance.decode(record.glance)
        self._named.update(glance.modules)
        facts = self._decoder.decode(record.facts)
        if facts is not None:
            self._facts[path] = facts

    def _read_now(self, path: str) -> Facts | None:
        """A file that nobody thought would matter: the base of a class that is patched."""
        if path not in self._tree.files:
            return None
        self._take_all([self._whole(path)], jobs=1, done=lambda _: None)
        return self._facts.get(path)

    def _take_all(self, tasks: list[Task], *, jobs: int, done: Callable[[int], None]) -> None:
        from netra_migrate.scan.working import examine  # heavy; a repeated scan has nothing to examine

        for path, record in examine(tasks, self._bench, jobs=jobs, done=done).items():
            self._take(path, record)
