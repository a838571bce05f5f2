import pytest

from netra_migrate.domain.handlers import Call, HandlerClass, Shape
from netra_migrate.scan.calls import read_calls, settle_calls
from netra_migrate.tests.scanning import CONFIGURATION, names, tree

KNOWN = names(H="app.old.H", G="app.old.G", logging="logging")


def read(text: str) -> tuple[Call, ...]:
    """The calls in a text."""
    return read_calls(tree(text), path="app/x.py", module="app.x", resolve=KNOWN, configuration=CONFIGURATION)


def targets(text: str) -> list[tuple[str, str | None]]:
    """Receivers as written, with the class that they are known to be."""
    return [(each.receiver, each.target) for each in read(text)]


def test_a_call_is_read_whole() -> None:
    """Where it is, of what, with how many arguments, by name or not."""
    assert read("async def f(h):\n    await h.handle(1, payload={})\n    h.other()\n") == (
        Call(path="app/x.py", line=2, column=10, method="handle", receiver="h", arguments=2),
    )


@pytest.mark.parametrize(
    "text",
    [
        "h = H(1)\nh.handle(1, 2)",
        "h: H = make()\nh.handle(1, 2)",
        "def f(h: H):\n    h.handle(1, 2)",
        "def f(h: 'H'):\n    h.handle(1, 2)",
        "def f(h: H | None = None):\n    h.handle(1, 2)",
        "def f(h: Optional[H] = None):\n    h.handle(1, 2)",
        "def f(h: Annotated[H, Depends(make)]):\n    h.handle(1, 2)",
        "def f(h):\n    if isinstance(h, H) and 1:\n        h.handle(1, 2)",
        "def f(h):\n    assert isinstance(h, H)\n    h.handle(1, 2)",
        "def f(h):\n    if not isinstance(h, H):\n        return\n    h.handle(1, 2)",
        "def f(h):\n    if h:\n        h = H()\n    h.handle(1, 2)",
        "for h in [H(), H()]:\n    h.handle(1, 2)",
        "hs = {'a': H()}\nfor h in hs.values():\n    h.handle(1, 2)",
        "hs: dict[str, H] = {}\nh = hs.get('a')\nh.handle(1, 2)",
        "hs: dict[str, H] = {}\nh = hs[key]\nh.handle(1, 2)",
        "hs = {'a': H(), 'b': G()}\nh = hs['a']\nh.handle(1, 2)",
        "def f(hs: list[H]):\n    for h in hs:\n        h.handle(1, 2)",
        "async def f():\n    h = await H()\n    async with a:\n        h.handle(1, 2)",
        "h = H()\ndef f():\n    return [h.handle(1, 2)]",
    ],
)
def test_targets_in_sight(text: str) -> None:
    """Constructors, annotations, displays of handlers, and isinstance."""
    assert targets(text) == [("h", "app.old.H")]


@pytest.mark.parametrize(
    "text",
    [
        "h.handle(1, 2)",
        "h = make()\nh.handle(1, 2)",
        "h = H()\nh = make()\nh.handle(1, 2)",
        "h = H()\ndef f(h):\n    h.handle(1, 2)",
        "hs = {'a': H(), 'b': G()}\nh = hs[key]\nh.handle(1, 2)",
        "def f(h: H | G):\n    h.handle(1, 2)",
        "def f(h: Any):\n    h.handle(1, 2)",
        "def f(h: dict[str, H]):\n    h.handle(1, 2)",
        "def f(h):\n    if isinstance(h, (H, G)):\n        h.handle(1, 2)",
        "def f(h):\n    if isinstance(h, H):\n        pass\n    h.handle(1, 2)",
        "def f(h: 'not a ('):\n    h.handle(1, 2)",
    ],
)
def test_nothing_is_guessed(text: str) -> None:
    """Where two answers are possible there is none."""
    assert targets(text) == [("h", None)]


def test_attributes_of_a_class() -> None:
    """From __init__, from annotations, in whatever order methods stand; two different ones are unknown."""
    text = """
    class Service(G):
        c: H
        async def run(self, message):
            await self.a.handle(1, 2)
            await self.b.handle(1, 2)
            await self.c.handle(1, 2)
            await self.d.handle(1, 2)
            await self.table["x"].handle(1, 2)
            await self.handle(1, 2)
            await super().handle(1, 2)
        def __init__(self, b: H):
            self.a = H()
            self.b = b
            self.d = H()
            self.table = {"x": H()}
        def change(self):
            self.a = None
            self.d = G()
    """
    assert targets(text) == [
        ("self.a", "app.old.H"),
        ("self.b", "app.old.H"),
        ("self.c", "app.old.H"),
        ("self.d", None),
        ("self.table['x']", "app.old.H"),
        ("self", "app.x.Service"),
        ("super()", "app.old.G"),
    ]


def test_loggers_are_no_candidates() -> None:
    """By what they are, and by what they are called."""
    text = """
    tracer = logging.getLogger("x")
    tracer.handle(record)
    logger.handle(record)
    class A:
        def emit(self, record: logging.LogRecord):
            self.log.handle(record)
            record.handle(1, 2)
    """
    assert targets(text) == []


def test_everywhere_in_a_file() -> None:
    """Decorators, conditions, loops, matches, handlers of exceptions, comprehensions, arguments."""
    text = """
    @a.handle(1)
    def f():
        if b.handle(1):
            pass
        elif c.handle(1):
            pass
        while d.handle(1):
            pass
        with e.handle(1) as x:
            pass
        try:
            pass
        except E:
            g.handle(1)
        match x:
            case 1 if h.handle(1):
                i.handle(1)
        return [j.handle(each) for each in k.handle(l.handle(1))]
    """
    assert sorted(receiver for receiver, _ in targets(text)) == list("abcdeghijkl")


def test_calls_on_known_strangers_are_dropped_at_the_end() -> None:
    """A class that is no handler takes its calls with it; the rest is sorted."""

    def call(path: str, target: str | None) -> Call:
        return Call(path=path, line=1, column=0, method="handle", receiver="h", arguments=1, target=target)

    stranger = HandlerClass(path="x.py", line=1, module="x", name="Hook", shape=Shape.UNRELATED)
    found = settle_calls([call("b.py", "x.Hook"), call("b.py", None), call("a.py", "y.H")], [stranger])
    assert found == (call("a.py", "y.H"), call("b.py", None))
