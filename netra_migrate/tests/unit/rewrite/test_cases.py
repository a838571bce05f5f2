"""Before, after, and run twice: the texts in `cases/`. A case named `refused` ends in `line[*]: reason`."""

import re
from pathlib import Path

import pytest

from netra_migrate.domain.rewriting import Refused, Rewritten
from netra_migrate.rewrite import adapt, rewrite
from netra_migrate.tests.unit.rewrite.subject import CONFIGURATION, DECISIONS

_CASES = [
    pytest.param(
        file.stem,
        *re.split(r"\n|--->\n", block, maxsplit=1)[:1],
        block,
        id=f"{file.stem}: {block.splitlines()[0]}",
    )
    for file in sorted((Path(__file__).parent / "cases").glob("*.txt"))
    for block in file.read_text(encoding="utf-8").split("=== ")[1:]
]

_KINDS = {"adapter", "call", "code", "constructor", "error", "import", "method", "patch", "return"}
"""What a change is called in reports."""


def _run(group: str, title: str, content: bytes) -> Rewritten | Refused:
    named = re.match(r"(module|package) ([\w.]+)", title)
    module = named[2] if named else "app.user"
    path = module.replace(".", "/") + ("/__init__.py" if named and named[1] == "package" else ".py")
    run = adapt if group == "adapt" else rewrite
    return run(content, path=path, module=module, decisions=DECISIONS, configuration=CONFIGURATION)


@pytest.mark.parametrize(("group", "title", "block"), _CASES)
def test_a_file_becomes_what_the_case_says_and_then_stays(group: str, title: str, block: str) -> None:
    """The result is as written, and rewriting the result changes nothing."""
    before, _, after = block.partition("\n")[2].partition("--->\n")

    result = _run(group, title, before.encode())

    if isinstance(result, Refused):
        told = "".join(
            f"{each.line}{'*' if each.can_adapt else ''}: {each.reason}\n" for each in result.refusals
        )
        assert told == after
        return
    assert result.content.decode() == after
    assert bool(result.changes) is (before != after)
    assert {each.kind for each in result.changes} <= _KINDS
    assert _run(group, title, result.content) == Rewritten(content=result.content)


def test_there_are_many_cases() -> None:
    """A broken reading of the files would pass in silence."""
    assert len(_CASES) > 180
