"""`python -m benchmarks.peers`: parse, measure, print. Exit code 1 if the measurement is void."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console

from benchmarks.jobs import Job
from benchmarks.peers.comparison import KEPT, Comparison, Row, compared, show
from benchmarks.peers.measuring import Scale, measure, metered, row_of
from benchmarks.peers.products import PRODUCTS, PROGRAMS
from benchmarks.processes import ROOT, BenchmarkError
from benchmarks.site import site
from netra_backend import __version__
from netra_backend.embedded import EmbeddedError, EmbeddedPostgres

OURS: Final = "netra"
NAMES: Final = (OURS, *(product.key for product in PRODUCTS))
OUR_SCALES: Final = (Scale(100, 1000, 6000), Scale(20, 300, 2000))
SCALES: Final = (Scale(100, 100, 200), Scale(20, 20, 100))
"""Ours has more runs because it would else be over in a moment; theirs take as long."""
OUR_PROMISE: Final = "PostgreSQL: message before `accepted`, every event before it is sent"

console = Console(stderr=True, highlight=False)


def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help=f"Any of {', '.join(NAMES)}; all by default."),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows there as well.")] = None,
) -> None:
    """Measure Netra and comparable products on this machine, one after the other, with the same users.

    Everything runs on 127.0.0.1, on data of its own that is removed afterwards. When all are measured the
    comparison is kept for `make criteria`.

    Examples:
        python -m benchmarks.peers

        python -m benchmarks.peers netra agno --json figures.json
    """
    chosen = names or list(NAMES)
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        console.print(f"peers: there is no {unknown[0]}; choose from {', '.join(NAMES)}.", markup=False)
        raise typer.Exit(2)
    try:
        found = compared(asyncio.run(_measure(chosen)), ROOT)
    except (BenchmarkError, EmbeddedError) as error:
        console.print(f"peers: {error}", markup=False)
        raise typer.Exit(1) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(130) from None
    show(found)
    _keep(found, [ROOT / KEPT] if not names else [], json_file)


def _keep(found: Comparison, places: list[Path], named: Path | None) -> None:
    for place in [*places, *([named] if named else [])]:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")


async def _measure(names: Sequence[str]) -> list[Row]:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    rows: list[Row] = []
    if OURS in names:
        console.print("Measuring Netra…")
        rows += await _ours()
    peers = [product for product in PRODUCTS if product.key in names]
    if peers and not (PROGRAMS / "python").exists():
        raise BenchmarkError("The products are not installed: run `make bench-peers`.")
    async with _postgres() as owner_url:
        for product in peers:
            console.print(f"Measuring {product.name}…")
            rows += await measure(product, owner_url, SCALES)
    return rows


async def _ours() -> list[Row]:
    rows: list[Row] = []
    async with site() as found, found.netra() as netra:
        tokens = await found.users(max(scale.users for scale in OUR_SCALES))
        for scale in OUR_SCALES:
            job = Job(
                mode="closed",
                url=netra.socket_url,
                tokens=tokens[: scale.users],
                warmup=scale.warmup,
                runs=scale.runs,
            )
            measured = await metered(netra, job, "benchmarks.load")
            row = row_of(
                measured,
                scale,
                product="Netra",
                version=__version__,
                durable=OUR_PROMISE,
                counts=False,
                ours=True,
            )
            rows.append(row)
    return rows


@asynccontextmanager
async def _postgres() -> AsyncIterator[str]:
    """The store of the others: the same server that Netra brings, with the same settings."""
    with tempfile.TemporaryDirectory(prefix="netra-peers-", ignore_cleanup_errors=True) as name:
        server = EmbeddedPostgres(Path(name) / "postgres")
        try:
            yield (await server.start()).owner_url
        finally:
            await server.stop()


if __name__ == "__main__":
    typer.run(run)
