"""Tables for people. Target text goes in as `Text` of visible characters, so that no markup in it counts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from netra_migrate.domain.plan import Plan, Target
from netra_migrate.domain.references import Form, Side
from netra_migrate.domain.rewriting import Refusal
from netra_migrate.domain.survey import Survey
from netra_migrate.report.escaping import visible
from netra_migrate.report.findings import Finding, Level
from netra_migrate.report.material import StepView

ROWS: Final = 40
"""Rows of one list: about a screen. `--json` has all."""

LINKS: Final = 8
"""Modules that are shown of one cycle of imports."""

PIPED_WIDTH: Final = 140
"""Columns where there is no terminal: a path and a sentence on one line."""

_STYLES: Final = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: "dim"}


def console(stream: IO[str]) -> Console:
    """For people: colours only on a terminal, nothing guessed from the text."""
    width = None if stream.isatty() else PIPED_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False)


def table(*columns: str, rows: Iterable[Sequence[object]], total: int) -> RenderableType:
    """At most `ROWS` rows, and a line that says how many more there are."""
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(
            column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold"
        )
    for _, row in zip(range(ROWS), rows, strict=False):
        drawn.add_row(*(cell if isinstance(cell, Text) else said(cell) for cell in row))
    rest = total - ROWS
    return Group(drawn, Text(f"… and {rest} more, --json for all", "dim")) if rest > 0 else drawn


def said(value: object, style: str = "") -> Text:
    """A cell; whatever does not print is spelled."""
    return Text(visible(str(value)), style)


def of_survey(survey: Survey) -> Group:
    """Counts by form, files with the most references, and what gets in the way."""
    return Group(*_survey(survey))


def _survey(survey: Survey) -> Iterator[RenderableType]:
    legacy = survey.of(Side.LEGACY)
    yield Text(_read(survey))
    if not legacy:
        yield Text("No reference to the legacy module is left.", "green")
    else:
        forms = Counter(reference.form for reference in legacy)
        binding = Counter(reference.form for reference in legacy if reference.binds)
        rows = [
            (form.value, count, "yes" if binding[form] else "no") for form in Form if (count := forms[form])
        ]
        yield table("form", ">references", "breaks when the module goes", rows=rows, total=len(rows))
        yield _files(survey)
    if survey.clashes:
        found = [(clash.what, clash.name, ", ".join(clash.where)) for clash in survey.clashes]
        yield table("twice", "name", "where", rows=found, total=len(found))
    if survey.unparsable:
        broken = [
            (f"{each.path}:{each.line}", each.reason, _lines(each.found_by_text))
            for each in survey.unparsable
        ]
        yield table("unreadable file", "reason", "names the legacy module", rows=broken, total=len(broken))
    if survey.cycles:
        cycles = [(len(cycle), _ring(cycle)) for cycle in survey.cycles]
        yield table(">modules", "import one another", rows=cycles, total=len(cycles))


def _ring(cycle: Sequence[str]) -> str:
    """The modules of a cycle; a large tree has one of hundreds, of which nobody reads all."""
    more = f" and {len(cycle) - LINKS} more" if len(cycle) > LINKS else ""
    return " → ".join(cycle[:LINKS]) + more


def _read(survey: Survey) -> str:
    out = ", ".join(f"{count:,} {reason}" for reason, count in survey.excluded.items() if count)
    read = f"Read {survey.files:,} Python files and {survey.data_files:,} others in {survey.seconds:.1f} s"
    return f"{read}; left out: {out}." if out else f"{read}."


def _lines(lines: Sequence[int]) -> str:
    return f"line {', '.join(map(str, lines))}" if lines else "no"


def _files(survey: Survey) -> RenderableType:
    grouped: dict[str, Counter[str]] = {}
    for reference in survey.of(Side.LEGACY):
        grouped.setdefault(reference.path, Counter())[reference.form.value] += 1
    order = sorted(grouped.items(), key=lambda item: (-item[1].total(), item[0]))
    rows = ((path, count.total(), _forms(count)) for path, count in order)
    return table("file", ">references", "forms", rows=rows, total=len(order))


def _forms(count: Counter[str]) -> str:
    return ", ".join(f"{form} {n}" if n > 1 else form for form, n in count.most_common())


def of_plan(plan: Plan) -> Group:
    """The map of symbols, the steps, and what has to be decided first."""
    return Group(*_plan(plan))


def _plan(plan: Plan) -> Iterator[RenderableType]:
    yield table("symbol", "becomes", "why", rows=map(_target, plan.targets), total=len(plan.targets))
    steps = ((step.number, _names(step.paths), step.references) for step in plan.steps)
    yield table(">step", "files", ">references", rows=steps, total=len(plan.steps))
    if plan.left_alone:
        rows = [(path,) for path in plan.left_alone]
        yield table(
            "for people to read: only words, data or strings name the module", rows=rows, total=len(rows)
        )
    if plan.open_questions:
        open_ = [
            (f"[symbols.{each.symbol}]", each.reason.removeprefix(f"symbols.{each.symbol}: "))
            for each in plan.open_questions
        ]
        yield table("to be decided in migration.toml", "why", rows=open_, total=len(open_))


def _target(target: Target) -> tuple[object, ...]:
    if not target.decided:
        return target.symbol, Text("undecided", "yellow"), ""
    return target.symbol, f"{target.decision.value} {target.to or ''}".rstrip(), target.reason


def _names(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(paths[:3]) + more


def of_findings(findings: Sequence[Finding]) -> RenderableType:
    """One line each."""
    rows = (
        (_place(each), Text(each.level.value, _STYLES[each.level]), each.rule, each.message)
        for each in findings
    )
    return table("place", "level", "rule", "what", rows=rows, total=len(findings))


def _place(finding: Finding) -> str:
    column = f":{finding.column}" if finding.column else ""
    return f"{finding.path}:{finding.line}{column}"


def of_refusals(refusals: Sequence[Refusal]) -> RenderableType:
    """What was not rewritten, and why."""
    rows = ((f"{each.path}:{each.line}", each.reason, "adapt" if each.can_adapt else "") for each in refusals)
    return table("refused", "why", "would do for now", rows=rows, total=len(refusals))


def of_steps(steps: Sequence[StepView]) -> RenderableType:
    """Where each step stands."""
    rows = (
        (step.number, _names(step.paths), step.state.value, f"{step.seconds:.1f}", step.reason)
        for step in steps
    )
    return table(">step", "files", "state", ">seconds", "", rows=rows, total=len(steps))
