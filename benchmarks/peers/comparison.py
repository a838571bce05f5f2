"""What a comparison found, as it is kept for `make criteria` and shown. Measures nothing."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.report import machine

KEPT: Final = "bench-results/peers.json"
WIDTH: Final = 170
"""Columns where there is no terminal to ask."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One product under one load.

    Attributes:
        users: closed loop, each sends when the last run ended.
        runs_per_second: answered to the users.
        durable_per_second: the same until the store had them, which is later where a product writes after it sends.
        frames: frames or events to the user, a run.
        server_us: processor time of the server's process, a run.
        store_us: the same of PostgreSQL (and Valkey, where it is used).
        durable: what is stored when, and where.
        lacks: what it does not do that Netra does, in its measured set-up.
        stored: share of the answers that were in the store when the load was over and the store was still.
        behind_s: how long after the last answer the last write came.
        counts: whether it is a comparable product; ours is not, nor what is written by hand.
    """

    product: str
    version: str
    users: int
    runs: int
    runs_per_second: float
    durable_per_second: float
    p50_ms: float
    p99_ms: float
    frames: float
    server_us: float
    store_us: float
    durable: str
    lacks: list[str] = []
    stored: float = 1.0
    behind_s: float = 0.0
    counts: bool = True
    ours: bool = False


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All rows, with what they depend on. The first load of each product is the one that is compared."""

    rows: list[Row]
    measured_at: str
    commit: str
    machine: dict[str, str]

    @property
    def ours(self) -> Row | None:
        """Netra under the first load."""
        return next((row for row in self.rows if row.ours), None)

    @property
    def best(self) -> Row | None:
        """The comparable product with most durable runs under the load that ours had."""
        rows = [row for row in self.rows if row.counts and self.ours and row.users == self.ours.users]
        return max(rows, key=lambda row: row.durable_per_second, default=None)

    @property
    def ratio(self) -> float | None:
        """Our durable runs a second, divided by those of the best; None if either was not measured."""
        if self.ours is None or self.best is None:
            return None
        return self.ours.durable_per_second / self.best.durable_per_second

    @property
    def answered_ratio(self) -> float | None:
        """The same against the product that answers fastest, stored or not."""
        rows = [row for row in self.rows if row.counts and self.ours and row.users == self.ours.users]
        if self.ours is None or not rows:
            return None
        return self.ours.runs_per_second / max(row.runs_per_second for row in rows)


def compared(rows: list[Row], root: Path) -> Comparison:
    """Rows that were measured just now, of the tree in `root`."""
    now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    return Comparison(rows=rows, measured_at=now, commit=_commit(root), machine=machine())


def _commit(root: Path) -> str:
    command = ("git", "describe", "--always", "--dirty=+changes", "--exclude=*")
    try:
        found = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=30)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return found.stdout.strip() or "unknown"


def show(found: Comparison) -> None:
    """Print the table, the ratio, and what each product does not do."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    console.print("  ".join(f"{name}: {value}" for name, value in found.machine.items()))
    console.print(table_of(found))
    for row in {row.product: row for row in found.rows if row.lacks}.values():
        console.print(f"  {row.product} does not: {'; '.join(row.lacks)}.", markup=False)
    if found.ratio is not None and found.best is not None:
        console.print(
            f"Netra does {found.ratio:.1f} times the durable runs of the best, {found.best.product}, "
            f"and {found.answered_ratio:.1f} times the answers of the fastest, stored or not."
        )


def table_of(found: Comparison) -> Table:
    """The rows, each with the speed of ours beside it."""
    title = f"Golden-path runs beside comparable products, {found.measured_at}, {found.commit}"
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("product")
    for name in (
        "users",
        "answered/s",
        "durable/s",
        "p50 ms",
        "p99 ms",
        "frames",
        "server µs/run",
        "store µs/run",
        "Netra is",
    ):
        table.add_column(name, justify="right")
    table.add_column("durable where")
    for row in found.rows:
        table.add_row(*_cells(row, found.rows))
    return table


def _cells(row: Row, rows: list[Row]) -> tuple[str, ...]:
    ours = next((each for each in rows if each.ours and each.users == row.users), None)
    ratio = (
        "" if ours is None or row.ours else f"{ours.durable_per_second / row.durable_per_second:.1f} times"
    )
    durable = row.durable
    if row.stored < 1 or row.behind_s:
        durable += f" ({row.stored:.1%} stored, {row.behind_s:.1f} s behind)"
    speeds = (row.runs_per_second, row.durable_per_second)
    numbers = (*speeds, row.p50_ms, row.p99_ms, row.frames, row.server_us, row.store_us)
    name = f"{row.product} {row.version}" + ("" if row.counts or row.ours else ", not counted")
    return (name, str(row.users), *(f"{number:,.1f}" for number in numbers), ratio, durable)
