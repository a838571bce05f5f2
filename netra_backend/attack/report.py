"""What an attack found, for people and for programs. Never shows a token, a password or a message."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Result:
    """One case: how often it was tried, and what leaked, in words."""

    case: int
    title: str
    attempts: int
    leaks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole attack."""

    url: str
    same_tenant: bool
    threads: tuple[str, str]
    results: Sequence[Result]

    @property
    def held(self) -> bool:
        """Whether nothing leaked anywhere."""
        return not any(result.leaks for result in self.results)


def as_json(report: Report) -> str:
    """One object."""
    cases = [
        {
            "case": each.case,
            "title": each.title,
            "attempts": each.attempts,
            "held": not each.leaks,
            "leaks": list(each.leaks),
        }
        for each in report.results
    ]
    return json.dumps(
        {
            "url": report.url,
            "held": report.held,
            "same_tenant": report.same_tenant,
            "threads": list(report.threads),
            "cases": cases,
        },
        indent=2,
    )


def show(report: Report, console: Console) -> None:
    """A table, then what leaked, then what is left behind."""
    table = Table("case", "what was tried", "attempts", "result")
    for each in report.results:
        result = f"[red]{len(each.leaks)} leaked" if each.leaks else "[green]held"
        table.add_row(str(each.case), each.title, str(each.attempts), result)
    console.print(table)
    for each in report.results:
        for leak in each.leaks:
            console.print(f"  case {each.case}: {leak}", style="red", markup=False)
    kind = "one tenant" if report.same_tenant else "two tenants"
    console.print(f"A and B are users of {kind}. Each keeps one thread of this attack, which may be deleted:")
    console.print(f"  A {report.threads[0]}\n  B {report.threads[1]}", markup=False)
    held = "All held. Neither user reached anything of the other's."
    console.print(held if report.held else "Something leaked: see above.", style="bold")
