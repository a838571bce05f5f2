import json
from pathlib import Path

import pytest

from netra_migrate.domain.references import Form
from netra_migrate.tests.unit.scan.trees import SIDES, found, look, plant

DATA = {
    "settings.toml": 'handler = "app.old.talk:Start"\n',
    "a.yaml": "handler: app.old.talk.Start\n",
    "a.json": '{"x": "app/old/talk.py"}\n',
    "setup.cfg": "x = app.old.talk\n",
    "Dockerfile": "COPY ./app/old/talk.py /srv/app/old/\n",
    "run.sh": "python -m app.old.talk\n",
    "Makefile": "x:\n\tpython /srv/app/old/talk.py\n",
    "README.md": "See `from app.old import talk` there.\n",
}


@pytest.mark.parametrize("path", DATA)
def test_a_file_that_is_no_python_names_the_module(path: str, tmp_path: Path) -> None:
    """Dotted, as a path, or as an import in words."""
    references = found(tmp_path, {path: DATA[path]}, path=path)
    assert [each.form for each in references] == [Form.DATA]
    assert references[0].symbols == (("Start",) if "Start" in DATA[path] else ())


def test_a_notebook_holds_code(tmp_path: Path) -> None:
    """Code cells count as code in a string, at the line of the file; words as data."""
    cells = [
        {"cell_type": "markdown", "source": ["About app.old.talk"]},
        {"cell_type": "code", "source": ["%matplotlib\n", "from app.old.talk import Start\n"]},
    ]
    content = json.dumps({"cells": cells}, indent=1)
    references = found(tmp_path, {"a.ipynb": content}, path="a.ipynb")
    lines = content.split("\n")
    assert [(each.form, each.symbols) for each in references] == [(Form.DATA, ()), (Form.CODE, ("Start",))]
    assert [each.text in lines[each.line - 1] for each in references] == [True, True]


def test_a_deleted_module_is_still_found(tmp_path: Path) -> None:
    """What names it is a reference to something that does not exist."""
    plant(
        tmp_path,
        {"app/new/chat.py": SIDES["app/new/chat.py"], "app/use.py": "from app.old.talk import Start\n"},
    )
    (reference,) = look(tmp_path).references
    assert (reference.symbols, reference.exists) == (("Start",), False)


def test_the_modules_are_no_references_to_themselves(tmp_path: Path) -> None:
    """But to each other."""
    plant(tmp_path, {**SIDES, "app/old/talk.py": '"""app.old.talk"""\nfrom app.new.chat import Start\n'})
    assert [(each.path, each.side.value) for each in look(tmp_path).references] == [
        ("app/old/talk.py", "canonical")
    ]
