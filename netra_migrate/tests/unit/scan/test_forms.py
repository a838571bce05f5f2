from pathlib import Path
from typing import Any

import pytest

from netra_migrate.domain.references import Context, Form, Reference, Side
from netra_migrate.tests.unit.scan.trees import found

OLD = "app.old.talk"
START: dict[str, Any] = {"symbols": ("Start",), "aliases": ("Start",)}


def ref(form: Form, line: int, column: int, text: str, **more: Any) -> Reference:
    """A reference of `app/use.py` to the legacy module, which exists unless a test says otherwise."""
    given: dict[str, Any] = {"side": Side.LEGACY, "module": OLD, "exists": True, **more}
    return Reference(path="app/use.py", form=form, line=line, column=column, text=text, **given)


FORMS: list[tuple[str, list[Reference]]] = [
    ("import app.old.talk\n", [ref(Form.IMPORT, 1, 7, "import app.old.talk")]),
    (
        "import app.old.talk as t\nt.Start()\n",
        [ref(Form.IMPORT, 1, 7, "import app.old.talk as t", symbols=("Start",), aliases=("t.Start",))],
    ),
    (
        "import app.old.talk\napp.old.talk.Start()\n",
        [ref(Form.IMPORT, 1, 7, "import app.old.talk", symbols=("Start",), aliases=("app.old.talk.Start",))],
    ),
    (
        "from app.old.talk import Start as S\n",
        [ref(Form.FROM, 1, 5, "from app.old.talk import Start as S", symbols=("Start",), aliases=("S",))],
    ),
    (
        "from app.old import talk\ntalk.LIMIT\n",
        [
            ref(
                Form.FROM_PACKAGE,
                1,
                20,
                "from app.old import talk",
                symbols=("LIMIT",),
                aliases=("talk.LIMIT",),
            )
        ],
    ),
    (
        "from .old.talk import Start\n",
        [ref(Form.FROM, 1, 5, "from .old.talk import Start", relative=True, **START)],
    ),
    (
        "from app.old.talk import *\n",
        [ref(Form.STAR, 1, 5, "from app.old.talk import *", symbols=("*",), aliases=("*",))],
    ),
    (
        "from app.old.talk import Gone\n",
        [
            ref(
                Form.FROM,
                1,
                5,
                "from app.old.talk import Gone",
                symbols=("Gone",),
                aliases=("Gone",),
                exists=False,
            )
        ],
    ),
    (
        "def f():\n    from app.old.talk import Start\n",
        [ref(Form.FROM, 2, 9, "from app.old.talk import Start", contexts=(Context.FUNCTION,), **START)],
    ),
    (
        "if TYPE_CHECKING:\n    from app.old.talk import Start\n",
        [ref(Form.FROM, 2, 9, "from app.old.talk import Start", contexts=(Context.TYPE_CHECKING,), **START)],
    ),
    (
        "try:\n    from app.old.talk import Start\nexcept ImportError:\n    Start = None\n",
        [ref(Form.FROM, 2, 9, "from app.old.talk import Start", contexts=(Context.TRY,), **START)],
    ),
    (
        "if x:\n    pass\nelse:\n    import app.old.talk\n",
        [ref(Form.IMPORT, 4, 11, "import app.old.talk", contexts=(Context.CONDITIONAL,))],
    ),
    (
        "class C:\n    import app.old.talk\n",
        [ref(Form.IMPORT, 2, 11, "import app.old.talk", contexts=(Context.CLASS,))],
    ),
    (
        'x = importlib.import_module("app.old.talk")\n',
        [ref(Form.DYNAMIC, 1, 28, 'x = importlib.import_module("app.old.talk")')],
    ),
    (
        'x = importlib.import_module(".talk", package="app.old")\n',
        [ref(Form.DYNAMIC, 1, 28, 'x = importlib.import_module(".talk", package="app.old")')],
    ),
    (
        '__import__("app.old.talk", fromlist=["Start"])\n',
        [ref(Form.DYNAMIC, 1, 11, '__import__("app.old.talk", fromlist=["Start"])', symbols=("Start",))],
    ),
    (
        'import_string("app.old.talk.Start")\n',
        [ref(Form.DYNAMIC, 1, 14, 'import_string("app.old.talk.Start")', symbols=("Start",))],
    ),
    (
        'pkgutil.resolve_name("app.old.talk:Start")\n',
        [ref(Form.DYNAMIC, 1, 21, 'pkgutil.resolve_name("app.old.talk:Start")', symbols=("Start",))],
    ),
    (
        'mock.patch("app.old.talk.Start.handle")\n',
        [ref(Form.PATCH, 1, 11, 'mock.patch("app.old.talk.Start.handle")', symbols=("Start",))],
    ),
    (
        'mocker.patch("app.old.talk.Start.gone")\n',
        [ref(Form.PATCH, 1, 13, 'mocker.patch("app.old.talk.Start.gone")', symbols=("Start",), exists=False)],
    ),
    (
        '@patch("app.old.talk.LIMIT", 1)\ndef test():\n    pass\n',
        [ref(Form.PATCH, 1, 7, '@patch("app.old.talk.LIMIT", 1)', symbols=("LIMIT",))],
    ),
    (
        'def test(monkeypatch):\n    monkeypatch.setattr("app.old.talk.Gone", 1)\n',
        [
            ref(
                *(Form.PATCH, 2, 24, 'monkeypatch.setattr("app.old.talk.Gone", 1)'),
                symbols=("Gone",),
                contexts=(Context.FUNCTION,),
                exists=False,
            )
        ],
    ),
    (
        'with patch.dict("sys.modules", {"app.old.talk": None}):\n    pass\n',
        [ref(Form.PATCH, 1, 32, 'with patch.dict("sys.modules", {"app.old.talk": None}):')],
    ),
    (
        'from app.old import talk\npatch.object(talk, "LIMIT", 1)\n',
        [
            ref(Form.FROM_PACKAGE, 1, 20, "from app.old import talk"),
            ref(Form.PATCH, 2, 13, 'patch.object(talk, "LIMIT", 1)', symbols=("LIMIT",)),
        ],
    ),
    (
        'run([python, "-c", "from app.old.talk import Start; Start()"])\n',
        [ref(Form.CODE, 1, 20, 'run([python, "-c", "from app.old.talk import Start; Start()"])', **START)],
    ),
    (
        'exec(dedent("""\n    x = 1\n    import app.old.talk\n"""))\n',
        [ref(Form.CODE, 3, 4, "import app.old.talk")],
    ),
    ('X = "app.old.talk:Start"\n', [ref(Form.STRING, 1, 5, 'X = "app.old.talk:Start"', symbols=("Start",))]),
    ('X = "app/old/talk.py"\n', [ref(Form.STRING, 1, 5, 'X = "app/old/talk.py"')]),
    ('X = (\n    "app.old"\n    ".talk"\n)\n', [ref(Form.STRING, 2, 4, '"app.old"')]),
    ('"""See app.old.talk."""\n', [ref(Form.DOCSTRING, 1, 7, '"""See app.old.talk."""')]),
    ("x = 1  # as app.old.talk\n", [ref(Form.COMMENT, 1, 12, "x = 1  # as app.old.talk")]),
    ('x = "#"  # ä app.old.talk\n', [ref(Form.COMMENT, 1, 13, 'x = "#"  # ä app.old.talk')]),
    ('"ä"; import app.old.talk\n', [ref(Form.IMPORT, 1, 12, '"ä"; import app.old.talk')]),
    ("import app.old.talk_two\nimport xapp.old.talk\nimport app.old.talk.deeper\n", []),
    ('X = ["app.old.talk_two", "my_app.old.talk", "app.old.talk.yaml", "backup/app/old/talk.py"]\n', []),
    ('x = import_module(f"app.{part}.talk")\n', []),
]


@pytest.mark.parametrize(("source", "expected"), FORMS, ids=[source.split("\n")[0] for source, _ in FORMS])
def test_a_form_is_found_as_what_it_is(source: str, expected: list[Reference], tmp_path: Path) -> None:
    """Source text to references, whole values."""
    assert found(tmp_path, {"app/use.py": source}) == expected


def test_the_canonical_side_is_found_the_same_way(tmp_path: Path) -> None:
    """Both modules in one file."""
    references = found(tmp_path, {"app/use.py": "from app.new.chat import Start\n# app.new.chat\n"})
    assert [(each.form, each.side, each.line) for each in references] == [
        (Form.FROM, Side.CANONICAL, 1),
        (Form.COMMENT, Side.CANONICAL, 2),
    ]
