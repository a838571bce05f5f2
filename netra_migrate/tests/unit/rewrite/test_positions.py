"""Where nodes stand, statement by statement, is where LibCST says they stand in the whole file."""

import re
import sysconfig
from pathlib import Path

import pytest
from libcst.metadata import MetadataWrapper, PositionProvider

from netra_migrate.rewrite.code import Code
from netra_migrate.rewrite.encoding import decode

_LIBRARY = Path(sysconfig.get_path("stdlib"))
_TEXTS = {
    "several ends of lines": "import a\r\n\n\r\n@a\r\ndef f(x):\n    '''é\n    '''\r\n    return (x)  # é\r\n",
    "no last end of line": "# first\n\nif a:\n\tb = (  # c\n\t\t1,\n\t)\n\tc",
    "comments at the end": "x = [a\n, b]\n\n  # c\n# d",
    "a line in two": "x = 1; y = a + \\\n  b; z",
    "a form feed and an encoding": "# -*- coding: utf-8 -*-\n\x0c\nclass A:\n\n    # é\n    b: int = 1\n\n\nA\n",
}


@pytest.mark.parametrize(
    "text",
    [*_TEXTS.values(), *((_LIBRARY / name).read_text("utf-8") for name in ("abc.py", "ast.py", "shlex.py"))],
    ids=[*_TEXTS, "abc", "ast", "shlex"],
)
def test_places_are_those_in_the_whole_file(text: str) -> None:
    """Of every node that has a holder: start, end and line."""
    code = Code(decode(text.encode()), path="m.py", module="m")
    places = MetadataWrapper(code.tree, unsafe_skip_copy=True).resolve(PositionProvider)
    starts = [0, *(end.end() for end in re.finditer(r"\r?\n", text))]

    found = {node: (code.span(node), code.line(node)) for node in code.parents}

    assert found == {
        node: (
            (starts[at.start.line - 1] + at.start.column, starts[at.end.line - 1] + at.end.column),
            at.start.line,
        )
        for node, at in places.items()
        if node in code.parents
    }


_READ = ["", "\n", " ", "a", "a\n", "a\r\n", "# a", "\x0c\n", "a;", "if a:\n  b\n  # c"]
_LOST = ["a\n\n  ", "a\n\n  # b"]


@pytest.mark.parametrize(
    ("text", "faithful"), [*((text, True) for text in _READ), *((text, False) for text in _LOST)]
)
def test_whether_a_file_is_read_without_loss(text: str, faithful: bool) -> None:
    """Joined from its statements it is what LibCST makes of it in one; that loses blanks at the end of some."""
    code = Code(decode(text.encode()), path="m.py", module="m")

    assert (code.faithful, code.tree.code == code.text) == (faithful, faithful)
