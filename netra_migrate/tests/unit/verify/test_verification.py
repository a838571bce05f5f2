"""Each condition of being done, on surveys made by hand: red with the defect, green without it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from netra_migrate.configuration import Adapter, CanonicalSide, Configuration, LegacySide
from netra_migrate.domain.handlers import Call, Clash, HandlerClass, Method, Shape
from netra_migrate.domain.references import Context, Form, Reference, Side
from netra_migrate.domain.shadow import Compared, ShadowReport, Verdict
from netra_migrate.domain.survey import Survey, Unparsable
from netra_migrate.domain.verification import Check, Ratchet, Verification
from netra_migrate.verify.verification import verify

CONFIGURATION = Configuration(
    legacy=LegacySide(module="app.old"),
    canonical=CanonicalSide(module="app.new", base="Base"),
    adapter=Adapter(to_canonical="app.bridge.AsCanonical"),
)
EMPTY = Survey(
    root=".",
    files=1,
    data_files=0,
    excluded={},
    references=(),
    handlers=(),
    calls=(),
    claims=(),
    clashes=(),
    cycles=(),
    imports={},
    legacy=(),
    canonical=(),
    unparsable=(),
)
AGENT = HandlerClass(
    path="app/new.py",
    line=1,
    module="app.new",
    name="AgentHandler",
    shape=Shape.CANONICAL,
    bases=("app.new.Base",),
    methods=(
        Method(name="handle_message", line=2, is_async=True, parameters=("user_id", "websocket", "message")),
    ),
)


def _survey(**changes: Any) -> Survey:
    return msgspec.structs.replace(EMPTY, **changes)


def _reference(form: Form, *, side: Side = Side.LEGACY, path: str = "app/user.py", **more: Any) -> Reference:
    module = "app.old" if side is Side.LEGACY else "app.new"
    return Reference(path=path, line=3, side=side, form=form, module=module, **more)


def _verify(root: Path, survey: Survey = EMPTY, **more: Any) -> Verification:
    arguments: dict[str, Any] = {"configuration": CONFIGURATION, "shadow": None, "ratchet": None, **more}
    configuration = arguments.pop("configuration")
    return verify(survey, configuration, root=root, **arguments)


def _red(verification: Verification) -> dict[str, list[str]]:
    return {
        check.name: [str(finding) for finding in check.findings if not finding.warning]
        for check in verification.checks
        if not check.ok
    }


def _warnings(verification: Verification) -> list[str]:
    return [str(each) for check in verification.checks for each in check.findings if each.warning]


def _write(root: Path, **files: str) -> None:
    for name, text in files.items():
        place = root / (name if "/" in name else name.replace("__", "/") + ".py")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def test_a_finished_migration_is_green(tmp_path: Path) -> None:
    """Nothing found, every check named once."""
    _write(
        tmp_path,
        app__new="class AgentHandler: ...\n",
        app__main="from app.new import AgentHandler\nAgentHandler()\n",
    )
    verification = _verify(tmp_path, _survey(handlers=(AGENT,)))
    assert _red(verification) == {}
    assert verification.ok
    assert [check.name for check in verification.checks] == [
        "module-gone",
        "no-references",
        "no-patches",
        "no-mentions",
        "parsable",
        "imports-resolve",
        "one-interface",
        "no-adapter",
        "no-unused-imports",
        "no-duplicate-claims",
        "reachable",
        "effectful",
        "shadow",
        "ratchet",
    ]
    assert verification.checks[-2] == Check(name="shadow", sentence="The shadow run was not given.")


@pytest.mark.parametrize(
    "left",
    [
        "app/old.py",
        "app/old.pyi",
        "app/old.pyc",
        "app/old/__init__.py",
        "app/old.cpython-311-x86_64-linux-gnu.so",
    ],
)
def test_whatever_could_still_be_imported_is_the_module(tmp_path: Path, left: str) -> None:
    """The file, a stub, a package of that name, bytecode beside, a compiled extension; a longer name is not."""
    _write(tmp_path, **{left: "", "app/older.py": "", "app/bold.py": ""})
    (finding,) = _red(_verify(tmp_path))["module-gone"]
    assert finding == f"{left.removesuffix('/__init__.py')}:1 is still there; delete it."


def test_bytecode_that_cannot_be_imported_any_more_is_a_warning(tmp_path: Path) -> None:
    """Python ignores `__pycache__` without a source; the module may also be kept on purpose."""
    (tmp_path / "app" / "__pycache__").mkdir(parents=True)
    (tmp_path / "app" / "__pycache__" / "old.cpython-311.pyc").write_bytes(b"")
    verification = _verify(tmp_path)
    assert verification.ok
    assert _warnings(verification) == [
        "app/__pycache__/old.cpython-311.pyc:1 is stale bytecode of the legacy module; delete it."
    ]
    (tmp_path / "app" / "old.py").write_text("")
    kept = msgspec.structs.replace(CONFIGURATION, legacy=LegacySide(module="app.old", keep=True))
    assert _verify(tmp_path, configuration=kept).ok


@pytest.mark.parametrize(
    ("form", "check"),
    [
        (Form.IMPORT, "no-references"),
        (Form.FROM, "no-references"),
        (Form.FROM_PACKAGE, "no-references"),
        (Form.STAR, "no-references"),
        (Form.REEXPORT, "no-references"),
        (Form.DYNAMIC, "no-references"),
        (Form.CODE, "no-references"),
        (Form.PATCH, "no-patches"),
        (Form.STRING, "no-mentions"),
        (Form.DATA, "no-mentions"),
        (Form.DOCSTRING, None),
        (Form.COMMENT, None),
    ],
)
def test_every_form_of_reference_is_found(tmp_path: Path, form: Form, check: str | None) -> None:
    """What binds, patches or configures is red; what is only said is a warning."""
    verification = _verify(tmp_path, _survey(references=(_reference(form),)))
    assert list(_red(verification)) == ([check] if check else [])
    assert all("app/user.py:3 still" in each for each in _warnings(verification))
    assert bool(_warnings(verification)) is (check is None)


def test_prose_is_a_warning_and_the_kits_own_files_are_none(tmp_path: Path) -> None:
    """`migration.toml` has to name the legacy module."""
    references = tuple(
        _reference(Form.DATA, path=path)
        for path in ("docs/how.md", "migration.toml", "sub/migration.ratchet.json")
    )
    verification = _verify(tmp_path, _survey(references=references))
    assert verification.ok
    assert _warnings(verification) == ["docs/how.md:3 still names app.old in data."]


def test_names_that_the_canonical_module_lacks_are_red(tmp_path: Path) -> None:
    """As after a rename by search and replace; under `try`, and in patches of tests, they are warnings."""
    missing = _reference(Form.FROM, side=Side.CANONICAL, symbols=("Gone",), exists=False)
    guarded = _reference(
        Form.FROM, side=Side.CANONICAL, symbols=("G",), exists=False, contexts=(Context.TRY,)
    )
    patch = _reference(Form.PATCH, side=Side.CANONICAL, symbols=("Gone",), exists=False)
    assert _red(_verify(tmp_path, _survey(references=(missing,)))) == {
        "imports-resolve": ["app/user.py:3 imports Gone from app.new, which has no such name."]
    }
    verification = _verify(tmp_path, _survey(references=(guarded, patch)))
    assert verification.ok
    assert len(_warnings(verification)) == 2


def test_unreadable_files_are_red_only_where_they_name_the_module(tmp_path: Path) -> None:
    """Nobody can say what such a file does."""
    named = Unparsable(path="a.py", line=9, reason="invalid syntax", found_by_text=(4, 7))
    other = Unparsable(path="b.py", line=2, reason="invalid syntax")
    verification = _verify(tmp_path, _survey(unparsable=(named, other)))
    assert _red(verification) == {
        "parsable": [
            "a.py:4 names the legacy module and cannot be read as Python (invalid syntax); mend or delete the file."
        ]
    }
    assert _warnings(verification) == [
        "b.py:2 cannot be read as Python (invalid syntax); mend or delete the file."
    ]


def test_classes_of_the_old_shape_are_red_also_without_a_base(tmp_path: Path) -> None:
    """A class of both shapes is an adapter besides."""
    old = HandlerClass(path="app/x.py", line=5, module="app.x", name="Duck", shape=Shape.LEGACY)
    both = HandlerClass(path="app/y.py", line=6, module="app.y", name="Bridge", shape=Shape.BOTH)
    unrelated = HandlerClass(path="app/z.py", line=7, module="app.z", name="Logs", shape=Shape.UNRELATED)
    red = _red(_verify(tmp_path, _survey(handlers=(old, both, unrelated))))
    assert red == {
        "one-interface": [
            "app/x.py:5 Duck still has handle(); give it handle_message() alone.",
            "app/y.py:6 Bridge still has handle(); give it handle_message() alone.",
        ],
        "no-adapter": ["app/y.py:6 Bridge bridges both interfaces; migrate what is behind it and delete it."],
    }


def test_calls_of_the_old_method_on_handlers_are_red(tmp_path: Path) -> None:
    """On a known handler; on what only looks like one it is a warning, and elsewhere nothing."""
    _write(tmp_path, app__main="AgentHandler\n")
    known = Call(
        path="app/r.py",
        line=1,
        column=0,
        method="handle",
        receiver="agent",
        arguments=2,
        target="app.new.AgentHandler",
    )
    likely = Call(path="app/r.py", line=2, column=0, method="handle", receiver="self.handler", arguments=2)
    other = Call(path="app/r.py", line=3, column=0, method="handle", receiver="errors", arguments=1)
    verification = _verify(tmp_path, _survey(handlers=(AGENT,), calls=(known, likely, other)))
    assert _red(verification) == {
        "one-interface": ["app/r.py:1 still calls agent.handle(); call handle_message()."]
    }
    assert _warnings(verification) == [
        "app/r.py:2 perhaps still calls self.handler.handle(); call handle_message()."
    ]


def test_a_wrapper_by_any_name_is_an_adapter(tmp_path: Path) -> None:
    """A new method that hands on to an old one with the old arguments; the same elsewhere is none."""
    _write(
        tmp_path,
        app__wrap="class W:\n"
        "    async def handle_message(self, user_id, websocket, message):\n"
        "        await self.inner.handle(user_id, payload=message.payload)\n"
        "        self.errors.handle(1)\n"
        "        return True\n"
        "    def other(self):\n"
        "        self.inner.handle(1, 2)\n",
    )
    calls = tuple(
        Call(path="app/wrap.py", line=line, column=0, method="handle", receiver="self.inner", arguments=2)
        for line in (3, 4, 7)
    )
    assert _red(_verify(tmp_path, _survey(calls=calls))) == {
        "no-adapter": [
            "app/wrap.py:3 handle_message() hands on to handle(); that is an adapter: migrate what is behind it."
        ]
    }


def test_the_configured_adapter_is_found_where_it_is_defined_imported_and_called(tmp_path: Path) -> None:
    """All three places, under any alias of its module."""
    _write(
        tmp_path,
        app__bridge="class AsCanonical: ...\n",
        app__use="from app.bridge import AsCanonical\n\nROUTES = [AsCanonical(1)]\n",
        app__free="# AsCanonical was here\n",
    )
    assert _red(_verify(tmp_path)) == {
        "no-adapter": [
            "app/bridge.py:1 the adapter AsCanonical is still here (definition); migrate what it wraps and delete it.",
            "app/use.py:1 the adapter AsCanonical is still here (import); migrate what it wraps and delete it.",
            "app/use.py:3 the adapter AsCanonical is still here (value); migrate what it wraps and delete it.",
        ]
    }


IMPORT = "from app.new import AgentHandler"


@pytest.mark.parametrize(
    "text",
    [
        IMPORT + "\nAgentHandler()\n",
        IMPORT + "\n__all__ = ['AgentHandler']\n",
        IMPORT + "\ndef f(x: 'list[AgentHandler]'): ...\n",
        IMPORT + "\ndef f() -> 'AgentHandler': ...\n",
        IMPORT + "\nfrom typing import cast\nx = cast('AgentHandler', 1)\n",
        IMPORT + " as AgentHandler\n",
        IMPORT + "  # noqa: F401 - registers itself\n",
        IMPORT + " as H\nx: 'H | None' = None\n",
    ],
)
def test_used_imports_are_green(tmp_path: Path, text: str) -> None:
    """Also where only an annotation in quotes, `__all__` or a note says so."""
    _write(tmp_path, app__user=text)
    assert "no-unused-imports" not in _red(_verify(tmp_path, _survey(references=_canonical("app/user.py"))))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (IMPORT + "\n", "AgentHandler"),
        (IMPORT + " as H\nAgentHandler = 1\n", "H"),
        (IMPORT + "\n'AgentHandler'\nAgentHandler = None\n", "AgentHandler"),
        ("def f():\n    " + IMPORT + "\n", "AgentHandler"),
    ],
)
def test_unused_imports_are_red(tmp_path: Path, text: str, name: str) -> None:
    """A string or an assignment of that name is no use."""
    _write(tmp_path, app__user=text)
    line = 2 if text.startswith("def") else 1
    references = _canonical("app/user.py", line=line)
    assert _red(_verify(tmp_path, _survey(references=references))) == {
        "no-unused-imports": [f"app/user.py:{line} imports {name} and does not use it; take it out."]
    }


def test_unused_imports_of_modules_and_of_untouched_files(tmp_path: Path) -> None:
    """`import a.b` and `from a import b` count; what the migration did not touch is a warning only."""
    _write(
        tmp_path, app__one="import app.new\n", app__two="from app import new, other\n", app____init__=IMPORT
    )
    references = (
        _reference(Form.IMPORT, side=Side.CANONICAL, path="app/one.py"),
        _reference(Form.FROM_PACKAGE, side=Side.CANONICAL, path="app/two.py"),
        *_canonical("app/__init__.py"),
    )
    survey = _survey(references=tuple(msgspec.structs.replace(each, line=1) for each in references))
    assert _red(_verify(tmp_path, survey, touched=frozenset({"app/two.py"}))) == {
        "no-unused-imports": ["app/two.py:1 imports new and does not use it; take it out."]
    }
    assert len(_red(_verify(tmp_path, survey))["no-unused-imports"]) == 2


def test_a_name_that_others_import_from_here_is_used(tmp_path: Path) -> None:
    """A shim that hands on has no other use for it."""
    _write(tmp_path, app__shim=IMPORT + "\n")
    onward = Reference(
        path="app/z.py",
        line=1,
        side=Side.CANONICAL,
        form=Form.REEXPORT,
        module="app.shim",
        symbols=("AgentHandler",),
        via=("app.shim",),
    )
    assert _verify(tmp_path, _survey(references=(*_canonical("app/shim.py"), onward))).ok


def _canonical(path: str, *, line: int = 1) -> tuple[Reference, ...]:
    reference = _reference(Form.FROM, side=Side.CANONICAL, path=path, symbols=("AgentHandler",))
    return (msgspec.structs.replace(reference, line=line),)


def test_duplicate_claims_are_red_and_those_of_tests_do_not_count(tmp_path: Path) -> None:
    """Import order would decide between two; a class name that exists twice is not a claim."""
    two = Clash(what="claim", name="start_agent", where=("app/a.py:1", "app/b.py:2"))
    tested = Clash(what="claim", name="ping", where=("app/a.py:1", "tests/test_a.py:2"))
    name = Clash(what="name", name="AgentHandler", where=("app/a.py:1", "app/b.py:2"))
    assert _red(_verify(tmp_path, _survey(clashes=(two, tested, name)))) == {
        "no-duplicate-claims": [
            "app/a.py:1 'start_agent' is claimed here and at app/b.py:2; import order decides: keep one."
        ]
    }


@pytest.mark.parametrize(
    ("files", "who"),
    [
        (
            {"app__new": "class AgentHandler: ...\n__all__ = ['AgentHandler']\n"},
            "nothing imports, registers or makes",
        ),
        (
            {"app__new": "class AgentHandler: ...\n", "tests__test_a": IMPORT + "\nAgentHandler()\n"},
            "only tests use",
        ),
        (
            {"app__new": "class AgentHandler: ...\n", "app__x": "# AgentHandler\n'AgentHandler'\n"},
            "nothing imports",
        ),
    ],
)
def test_handlers_that_nobody_uses_are_red(tmp_path: Path, files: dict[str, str], who: str) -> None:
    """Their own definition, `__all__`, comments and tests are no use."""
    _write(tmp_path, **files)
    (finding,) = _red(_verify(tmp_path, _survey(handlers=(AGENT,))))["reachable"]
    assert who in finding


@pytest.mark.parametrize(
    "files",
    [
        {"app__new": "class AgentHandler: ...\nROUTES = [AgentHandler()]\n"},
        {"app__new": "@register('start_agent')\nclass AgentHandler: ...\n"},
        {"app__new": "class Base:\n    def __init_subclass__(cls): ...\nclass AgentHandler(Base): ...\n"},
        {"app__new": "class AgentHandler: ...\n", "app__main": "import app.new\napp.new.AgentHandler()\n"},
        {"app__new": "class AgentHandler: ...\n", "app__settings": "HANDLERS = ['app.new.AgentHandler']\n"},
        {"app__new": "class AgentHandler: ...\n", "app__settings": "HANDLER = 'app.new:AgentHandler'\n"},
    ],
)
def test_handlers_that_are_used_are_green(tmp_path: Path, files: dict[str, str]) -> None:
    """Made in their module or elsewhere, decorated, registered by their base, or named in a registry."""
    _write(tmp_path, **files)
    assert _red(_verify(tmp_path, _survey(handlers=(AGENT,)))) == {}


def test_handlers_without_effect_are_red_but_for_bases_and_tests(tmp_path: Path) -> None:
    """A base says what handlers are; a test's own handler may do nothing."""
    _write(tmp_path, app__main="AgentHandler, Base, Idle, Common, Real\n")

    def handler(
        name: str, *, path: str = "app/new.py", bases: tuple[str, ...] = (), hollow: bool = True
    ) -> HandlerClass:
        method = Method(name="handle_message", line=2, is_async=True, parameters=(), hollow=hollow)
        return HandlerClass(
            path=path,
            line=1,
            module="app.new",
            name=name,
            shape=Shape.CANONICAL,
            bases=bases,
            methods=(method,),
        )

    handlers = (
        handler("Base"),
        handler("Idle", bases=("app.new.Base",)),
        handler("Shape", bases=("typing.Protocol",)),
        handler("Common"),
        handler("Real", bases=("app.new.Common",), hollow=False),
        handler("Fake", path="tests/test_x.py", bases=("app.new.Base",)),
    )
    verification = _verify(tmp_path, _survey(handlers=handlers))
    assert _red(verification) == {
        "effectful": ["app/new.py:2 Idle.handle_message() has no effect; make it do what the old one did."]
    }
    assert len(_warnings(verification)) == 1


