import pytest

from netra_migrate.domain.survey import Symbol
from netra_migrate.scan.symbols import exported, module_symbols
from netra_migrate.tests.scanning import names, tree


def read(text: str) -> tuple[Symbol, ...]:
    """The public names of a text."""
    return module_symbols(
        tree(text), module="app.old", resolve=names(Message="app.schemas.Message", json="json")
    )


def test_all_kinds_of_names() -> None:
    """In the order of the text, private ones too, for importers take them; not Python's own."""
    text = """
    from __future__ import annotations
    import json
    from app.schemas import Message
    LIMIT = 3
    A, B = 1, 2
    kept: int = 0
    _private = 1
    _exported = 1
    __version__ = "1"
    def make(supervisor, *, db=None): ...
    class _Base:
        def __init__(self, hub): ...
    class Start(_Base):
        def get_message_type(self): return "start_agent"
    class Stop(Message): ...
    try:
        import fast
    except ImportError:
        fast = None
    register("stop_agent", Stop)
    __all__ = ["Start", "_exported"]
    """
    assert read(text) == (
        Symbol(name="json", kind="import", line=3, bases=("json",)),
        Symbol(name="Message", kind="import", line=4, bases=("app.schemas.Message",)),
        Symbol(name="LIMIT", kind="value", line=5),
        Symbol(name="A", kind="value", line=6),
        Symbol(name="B", kind="value", line=6),
        Symbol(name="kept", kind="value", line=7),
        Symbol(name="_private", kind="value", line=8),
        Symbol(name="_exported", kind="value", line=9),
        Symbol(name="make", kind="function", line=11, constructor=("supervisor", "db")),
        Symbol(
            name="_Base",
            kind="class",
            line=12,
            constructor=("hub",),
            required=("hub",),
            members=("__init__",),
            closed=True,
        ),
        Symbol(
            name="Start",
            kind="class",
            line=14,
            bases=("app.old._Base",),
            constructor=("hub",),
            message_types=("start_agent",),
            required=("hub",),
            members=("__init__", "get_message_type"),
            closed=True,
        ),
        Symbol(
            name="Stop", kind="class", line=16, bases=("app.schemas.Message",), message_types=("stop_agent",)
        ),
        Symbol(name="fast", kind="value", line=20),
    )


def test_what_instances_have() -> None:
    """Methods, attributes of class and `self`, what bases here have; closed unless a base is from elsewhere."""
    text = """
    class Base:
        types: list = []
        def __init__(self, a, b=1, *, c, d=2):
            self.a, self.b = a, b
    class Own(Base, ABC):
        name = "own"
        def run(self): self.count: int = 0
    class Far(Message): ...
    class Open:
        def __getattr__(self, name): ...
    """
    found = {each.name: each for each in read(text)}
    assert found["Own"].members == ("__init__", "a", "b", "count", "name", "run", "types")
    assert found["Own"].required == ("a", "c")
    assert {name: each.closed for name, each in found.items()} == {
        "Base": True,
        "Own": True,
        "Far": False,
        "Open": False,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1", None),
        ("__all__ = []", ()),
        ("__all__: list[str] = ['a']\n__all__ += ['b']", ("a", "b")),
        ("__all__ = ['a', *other.__all__]", ("a",)),
    ],
)
def test_exported(text: str, expected: tuple[str, ...] | None) -> None:
    """As far as it is written out."""
    assert exported(tree(text)) == expected


def test_classes_that_inherit_from_each_other_do_not_hang() -> None:
    """Nobody knows their constructor."""
    assert [each.constructor for each in read("class A(B): ...\nclass B(A): ...\n")] == [(), ()]
