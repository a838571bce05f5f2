"""Runs the tests of a mutant in a forked process. The changed module exists in that process only, never in a file."""

import ast
import contextlib
import importlib
import importlib.abc
import importlib.util
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.machinery import ModuleSpec
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from types import CodeType, ModuleType
from typing import Final

import pytest

from tests.mutants.covering import REPEATABLE
from tests.mutants.mutant import Mutant, mutated
from tests.mutants.recording import Chosen
from tests.mutants.rooms import ROOT

_PATIENCE_S: Final = 20.0
_SLOWER: Final = 4.0
"""A mutant may take so many times as long as its tests take as the code is, plus the patience: then it hangs."""
_EARLIER: Final = "ignore::pytest.PytestAssertRewriteWarning"
"""Plugins are among the libraries that are imported before pytest begins."""
_fork: Final = multiprocessing.get_context("fork")


class Outcome(StrEnum):
    """What became of a mutant. All but the last are deaths."""

    KILLED = "killed"
    HUNG = "hung"
    SURVIVED = "survived"


@dataclass(frozen=True)
class Job:
    """A mutant of a file (None: the code as it is) and its tests with their seconds."""

    file: str
    mutant: Mutant | None
    tests: Mapping[str, float]


@dataclass
class _Running:
    job: Job
    process: ForkProcess
    until: float


def prepare(libraries: Iterable[str]) -> None:
    """Import the libraries here once, so that no forked process has to."""
    os.environ.update(REPEATABLE)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    for name in libraries:
        if name not in sys.modules:
            with contextlib.suppress(Exception):  # some modules only exist as parts of others
                importlib.import_module(name)


def run(jobs: Iterable[Job], *, at_once: int, until: float) -> Iterator[tuple[Job, Outcome]]:
    """Each job's outcome as it ends; none is begun after `until` on the monotonic clock."""
    waiting, running = iter(jobs), list[_Running]()
    more = True
    while more or running:
        while more and len(running) < at_once:
            job = next(waiting, None)
            more = job is not None and time.monotonic() < until
            if job is not None and more:
                running.append(_begun(job))
        yield from _ended(running)


def _begun(job: Job) -> _Running:
    process = _fork.Process(target=_test, args=(job,))
    process.start()
    return _Running(job, process, time.monotonic() + _PATIENCE_S + _SLOWER * sum(job.tests.values()))


def _ended(running: list[_Running]) -> Iterator[tuple[Job, Outcome]]:
    """Wait until one has ended or must be."""
    if not running:
        return
    wait(
        [each.process.sentinel for each in running],
        timeout=max(0.0, min(each.until for each in running) - time.monotonic()),
    )
    for each in [*running]:
        hung = time.monotonic() >= each.until
        if each.process.is_alive() and not hung:
            continue
        running.remove(each)
        yield each.job, _outcome(each, hung=each.process.is_alive())


def _outcome(each: _Running, *, hung: bool) -> Outcome:
    if hung and each.process.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(each.process.pid, signal.SIGKILL)
    each.process.join()
    if hung:
        return Outcome.HUNG
    return Outcome.SURVIVED if each.process.exitcode == 0 else Outcome.KILLED


def _test(job: Job) -> None:
    """In the forked process: run the tests, end with pytest's code."""
    os.setsid()
    with open(os.devnull, "r+b") as nothing:
        for stream in (0, 1, 2):
            os.dup2(nothing.fileno(), stream)
    if job.mutant is not None:
        tree = mutated((ROOT / job.file).read_text(encoding="utf-8"), job.mutant.number)
        sys.meta_path.insert(0, _Changed(job.file, tree))
    files = sorted({test.partition("::")[0] for test in job.tests})
    options = ["-q", "-x", "-p", "no:cacheprovider", "--no-cov", "-W", _EARLIER]
    code = pytest.main([*options, *files], plugins=[Chosen(job.tests)])
    os._exit(code)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds one module, and gives it the changed code."""

    def __init__(self, file: str, tree: ast.Module) -> None:
        self._file = ROOT / file
        self._name = ".".join((ROOT / file).relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        self._tree = tree

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        package = [str(self._file.parent)] if self._file.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            fullname, self._file, loader=self, submodule_search_locations=package
        )

    def get_source(self, fullname: str) -> str:
        return self._file.read_text(encoding="utf-8")

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._tree, str(self._file), "exec", dont_inherit=True)
