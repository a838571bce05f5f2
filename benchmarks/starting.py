"""How long a start takes after set-up, and how long `import netra_backend` does."""

import statistics
import subprocess
import sys
import time

from benchmarks.processes import ROOT, environment
from benchmarks.report import Figure, Section, load_now
from benchmarks.site import Site

STARTS = 3
IMPORTS = 11
TARGET_START_S = 5.0
TARGET_IMPORT_MS = 150.0


async def start(site: Site) -> Section:
    """Medians; the data folder exists, as at every start but the first."""
    began = load_now()
    netra: list[float] = []
    bare: list[float] = []
    for _ in range(STARTS):
        async with site.bare() as server:
            bare.append(server.ready_s)
        async with site.netra() as server:
            netra.append(server.ready_s)
    cold = Figure(
        name="`netra serve` to ready, after set-up",
        value=statistics.median(netra),
        unit="s",
        target=TARGET_START_S,
        bare=statistics.median(bare),
        load=began,
        note=f"median of {STARTS}, PostgreSQL and Valkey included; slowest {max(netra):.2f} s",
    )
    return Section(title="Start", figures=[cold, _import(began)])


def _import(began: float) -> Figure:
    empty: list[float] = []
    full: list[float] = []
    for _ in range(IMPORTS):  # taken in turns, so that a busy moment hits both
        empty.append(_interpreter("pass"))
        full.append(_interpreter("import netra_backend"))
    interpreter = statistics.median(empty)
    return Figure(
        name="`import netra_backend`",
        value=max(statistics.median(full) - interpreter, 0.0) * 1000,
        unit="ms",
        target=TARGET_IMPORT_MS,
        load=began,
        note=f"median of {IMPORTS}, without the {interpreter * 1000:.0f} ms of a bare interpreter",
    )


def _interpreter(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment(), timeout=30)  # noqa: S603 - our own
    return time.perf_counter() - began
