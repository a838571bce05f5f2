"""Examines files, on several processes where it is worth it. Sends paths out and encoded records back."""

import gc
import multiprocessing
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

import msgspec

from netra_migrate.scan.facts import Facts, Glance
from netra_migrate.scan.glancing import Glancer
from netra_migrate.scan.reading import Reader
from netra_migrate.scan.tasks import Bench, Task
from netra_migrate.sources import files
from netra_migrate.sources.cache import Record
from netra_migrate.sources.kinds import Kind
from netra_migrate.sources.naming import Names

_CHUNK = 64
"""Files in a task: small enough that two processes end together, large enough to be cheap to send."""
_WORTH_IT = 200
"""Files below which starting processes takes longer than reading."""
_NOTHING = msgspec.Raw(msgspec.msgpack.encode(None))


class Examiner:
    """Examines files in this process."""

    def __init__(self, bench: Bench) -> None:
        names = Names(bench.source_roots)
        self._root = str(bench.root) + "/"
        self._glancer = Glancer(bench.aim, names, bench.tops)
        self._reader = Reader(bench.aim, names, bench.tops)
        self._encoder = msgspec.msgpack.Encoder()

    def record(self, task: Task) -> Record | None:
        """A file's record; None if the file has gone."""
        try:
            with open(self._root + task.path, "rb", buffering=0) as file:
                content = file.read()
        except OSError:
            return None
        if _still_holds(task, content) and task.old is not None:
            return msgspec.structs.replace(task.old, stamp=task.stamp)
        glance = self._glance(task, content)
        facts = self._facts(task, glance, content)
        return Record(
            stamp=task.stamp,
            digest="" if facts is None else files.digest(content),
            glance=msgspec.Raw(self._encoder.encode(glance)),
            facts=_NOTHING if facts is None else msgspec.Raw(self._encoder.encode(facts)),
            whole=task.whole or glance.names_module,
        )

    def _glance(self, task: Task, content: bytes) -> Glance:
        if task.kind is Kind.PYTHON:
            return self._glancer.python(task.path, content)
        return self._glancer.data(content)

    def _facts(self, task: Task, glance: Glance, content: bytes) -> Facts | None:
        if task.kind is not Kind.PYTHON:
            return self._reader.data(task.kind, content) if glance.names_module or task.whole else None
        if glance.names_module or task.whole:
            return self._reader.python(task.path, content)
        return self._reader.handlers(task.path, content) if glance.handles else None


def _still_holds(task: Task, content: bytes) -> bool:
    """Whether what was remembered is of the same content, and enough; hashes only if it might be."""
    old = task.old
    if old is None or not old.digest or old.whole < task.whole:
        return False
    return old.digest == files.digest(content)


_examiner: Examiner | None = None
"""Of a worker process; never set in the process that scans."""


def examine(
    tasks: Sequence[Task], bench: Bench, *, jobs: int, done: Callable[[int], None]
) -> dict[str, Record]:
    """Records by path, of the files that are still there. `done` is told how many more are finished."""
    found: dict[str, Record] = {}
    for batch, count in _batches(tasks, bench, jobs=jobs):
        found.update(batch)
        done(count)
    return found


def _batches(tasks: Sequence[Task], bench: Bench, *, jobs: int) -> Iterator[tuple[dict[str, Record], int]]:
    if jobs < 2 or len(tasks) < _WORTH_IT:
        examiner = Examiner(bench)
        for start in range(0, len(tasks), _CHUNK):
            chunk = tasks[start : start + _CHUNK]
            yield _all(examiner, chunk), len(chunk)
        return
    pieces = -(-len(tasks) // _CHUNK)
    chunks = [tasks[start::pieces] for start in range(pieces)]
    with ProcessPoolExecutor(
        max_workers=jobs, mp_context=_context(), initializer=_prepare, initargs=(bench,)
    ) as pool:
        waiting = {pool.submit(_work, chunk): len(chunk) for chunk in chunks}
        for future in as_completed(waiting):
            yield future.result(), waiting[future]


def _context() -> "multiprocessing.context.BaseContext":
    """Forking is ten times faster, but only sound while nothing else runs in this process."""
    can_fork = threading.active_count() == 1 and "fork" in multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("fork" if can_fork else "spawn")


def _prepare(bench: Bench) -> None:
    global _examiner
    gc.disable()  # syntax trees hold no circles, and looking for some takes a third of the time
    _examiner = Examiner(bench)


def _work(tasks: Sequence[Task]) -> dict[str, Record]:
    assert _examiner is not None, "a worker starts with _prepare"  # noqa: S101 -- tells the type checker
    return _all(_examiner, tasks)


def _all(examiner: Examiner, tasks: Sequence[Task]) -> dict[str, Record]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about escapes and comparisons in the target's code
        records = ((task.path, examiner.record(task)) for task in tasks)
        return {path: record for path, record in records if record is not None}
