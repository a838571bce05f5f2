"""`python -m benchmarks`: parse, measure, print. Exit code 1 if a measurement is void."""

import asyncio
import json
import signal
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console

from benchmarks.gateways import gateways, storm
from benchmarks.idle import memory
from benchmarks.kit import kit
from benchmarks.processes import BenchmarkError
from benchmarks.profiled import top
from benchmarks.report import Section, document, show
from benchmarks.runs import latency, throughput
from benchmarks.site import Site, site
from benchmarks.starting import start

Benchmark = Callable[[Site], Awaitable[Section]]
BENCHMARKS: dict[str, Benchmark] = {
    "throughput": throughput,
    "latency": latency,
    "memory": memory,
    "start": start,
    "gateways": gateways,
    "storm": storm,
}
ALONE: dict[str, Callable[[], Awaitable[Section]]] = {"kit": kit}
"""What needs no server; measured first, before any is started."""
NAMES = (*BENCHMARKS, *ALONE)
PROFILE_LINES = 25
FILES = 12_000
"""Open files that 5,000 connections need on both sides, with room."""

console = Console(stderr=True, highlight=False)


def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help=f"Any of {', '.join(NAMES)}; all by default."),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures there as well.")] = None,
    profile: Annotated[
        bool,
        typer.Option("--profile", help="Show where the server spends its time in `throughput`; slows it."),
    ] = False,
) -> None:
    """Measure Netra on this machine, beside its targets and a bare server.

    Everything runs on 127.0.0.1, on a data folder of its own that is removed afterwards.

    Examples:
        python -m benchmarks

        python -m benchmarks throughput latency --json figures.json

        python -m benchmarks throughput --profile
    """
    chosen = names or list(NAMES)
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        console.print(f"benchmarks: there is no {unknown[0]}; choose from {', '.join(NAMES)}.")
        raise typer.Exit(2)
    try:
        sections = asyncio.run(_measure(chosen, profile=profile))
    except BenchmarkError as error:
        console.print(f"benchmarks: {error}", markup=False)
        raise typer.Exit(1) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(130) from None
    show(sections)
    if json_file is not None:
        json_file.write_text(json.dumps(document(sections), indent=2) + "\n", encoding="utf-8")


async def _measure(names: Sequence[str], *, profile: bool) -> list[Section]:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    _allow_files()
    sections: list[Section] = []
    for name in (each for each in names if each in ALONE):
        console.print(f"Measuring {name}…")
        sections.append(await ALONE[name]())
    served = [name for name in names if name in BENCHMARKS]
    if not served:
        return sections
    console.print("Setting up…")
    async with site() as found:
        for name in served:
            console.print(f"Measuring {name}…")
            if name == "throughput" and profile:
                sections.append(await _profiled(found))
            else:
                sections.append(await BENCHMARKS[name](found))
    return sections


async def _profiled(found: Site) -> Section:
    with tempfile.TemporaryDirectory(prefix="netra-profile-") as folder:
        file = Path(folder) / "profile.json"
        section = await throughput(found, profile=file)
        section.remarks.extend(top(file, PROFILE_LINES))
    return section


def _allow_files() -> None:
    """Raise the limit of open files for this process and those that it starts."""
    process = psutil.Process()
    if not hasattr(process, "rlimit"):
        return
    soft, hard = process.rlimit(psutil.RLIMIT_NOFILE)
    wanted = FILES if hard == psutil.RLIM_INFINITY else min(FILES, hard)
    if soft != psutil.RLIM_INFINITY and soft < wanted:
        process.rlimit(psutil.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    typer.run(run)
