import msgspec
import pytest

from netra_migrate.configuration import LegacySide
from netra_migrate.domain.handlers import Claim, HandlerClass, Method, Shape
from netra_migrate.scan.handlers import read_handlers, registrations, settle
from netra_migrate.tests.scanning import CONFIGURATION, names, tree


def read(text: str, *, module: str = "app.x", **known: str) -> tuple[HandlerClass, ...]:
    """The classes of a text, unsettled."""
    path = module.replace(".", "/") + ".py"
    return read_handlers(
        tree(text), path=path, module=module, resolve=names(**known), configuration=CONFIGURATION
    )


def shapes(text: str, **known: str) -> dict[str, Shape]:
    """The shapes of the classes that are left once settled."""
    return {each.name: each.shape for each in settle(read(text, **known))}


def test_a_legacy_handler_is_read_whole() -> None:
    """Everything that the scan says of one class."""
    found = read(
        """
        class StartAgentHandler(BaseMessageHandler):
            def __init__(self, supervisor, *, db_session_factory=None): ...

            def get_message_type(self) -> str:
                return "start_agent"

            async def handle(self, user_id: str, payload: dict[str, Any]) -> None:
                await self.supervisor.run(payload)
        """,
        BaseMessageHandler="app.old.BaseMessageHandler",
    )
    assert found == (
        HandlerClass(
            path="app/x.py",
            line=2,
            module="app.x",
            name="StartAgentHandler",
            shape=Shape.LEGACY,
            bases=("app.old.BaseMessageHandler",),
            constructor=("supervisor", "db_session_factory"),
            methods=(
                Method(
                    name="__init__",
                    line=3,
                    is_async=False,
                    parameters=("supervisor", "db_session_factory"),
                    hollow=True,
                ),
                Method(
                    name="handle", line=8, is_async=True, parameters=("user_id", "payload"), returns="None"
                ),
            ),
            message_types=("start_agent",),
        ),
    )


@pytest.mark.parametrize(
    "method",
    [
        "async def handle(self, user_id, payload): ...",
        "def handle(self, user_id, payload): ...",
        "async def handle(self, _user_id: int, _payload): ...",
        "async def handle(self, user_id, payload, context=None): ...",
        "async def handle(self, user_id, data): ...",
        "async def handle(self, user_id, *rest): ...",
        "async def handle(self, *, user_id, payload): ...",
        "@staticmethod\n    async def handle(user_id, payload): ...",
    ],
)
def test_legacy_by_signature_alone(method: str) -> None:
    """No base class is needed where the parameters mean the same."""
    assert shapes(f"class H:\n    {method}\n") == {"H": Shape.LEGACY}


@pytest.mark.parametrize(
    "method",
    [
        "def handle(self, record): ...",
        "def handle(self, request): ...",
        "def handle(self, request, client_address): ...",
        "def handle(self, *args, **options): ...",
        "def handle(self, user_id, payload, context): ...",
        "def handle(self, user_id, payload, *, context): ...",
        "def handle(self): ...",
        "async def handle_message(self, message): ...",
        "async def handle_message(self, a, b, c): ...",
    ],
)
def test_something_else_of_that_name_is_unrelated(method: str) -> None:
    """Logging, HTTP, management commands: the same name for another thing."""
    assert shapes(f"class H(Other):\n    {method}\n", Other="logging.Handler") == {"H": Shape.UNRELATED}


def test_claimed_types_make_up_for_other_names() -> None:
    """Two parameters of any name, if the class claims message types."""
    text = """
    class H:
        message_types = ["ping"]
        async def handle(self, who, what): ...
    """
    assert shapes(text) == {"H": Shape.LEGACY}


def test_canonical_and_both() -> None:
    """A class half migrated, and adapters, have both methods."""
    text = """
    class New:
        async def handle_message(self, user_id, websocket, message): ...
    class Half(New):
        async def handle(self, user_id, payload): ...
    """
    assert shapes(text) == {"New": Shape.CANONICAL, "Half": Shape.BOTH}


def test_services_dispatch() -> None:
    """Whoever holds handlers and picks one for each message; an adapter holds one and does not."""
    text = """
    class ByTable:
        def __init__(self):
            self.handlers = {"a": AHandler(), "b": BHandler()}
        async def handle_message(self, user_id, message):
            await self.handlers[message["type"]].handle(user_id, message["payload"])
    class ByBranch:
        async def process(self, user_id, message):
            if message["type"] == "a":
                await self.a.handle(user_id, message)
            else:
                await self.b.handle(user_id, message)
    class Adapter:
        async def handle_message(self, user_id, websocket, message):
            if self.old:
                await self.old.handle(user_id, message.payload)
            return await self.new.handle_message(user_id, websocket, message)
    class Logs:
        def emit_all(self, a, b):
            self.handlers = []
            self.logger.handle(a, b)
            self.handle(a, b)
    """
    assert shapes(text) == {
        "ByTable": Shape.SERVICE,
        "ByBranch": Shape.SERVICE,
        "Adapter": Shape.CANONICAL,
    }


def test_a_service_named_in_the_configuration() -> None:
    """A name in legacy.services needs no proof in the legacy module, and says nothing elsewhere."""
    configuration = msgspec.structs.replace(
        CONFIGURATION, legacy=LegacySide(module="app.old", services=("Hub",))
    )
    text = tree("class Hub:\n    async def handle(self, user_id, payload): ...\n")
    found = {
        module: [
            each.shape
            for each in read_handlers(
                text, path="x.py", module=module, resolve=names(), configuration=configuration
            )
        ]
        for module in ("app.old", "app.other")
    }
    assert found == {"app.old": [Shape.SERVICE], "app.other": [Shape.LEGACY]}


