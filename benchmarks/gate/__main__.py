"""`python -m benchmarks.gate [BASE [CANDIDATE]]`: parse, measure, print.

Exit codes: 0 no regression is shown, 1 one is, 2 it could not be measured.
"""

import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from benchmarks.gate.judging import USUAL_PAIRS, code, judge_kept, judge_pairs, keep
from benchmarks.gate.trees import lay_out, usual_base
from benchmarks.processes import BenchmarkError
from netra_migrate.domain.outcomes import MigrationError
from netra_migrate.domain.performance import GateReport

WORDS = ("No regression is shown.", "A regression is shown.", "Not every figure can be compared: see above.")
"""By exit code."""

console = Console(stderr=True, highlight=False)


def run(
    base: Annotated[
        str | None,
        typer.Argument(help="Commit or folder to compare with.", show_default="where main was left"),
    ] = None,
    candidate: Annotated[
        str | None, typer.Argument(help="Commit or folder to judge.", show_default="the working tree")
    ] = None,
    pairs: Annotated[int, typer.Option(help="Samples of each side, taken by turns.")] = USUAL_PAIRS,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report there as well.")] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Only measure BASE, by default the working tree, and keep it.")
    ] = False,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="Compare with what --record kept; weaker than pairs.")
    ] = False,
) -> None:
    """Tell whether the runtime became slower or larger, on this machine, by pairs and a rank test.

    A figure fails when its loss is more than chance (p below 1 % over all figures) and more than small (the
    whole 95 % interval beyond 5 %). There is no fixed time in it.

    Examples:
        python -m benchmarks.gate

        python -m benchmarks.gate v0.1.0 HEAD --json report.json

        python -m benchmarks.gate --record
    """
    try:
        with tempfile.TemporaryDirectory(prefix="netra-gate-", ignore_cleanup_errors=True) as name:
            if record:
                _lay(base, Path(name) / "base")
                where = keep(Path(name) / "base", pairs=pairs, progress=_progress)
                console.print(f"Kept in {where.parent.name}/{where.name}.", markup=False)
                raise typer.Exit(0)
            report = _report(base, candidate, Path(name), pairs=pairs, recorded=recorded)
    except (BenchmarkError, MigrationError) as error:
        console.print(f"gate: {error}", markup=False)
        raise typer.Exit(2) from None
    if json_file is not None:
        json_file.write_bytes(msgspec.json.encode(report))
    for each in report.comparisons:
        print(each.sentence)
    print(WORDS[code(report)])
    raise typer.Exit(code(report))


def _report(
    base: str | None, candidate: str | None, folder: Path, *, pairs: int, recorded: bool
) -> GateReport:
    if recorded:
        _lay(base, folder / "now")
        return judge_kept(folder / "now", progress=_progress)
    _lay(base or usual_base(), folder / "before")
    _lay(candidate, folder / "now")
    return judge_pairs(base=folder / "before", candidate=folder / "now", pairs=pairs, progress=_progress)


def _lay(what: str | None, into: Path) -> None:
    console.print(f"{into.name}: {lay_out(what, into)}", markup=False)


def _progress(done: int, of: int) -> None:
    console.print(f"  {done} of {of} samples", markup=False)


if __name__ == "__main__":
    typer.run(run)
