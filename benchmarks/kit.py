"""The migration kit on a generated estate of 10,000 files, beside `ruff analyze graph` and `grep -rl`.

Every scan is a process of its own, started new, as on the command line: the interpreter's start counts.
The tools take turns, so that a busy moment of the machine hits all of them.
"""

import asyncio
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psutil

from benchmarks.processes import ROOT, BenchmarkError, environment
from benchmarks.report import Figure, Section, load_now
from tests.estate.generate import generate
from tests.estate.truth import Truth

FILES = 10_000
ROUNDS = 3
JOBS = 2
COLD_S = 6.0
AGAIN_S = 1.0
MEMORY_MB = 1000.0
LIMIT_S = 300.0
SAMPLE_S = 0.02
IMPORTERS = 27
APPLY_S = 30.0
OWN_S = 1.0


async def kit() -> Section:
    """Cold and repeated scans, their memory, and the two tools on the same tree; pages of it are in memory."""
    with tempfile.TemporaryDirectory(prefix="netra-kit-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        truth = await asyncio.to_thread(generate, folder / "estate", files=FILES)
        tree = folder / "estate" / "tree"
        await _run(["grep", "-rl", "nothing has this name", str(tree)])  # brings the tree into memory
        began = load_now()
        spent = await _rounds(tree, folder)
        peak = await _peak(_scan(tree, folder / "measured"))
        title = _title(tree, truth)
        applied = await _applied(tree, began)  # last: it changes the tree
        figures = [*_figures(spent, peak, began), *applied]
        return Section(title=title, figures=figures, remarks=_remarks(truth))


async def _rounds(tree: Path, folder: Path) -> dict[str, list[float]]:
    spent: dict[str, list[float]] = {name: [] for name in ("cold", "again", "ruff", "grep")}
    ruff = str(Path(sys.executable).parent / "ruff")
    for number in range(ROUNDS):
        scan = _scan(tree, folder / f"cache-{number}")
        spent["cold"].append(await _found(scan))
        spent["again"].append(await _found(scan))
        spent["ruff"].append(await _run([ruff, "analyze", "graph", "--quiet", str(tree)]))
        spent["grep"].append(await _run(["grep", "-rl", "message_handler", str(tree)]))
        shutil.rmtree(folder / f"cache-{number}")
    return spent


def _scan(tree: Path, cache: Path) -> list[str]:
    cache.mkdir(exist_ok=True)
    return [*_module("kit_scan", cache.parent), str(tree), str(cache), str(JOBS)]


async def _applied(tree: Path, began: float) -> list[Figure]:
    """The whole of `apply --write --no-validation`: scan, plan, rewriting, writing, journal."""
    command = [*_module("kit_apply", tree.parent.parent), str(tree), str(JOBS)]
    seconds, output = await _timed(command)
    done = json.loads(output)
    note = f"{done['written']} steps written, {done['refused']} refused; its scan is cold"
    return [
        Figure(
            name="apply, rewriter included", value=seconds, unit="s", target=APPLY_S, load=began, note=note
        ),
        Figure(
            name="its slowest step, rewriting included",
            value=done["slowest"],
            unit="s",
            target=OWN_S,
            load=began,
        ),
    ]


async def _found(command: Sequence[str]) -> float:
    """Seconds of a scan, which must have found all importers: a fast scan that misses some is void."""
    seconds, output = await _timed(command)
    importers = json.loads(output)["importers"]
    if importers != IMPORTERS:
        raise BenchmarkError(f"The scan found {importers} importers of the legacy module, not {IMPORTERS}.")
    return seconds


async def _run(command: Sequence[str]) -> float:
    return (await _timed(command, may_fail=True))[0]


async def _timed(command: Sequence[str], *, may_fail: bool = False) -> tuple[float, bytes]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    process = await _start(command)
    async with asyncio.timeout(LIMIT_S):
        output, _ = await process.communicate()
    if process.returncode and not may_fail:
        raise BenchmarkError(f"`{' '.join(command)}` ended with {process.returncode}.")
    return loop.time() - began, output


async def _start(command: Sequence[str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=_as_installed(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=None if "-m" in command else asyncio.subprocess.DEVNULL,
    )


def _as_installed() -> dict[str, str]:
    """An installed package is compiled; in a working copy Python may be told not to keep what it compiles."""
    return {**environment(), "PYTHONDONTWRITEBYTECODE": ""}


def _module(name: str, folder: Path) -> list[str]:
    return [sys.executable, "-X", f"pycache_prefix={folder / 'compiled'}", "-m", f"benchmarks.{name}"]


async def _peak(command: Sequence[str]) -> float:
    """Largest resident memory of a scan and its children together, in MB; pages that they share count twice."""
    process = await _start(command)
    reading = asyncio.create_task(process.communicate())
    peak = 0
    while not reading.done():
        peak = max(peak, _resident(process.pid))
        await asyncio.wait([reading], timeout=SAMPLE_S)
    return peak / 1e6


def _resident(pid: int) -> int:
    total = 0
    try:
        first = psutil.Process(pid)
        for each in (first, *first.children(recursive=True)):
            total += each.memory_info().rss
    except psutil.NoSuchProcess:
        return total
    return total


def _title(tree: Path, truth: Truth) -> str:
    size = sum(file.stat().st_size for file in tree.rglob("*") if file.is_file() and not file.is_symlink())
    return f"The migration kit on {truth.files + truth.data_files:,} files ({size / 1e6:.0f} MB)"


def _figures(spent: dict[str, list[float]], peak: float, began: float) -> list[Figure]:
    named = (
        ("cold", f"cold scan, {JOBS} processes", COLD_S, f"median of {ROUNDS}, start of Python included"),
        ("again", "repeated scan", AGAIN_S, "nothing changed since"),
        ("ruff", "`ruff analyze graph`", None, "imports only"),
        ("grep", "`grep -rl message_handler`", None, "one word, no meaning"),
    )
    times = [
        Figure(
            name=name,
            value=statistics.median(spent[key]),
            unit="s",
            target=target,
            load=began,
            note=f"{note}; slowest {max(spent[key]):.2f} s",
        )
        for key, name, target, note in named
    ]
    memory = Figure(name="memory of a cold scan", value=peak, unit="MB", target=MEMORY_MB, load=began)
    return [*times, memory]


def _remarks(truth: Truth) -> list[str]:
    forms = {side: sum(each.values()) for side, each in truth.forms().items()}
    return [
        f"{forms['legacy']} references to the legacy module in {len(truth.legacy_importers)} files and in words, "
        f"{forms['canonical']} to the canonical one; every scan must find all {IMPORTERS} files.",
    ]
