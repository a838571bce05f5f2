import io

import msgspec
from rich.console import RenderableType

from netra_migrate.report.findings import of_survey as findings_of
from netra_migrate.report.tables import (
    LINKS,
    ROWS,
    console,
    of_findings,
    of_plan,
    of_refusals,
    of_steps,
    of_survey,
    table,
)
from netra_migrate.tests.unit.report.example import material, plan, step_views, survey


def printed(what: RenderableType) -> str:
    """As a pipe gets it."""
    stream = io.StringIO()
    console(stream).print(what)
    return stream.getvalue()


def test_nothing_of_the_target_commands_the_terminal() -> None:
    """No escape sequence and no mark that turns text, in any table; the name is still there to be read."""
    refusals = material().refusals
    for what in (
        of_survey(survey()),
        of_plan(plan()),
        of_findings(findings_of(survey())),
        of_refusals(refusals),
    ):
        text = printed(what)
        assert not {"\x1b", "\u202e"} & set(text)
    assert "<script>alert(1)</script>\\x1b[2J\\u202egpj.py" in printed(of_steps(step_views())).replace(
        "\n", ""
    )


def test_square_brackets_are_text() -> None:
    """Rich's own markup in a name does nothing."""
    assert "[red]x[/red].py" in printed(table("file", rows=[("[red]x[/red].py",)], total=1))


def test_long_lists_say_how_many_more_there_are() -> None:
    """The first rows and the number of the others."""
    text = printed(table("n", rows=((f"row{n}",) for n in range(ROWS + 7)), total=ROWS + 7))
    assert f"row{ROWS - 1}" in text
    assert f"row{ROWS} " not in text
    assert "… and 7 more, --json for all" in text


def test_a_survey_is_counted_by_form_and_by_file() -> None:
    """Two `from` imports in two files."""
    lines = [line.split() for line in printed(of_survey(survey())).splitlines()]
    assert ["from", "2", "yes"] in lines
    assert ["comment", "1", "no"] in lines
    assert ["app/api.py", "1", "from"] in lines


def test_open_questions_name_the_table_to_write() -> None:
    """What to add to migration.toml stands in the first column."""
    assert "[symbols.MessageHandlerService]" in printed(of_plan(plan()))


def test_a_long_cycle_is_shown_by_its_beginning() -> None:
    """The first modules and the number of the others; a short one is shown whole."""
    long = tuple(f"m{number}" for number in range(LINKS + 3))
    text = printed(of_survey(msgspec.structs.replace(survey(), cycles=(long, ("app.a", "app.b")))))
    assert f"m{LINKS - 1} and 3 more" in text
    assert "app.a → app.b\n" in "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
