"""`python -m benchmarks.criteria`: parse, measure, print every success criterion with its value and source.

Exit codes: 0 all are met, 1 one is missed, 2 none is missed but something could not be measured.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.criteria import kept
from benchmarks.criteria.chat import ask
from benchmarks.criteria.criterion import Criterion
from benchmarks.criteria.crowd import MESSAGES, PEOPLE, gather_crowd
from benchmarks.criteria.judging import of_chat, of_crowd
from benchmarks.processes import ROOT, BenchmarkError
from netra_backend.embedded import EmbeddedError
from netra_backend.observability.logging import configure
from netra_backend.settings import SettingsError
from netra_backend.stack.process import StackError

PARTS = ("crowd", "chat", "kept")
WIDTH = 160
"""Columns where there is no terminal to ask."""

console = Console(stderr=True, highlight=False)


def run(
    parts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PART]...", help=f"Any of {', '.join(PARTS)}; all by default."),
    ] = None,
    people: Annotated[int, typer.Option(help="Concurrent users.", min=2)] = PEOPLE,
    messages: Annotated[int, typer.Option(help="Messages of all of them together.", min=2)] = MESSAGES,
    migration: Annotated[
        Path | None, typer.Option(help="The results/verify.json of a migration.", show_default="usual places")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the criteria there as well.")
    ] = None,
) -> None:
    """Print every success criterion: measured value, target, met or missed, and which measurement says so.

    `crowd` and `chat` start stacks of their own on 127.0.0.1, gone at the end; `kept` reads what
    `make test`, `netra migrate run` and `make bench-peers` left behind.

    Examples:
        python -m benchmarks.criteria

        python -m benchmarks.criteria crowd --people 50 --messages 2000
    """
    chosen = parts or list(PARTS)
    unknown = [part for part in chosen if part not in PARTS]
    if unknown:
        console.print(f"criteria: there is no {unknown[0]}; choose from {', '.join(PARTS)}.", markup=False)
        raise typer.Exit(2)
    configure("critical", stream=sys.stderr)
    try:
        found = asyncio.run(_measure(chosen, people=people, messages=messages, migration=migration))
    except (BenchmarkError, EmbeddedError, SettingsError, StackError) as error:
        console.print(f"criteria: {error}", markup=False)
        raise typer.Exit(2) from None
    _show(found)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.encode(found))
    raise typer.Exit(code(found))


async def _measure(
    parts: Sequence[str], *, people: int, messages: int, migration: Path | None
) -> list[Criterion]:
    found: list[Criterion] = []
    if "crowd" in parts:
        console.print(f"{people} people log in and send {messages} messages…")
        found += of_crowd(await gather_crowd(people=people, messages=messages), wanted=messages)
    if "chat" in parts:
        console.print("Asking the real small model…")
        found.append(of_chat(await ask()))
    if "kept" in parts:
        found += [kept.coverage(ROOT), kept.migration(ROOT, migration), kept.peers(ROOT)]
    return found


def code(found: Sequence[Criterion]) -> int:
    """The exit code."""
    if any(each.value is not None and not each.met for each in found):
        return 1
    return 0 if all(each.met for each in found) else 2


def _show(found: Sequence[Criterion]) -> None:
    table = Table(title="Success criteria", title_justify="left", title_style="bold")
    for name in ("criterion", "measured", "target", "", "source", "note"):
        table.add_column(name)
    for each in found:
        measured = "" if each.value is None else f"{each.value:.4g} {each.unit}"
        table.add_row(each.name, measured, each.wanted, each.verdict, each.source, each.note)
    Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False).print(table)


if __name__ == "__main__":
    typer.run(run)
