import msgspec

from netra_migrate.configuration import SymbolRule
from netra_migrate.domain.references import Context, Form, Reference
from netra_migrate.domain.rewriting import Decisions
from netra_migrate.planning.decisions import decisions
from netra_migrate.planning.plan import plan
from netra_migrate.tests.scanning import CONFIGURATION
from netra_migrate.tests.surveys import survey, uses

RULED = msgspec.structs.replace(
    CONFIGURATION, symbols={"Start": SymbolRule(to="StartRun"), "make": SymbolRule(to="LIMIT")}
)


def decide(*references: Reference) -> Decisions:
    """The decisions for a tree with these references."""
    seen = survey(*references)
    return decisions(seen, plan(seen, RULED), RULED)


def test_targets_by_symbol_and_the_module_itself() -> None:
    """All that the plan says, and the legacy module with every name it has or is asked for."""
    made = decide(uses("app/a.py", "Gone"))
    assert set(made.targets) == {"BaseMessageHandler", "Start", "Ping", "make", "LIMIT", "Gone"}
    assert made.modules == {"app.old": {name: name for name in sorted(made.targets)}}


def test_chains_of_modules_with_other_names() -> None:
    """Through shims that rename, in whatever order they are found; only what others take from them."""
    made = decide(
        uses("app/a_inner.py", "Start", alias="Begin"),
        uses("app/a_inner.py", "Ping"),
        uses("app/outer/__init__.py", "Begin", form=Form.REEXPORT, module="app.a_inner", alias="First"),
        uses("app/user.py", "First", form=Form.REEXPORT, module="app.outer", via=("app.a_inner",)),
    )
    assert {name: dict(made.modules[name]) for name in made.modules if name != "app.old"} == {
        "app.a_inner": {"Begin": "Start"},
        "app.outer": {"First": "Start"},
    }


def test_stars_and_whole_modules_take_everything() -> None:
    """A star in a shim hands on all that the module has; `import app.shim` may take any of it."""
    made = decide(
        uses("app/shim.py", "*", form=Form.STAR),
        uses("app/user.py", form=Form.FROM_PACKAGE, module="app.shim"),
    )
    assert dict(made.modules["app.shim"]) == dict(made.modules["app.old"])


def test_what_a_module_keeps_for_itself_is_not_handed_on() -> None:
    """Nor what is bound inside its functions, nor what is only spoken of."""
    made = decide(
        uses("app/a.py", "Start"),
        uses("app/b.py", "Start", contexts=(Context.FUNCTION,)),
        uses("tests/test_b.py", "Start", form=Form.PATCH, module="app.b"),
        uses("app/c.py", "Start"),
        uses("app/d.py", "Start", form=Form.COMMENT, module="app.c"),
    )
    assert set(made.modules) == {"app.old"}


def test_patches_of_a_name_in_another_module() -> None:
    """The name is taken from that module, and stays there."""
    made = decide(
        uses("app/a.py", "Start"), uses("tests/test_a.py", "Start.handle", form=Form.PATCH, module="app.a")
    )
    assert dict(made.modules["app.a"]) == {"Start": "Start"}
    assert "app.a.Start" in made.importable


def test_names_for_patch_strings() -> None:
    """The canonical module's names and methods, and the targets; not those of the legacy module."""
    assert decide().importable == {
        "app.new",
        "app.new.BaseHandler",
        "app.new.BaseHandler.handle_message",
        "app.new.LIMIT",
        "app.new.Ping",
        "app.new.Ping.handle_message",
        "app.new.Start",
        "app.new.Start.handle_message",
        "app.new.StartRun",
        "app.new.StartRun.handle_message",
    }
