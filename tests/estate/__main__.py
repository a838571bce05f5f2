"""`python -m tests.estate OUT`: write an estate and say what is in it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.estate.generate import generate
from tests.estate.truth import Truth

console = Console(highlight=False)


def main(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="A new or empty folder.")],
    files: Annotated[int, typer.Option(help="Files in all.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Another number gives another estate.")] = 1,
    git: Annotated[bool, typer.Option("--git", help="Make a repository of it, with one commit.")] = False,
) -> None:
    """Write OUT/tree and OUT/truth.json.

    Examples:
        python -m tests.estate /tmp/estate

        python -m tests.estate /tmp/small --files 400 --git
    """
    try:
        truth = generate(folder, files=files, seed=seed, git=git)
    except ValueError as error:
        console.print(f"estate: {error}", markup=False)
        raise typer.Exit(2) from None
    _show(truth)


def _show(truth: Truth) -> None:
    table = Table(title="References")
    for column in ("side", "form", "number"):
        table.add_column(column)
    for side, forms in truth.forms().items():
        for form, number in sorted(forms.items()):
            table.add_row(side, form, str(number))
    console.print(table)
    console.print(
        f"{truth.files} Python files, {truth.data_files} others; {len(truth.legacy_importers)} import legacy, "
        f"{len(truth.canonical_importers)} canonical; {len(truth.unparsable)} cannot be read; "
        f"left out: {truth.excluded}",
        markup=False,
    )


if __name__ == "__main__":
    typer.run(main)
