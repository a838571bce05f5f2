from netra_migrate.domain.handlers import Claim, Clash, HandlerClass, Shape
from netra_migrate.domain.references import Form, Reference, Side
from netra_migrate.scan.claims import claims, clashes
from netra_migrate.tests.scanning import CONFIGURATION


def handler(module: str, name: str, *types: str, shape: Shape = Shape.LEGACY, line: int = 1) -> HandlerClass:
    """A class in the file of its module."""
    return HandlerClass(
        path=module.replace(".", "/") + ".py",
        line=line,
        module=module,
        name=name,
        shape=shape,
        message_types=types,
    )


def reference(path: str, line: int, side: Side, name: str, alias: str | None = None) -> Reference:
    """An import of one name."""
    return Reference(
        path=path,
        line=line,
        side=side,
        form=Form.FROM,
        module=f"app.{side}",
        symbols=(name,),
        aliases=(alias or name,),
    )


def test_claims_of_handlers_and_registrations() -> None:
    """Services and strangers claim nothing; what a handler says itself counts before a registration."""
    found = claims(
        [
            handler("app.old", "A", "x", "y"),
            handler("app.old", "Hub", "x", shape=Shape.SERVICE),
            handler("app.web", "View", "x", shape=Shape.UNRELATED),
        ],
        registered=[
            Claim(message_type="x", handler="app.old.A", path="app/hub.py", line=7),
            Claim(message_type="z", handler="app.old.A", path="app/hub.py", line=8),
            Claim(message_type="z", handler="app.web.View", path="app/hub.py", line=9),
        ],
    )
    assert found == (
        Claim(message_type="x", handler="app.old.A", path="app/old.py", line=1),
        Claim(message_type="y", handler="app.old.A", path="app/old.py", line=1),
        Claim(message_type="z", handler="app.old.A", path="app/hub.py", line=8),
    )


def test_two_handlers_of_one_type_clash() -> None:
    """But not a handler with itself, nor with a test's own."""
    found = [
        handler("app.old", "A", "x", "y"),
        handler("app.new", "B", "x", line=9),
        handler("tests.test_a", "Fake", "y"),
    ]
    assert clashes(found, claims(found), configuration=CONFIGURATION) == (
        Clash(what="claim", name="x", where=("app/new.py:9", "app/old.py:1")),
    )


def test_classes_of_one_name_clash() -> None:
    """On both sides, and a third implementation wherever it is; not two outside of both modules."""
    found = [
        handler("app.old", "Start"),
        handler("app.new", "Start", shape=Shape.CANONICAL),
        handler("app.third", "Start", shape=Shape.UNRELATED),
        handler("app.a", "Other"),
        handler("app.b", "Other"),
        handler("tests.conftest", "Start"),
    ]
    assert clashes(found, (), configuration=CONFIGURATION) == (
        Clash(what="name", name="Start", where=("app/new.py:1", "app/old.py:1", "app/third.py:1")),
    )


def test_a_name_from_both_modules_in_one_file_clashes() -> None:
    """By the name that it has there: an alias avoids the clash or makes one."""
    references = [
        reference("a.py", 1, Side.LEGACY, "Start"),
        reference("a.py", 2, Side.CANONICAL, "Start"),
        reference("b.py", 1, Side.LEGACY, "Start"),
        reference("b.py", 2, Side.CANONICAL, "Start", "NewStart"),
        reference("c.py", 1, Side.LEGACY, "Old", "X"),
        reference("c.py", 2, Side.CANONICAL, "X"),
        reference("d.py", 1, Side.LEGACY, "Start"),
        reference("e.py", 1, Side.CANONICAL, "Start"),
    ]
    assert clashes((), (), configuration=CONFIGURATION, references=references) == (
        Clash(what="shadow", name="Start", where=("a.py:1", "a.py:2")),
        Clash(what="shadow", name="X", where=("c.py:1", "c.py:2")),
    )
