import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netra_migrate.domain.references import Form, Side
from netra_migrate.domain.survey import Unparsable
from netra_migrate.scan.facts import Aim, Facts, Sought
from netra_migrate.scan.parsing import parse
from netra_migrate.scan.reading import Reader
from netra_migrate.sources.kinds import Kind
from netra_migrate.sources.naming import Names
from netra_migrate.tests.unit.scan.trees import configuration, found, look

PIECES = st.sampled_from(
    [
        *(
            "import ",
            "from ",
            "app.old.talk",
            "app.new.chat",
            " as ",
            "*",
            "(",
            ")",
            '"',
            "'",
            '"""',
            "\n",
            "    ",
        ),
        *(
            "#",
            "\\",
            ":",
            "def handle(",
            ".handle(",
            "class A(",
            "patch(",
            "[",
            "]",
            ",",
            "\x00",
            "\r",
            "é",
            "@",
            "=",
        ),
        *(
            "if x:",
            "try:",
            "lambda: ",
            'f"{',
            "}",
            "import_module(",
            "sys.modules",
            "__all__ = ",
            "__getattr__",
        ),
    ]
)


def reader() -> Reader:
    """One that looks for the two modules of these tests."""
    sought = (
        Sought(Side.LEGACY, ("app.old.talk",), "app/old/talk.py"),
        Sought(Side.CANONICAL, ("app.new.chat",), "app/new/chat.py"),
    )
    return Reader(Aim(configuration(), sought), Names(["."]), frozenset({"app"}))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=30).map(lambda each: "".join(each).encode()))
)
@pytest.mark.filterwarnings(
    "ignore"
)  # of the hostile code itself; the scan silences them for all files at once
def test_no_content_is_too_bad_to_read(content: bytes) -> None:
    """Bytes and scraps of Python end in facts, never in an exception."""
    each = reader()
    assert isinstance(each.python("app/use.py", content), Facts)
    assert isinstance(each.handlers("app/use.py", content), Facts)
    assert isinstance(each.data(Kind.NOTEBOOK, content), Facts)
    assert isinstance(each.data(Kind.DATA, content), Facts)


def test_a_broken_file_is_read_by_its_text(tmp_path: Path) -> None:
    """Listed with line and reason, and what it names is still found."""
    source = 'from app.old.talk import (\n    Start,\n)\ndef f(:\n    x = "app.old.talk"\n'
    references = found(tmp_path, {"app/use.py": source})
    assert [(each.form, each.line, each.symbols) for each in references] == [
        (Form.FROM, 1, ("Start",)),
        (Form.STRING, 5, ()),
    ]
    assert look(tmp_path).unparsable == (
        Unparsable(path="app/use.py", line=4, reason="invalid syntax", found_by_text=(1, 5)),
    )


NEWS = [
    "type X = int\n",
    "def f[T](x: T) -> T:\n    return x\n",
    'x = f"{a["b"]}"\n',
    'x = t"{a}"\n',
    "try:\n    pass\nexcept A, B:\n    pass\n",
]


@pytest.mark.parametrize("news", NEWS)
def test_newer_syntax_is_no_mistake(news: str, tmp_path: Path) -> None:
    """What LibCST can read is read; the lines stay."""
    references = found(tmp_path, {"app/use.py": news + "from app.old.talk import Start\n"})
    assert [(each.form, each.line) for each in references] == [(Form.FROM, news.count("\n") + 1)]
    assert look(tmp_path).unparsable == ()


def test_deep_nesting_is_a_reason_and_no_crash(tmp_path: Path) -> None:
    """Neither Python's parser nor LibCST's takes the process with it."""
    source = "import app.old.talk\nx = " + "(" * 5000 + "\n"
    assert [each.line for each in found(tmp_path, {"app/use.py": source})] == [1]


def test_other_encodings_and_line_ends_are_read(tmp_path: Path) -> None:
    """A cookie, a byte order mark, old line ends."""
    source = "# coding: latin-1\r# \xe4 app.old.talk\r".encode("latin-1")
    assert [(each.line, each.column) for each in found(tmp_path, {"app/use.py": source})] == [(2, 4)]
    marked = b"\xef\xbb\xbfimport app.old.talk\r\n"
    assert [each.form for each in found(tmp_path, {"app/use.py": marked})] == [Form.IMPORT]


def test_parsing_older_python_needs_no_detour() -> None:
    """The fast way is taken where it can be."""
    assert len(parse("x = 1\n").body) == 1
    assert sys.version_info >= (3, 11)
