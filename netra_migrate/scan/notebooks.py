"""Jupyter notebooks: the code of their cells is code in strings, all else is data. Pure."""

import json
import re
from collections.abc import Iterator

from netra_migrate.domain.references import Form
from netra_migrate.scan.embedded import Embedded, embedded, names_of
from netra_migrate.scan.facts import Aim, Facts, Import
from netra_migrate.scan.text import Text
from netra_migrate.scan.wording import Wording


def read_notebook(content: str, aim: Aim) -> Facts:
    """Imports of code cells, at the line of the file where they stand; other mentions as data."""
    text = Text(content)
    wording = Wording(text, aim)
    wording.data(content, Form.DATA)
    imports: list[Import] = []
    at = 0
    for statement in _statements(content):
        line = _line(text, statement.text.split("\n")[0], at)
        at = line
        shown = text.shown(line)
        imports.extend(
            Import(line, 0, module, names, local, False, (), Form.CODE, (), shown)
            for module, names, local in names_of(statement.node)
        )
    taken = {each.line for each in imports}
    return Facts(
        imports=tuple(imports), mentions=tuple(each for each in wording.mentions if each.line not in taken)
    )


def _statements(content: str) -> Iterator[Embedded]:
    try:
        notebook = json.loads(content)
        cells = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return
    for source in cells:
        code = source if isinstance(source, str) else "".join(map(str, source))
        yield from embedded(code)


def _line(text: Text, statement: str, after: int) -> int:
    """The first line from `after` on that holds the statement as JSON writes it."""
    written = re.escape(json.dumps(statement)[1:-1])
    for number in range(max(1, after), len(text.lines) + 1):
        if re.search(written, text.lines[number - 1]):
            return number
    return max(1, after)