def test_nested_classes_have_qualified_names() -> None:
    """In classes, in functions, under conditions."""
    text = """
    class Outer:
        class Inner:
            def handle(self, user_id, payload): ...
    def make():
        class Local(Outer.Inner): ...
    try:
        pass
    except ImportError:
        class Spare:
            def handle(self, user_id, payload): ...
    """
    assert shapes(text) == {
        "Outer.Inner": Shape.LEGACY,
        "make.<locals>.Local": Shape.LEGACY,
        "Spare": Shape.LEGACY,
    }


def test_shapes_are_inherited_across_files() -> None:
    """Also by a class that overrides nothing, through one in between; what inherits nothing is dropped."""
    old = read(
        "class Base:\n    def __init__(self, hub): ...\n    async def handle(self, user_id, payload): ...\n",
        module="app.old",
    )
    middle = read("class Middle(Base): ...\n", module="app.middle", Base="app.old.Base")
    leaf = read(
        "class Leaf(Middle):\n    def __init__(self): ...\nclass Other(Thing): ...\n",
        module="app.leaf",
        Middle="app.middle.Middle",
        Thing="app.things.Thing",
    )
    found = settle([*leaf, *old, *middle])
    assert [(each.module, each.name, each.shape, each.constructor) for each in found] == [
        ("app.leaf", "Leaf", Shape.LEGACY, ()),
        ("app.middle", "Middle", Shape.LEGACY, ("hub",)),
        ("app.old", "Base", Shape.LEGACY, ("hub",)),
    ]


def test_classes_that_inherit_from_each_other_do_not_hang() -> None:
    """Broken code is read as well."""
    assert shapes("class A(B):\n    def handle(self): ...\nclass B(A): ...\n") == {"A": Shape.UNRELATED}


def test_a_third_class_of_a_handlers_name_is_kept() -> None:
    """Whatever it does: that it has the name is what the scan has to say."""
    old = read("class StartHandler:\n    def handle(self, user_id, payload): ...\n", module="app.old")
    third = read("class StartHandler:\n    def run(self): ...\n", module="app.third")
    assert [each.shape for each in settle([*old, *third])] == [Shape.LEGACY, Shape.UNRELATED]


def test_bases_of_the_configuration_and_of_dataclasses() -> None:
    """A subclass of canonical.base is canonical by itself; a dataclass's fields are its constructor."""
    found = read(
        """
        @dataclass(frozen=True)
        class Mine(BaseHandler):
            hub: Hub
            size: int = 3
            count: ClassVar[int] = 0
        """,
        BaseHandler="app.new.BaseHandler",
    )
    assert [(each.shape, each.constructor) for each in found] == [(Shape.CANONICAL, ("hub", "size"))]


@pytest.mark.parametrize(
    ("body", "types"),
    [
        ('def get_message_type(self):\n        return "a"', ("a",)),
        ("def get_message_type(self):\n        return MessageType.START_AGENT", ("start_agent",)),
        ("def get_message_type(self):\n        return Kind.START.value", ("start!",)),
        ('supported_types = ("a", Kind.START)', ("a", "start!")),
        ('message_types: ClassVar = frozenset({"a", "b"})', ("a", "b")),
        ("def __init__(self):\n        super().__init__([MessageType.A, MessageType.B])", ("a", "b")),
        ("def __init__(self):\n        super().__init__('name of it')", ()),
        ("def __init__(self, types=('a',)):\n        super().__init__(types)", ("a",)),
        ("def __init__(self, types=frozenset(('a',))):\n        super().__init__(types)", ("a",)),
        ("def __init__(self, late=settings.flag('operators', 'late')):\n        pass", ()),
        ("def __init__(self):\n        self.supported_types = ['a']", ("a",)),
        ('def can_handle(self, t):\n        return t == "a" or t in ("b", Kind.STOP)', ("a", "b", "stop")),
        ("@property\n    def message_type(self):\n        return 'a'", ("a",)),
    ],
)
def test_message_types_in_every_form(body: str, types: tuple[str, ...]) -> None:
    """Literals, members of enums of the file by value, of others by name in lower case."""
    text = f"""
class Kind(StrEnum):
    START = "start!"
    STOP = auto()
class H:
    {body}
    def handle(self, user_id, payload): ...
"""
    assert [each.message_types for each in read(text)] == [types]


def test_message_types_by_decorator_and_registration() -> None:
    """Said of a class from outside it, in the same file."""
    text = """
    @handles("a")
    class H:
        def handle(self, user_id, payload): ...
    register("b", H)
    handlers = {"c": H(), "d": Elsewhere()}
    handlers["e"] = H
    """
    assert [each.message_types for each in read(text)] == [("a", "b", "c", "e")]
    assert registrations(
        tree(text), path="app/x.py", module="app.x", resolve=names(Elsewhere="app.y.Elsewhere")
    ) == tuple(
        Claim(message_type=message_type, handler=handler, path="app/x.py", line=line)
        for message_type, handler, line in [
            ("b", "app.x.H", 5),
            ("c", "app.x.H", 6),
            ("d", "app.y.Elsewhere", 6),
            ("e", "app.x.H", 7),
        ]
    )