@pytest.mark.parametrize(
    ("verdict", "ok"),
    [
        (Verdict.SAME, True),
        (Verdict.LEGACY_FAILED, True),
        (Verdict.BOTH_HOLLOW, True),
        (Verdict.HOLLOW, False),
        (Verdict.DIFFERS, False),
        (Verdict.NEW_FAILED, False),
        (Verdict.TIMEOUT, False),
        (Verdict.UNSTABLE, False),
    ],
)
def test_the_shadow_run_speaks_too(tmp_path: Path, verdict: Verdict, ok: bool) -> None:
    """What it says against a handler is red, with the line of the message."""
    compared = Compared(
        source="m.jsonl:4",
        type="ping",
        verdict=verdict,
        legacy="returned None",
        canonical="returned true",
        effects=(1, 0),
    )
    verification = _verify(tmp_path, shadow=ShadowReport(compared=(compared,)))
    finding = f"m.jsonl:4 ping: {verdict}; legacy returned None, new returned true."
    assert _red(verification) == ({} if ok else {"shadow": [finding]})
    assert bool(_warnings(verification)) is (verdict is Verdict.BOTH_HOLLOW)


def test_more_than_last_time_is_red(tmp_path: Path) -> None:
    """By form: fewer of one do not pay for more of another."""
    references = (_reference(Form.COMMENT), _reference(Form.COMMENT, path="b.py"))
    survey = _survey(references=references)
    assert _verify(tmp_path, survey, ratchet=Ratchet(counts={"comment": 2})).ok
    assert _red(_verify(tmp_path, survey, ratchet=Ratchet(counts={"comment": 1, "from": 9}))) == {
        "ratchet": ["b.py:3 comment: 2 now and 1 last time; take the new ones out again."]
    }
