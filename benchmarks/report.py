"""What a measurement says and how it is shown: a table for people, JSON for programs."""

import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil
from rich.console import Console
from rich.table import Table


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured figure.

    Attributes:
        name: what was measured.
        value: in `unit`.
        target: the figure that is wanted, if one is; at least that if `more_is_better`, else at most.
        bare: the same of the bare server, in the same run.
        load: the machine's load average (1 min) when the measurement began: others may use it.
        note: one short remark.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    more_is_better: bool = False
    bare: float | None = None
    load: float
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        if self.target is None:
            return None
        return self.value >= self.target if self.more_is_better else self.value <= self.target

    @property
    def ratio(self) -> float | None:
        """This figure divided by the bare server's."""
        return self.value / self.bare if self.bare else None


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """What one benchmark found: figures and lines of text below them."""

    title: str
    figures: list[Figure]
    remarks: list[str] = []


def load_now() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]


def machine() -> dict[str, str]:
    """The facts that figures depend on."""
    return {
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "processor": _processor(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (info.read_text().splitlines() if info.exists() else ())
        if line.startswith("model name")
    ]
    return names[0] if names else platform.processor() or platform.machine()


def show(sections: Sequence[Section]) -> None:
    """Print the tables."""
    # A pipe has no width: wide enough there for every column in one line.
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    console.print("  ".join(f"{name}: {value}" for name, value in machine().items()))
    for section in sections:
        console.print(_table(section))
        for remark in section.remarks:
            console.print(f"  {remark}", markup=False)


def _table(section: Section) -> Table:
    table = Table(title=section.title, title_justify="left", title_style="bold")
    table.add_column("figure")
    for name in ("measured", "target", "", "bare server", "ratio", "load"):
        table.add_column(name, justify="right")
    table.add_column("note")
    for figure in section.figures:
        bare = "" if figure.bare is None else _amount(figure.bare, figure.unit)
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        cells = (figure.name, _amount(figure.value, figure.unit), _target(figure), _mark(figure.met))
        table.add_row(*cells, bare, ratio, f"{figure.load:.1f}", figure.note)
    return table


def _mark(met: bool | None) -> str:
    return "" if met is None else "[green]met[/]" if met else "[red]missed[/]"


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return ("≥ " if figure.more_is_better else "≤ ") + _amount(figure.target, figure.unit)


def _amount(value: float, unit: str) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def document(sections: Sequence[Section]) -> dict[str, Any]:
    """Everything, for programs."""
    plain = msgspec.to_builtins(sections)
    for section, found in zip(plain, sections, strict=True):
        for figure, source in zip(section["figures"], found.figures, strict=True):
            figure |= {"ratio": source.ratio, "met": source.met}
    return {"machine": machine(), "sections": plain}
