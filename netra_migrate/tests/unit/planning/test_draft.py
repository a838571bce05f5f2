from pathlib import Path

import pytest

from netra_migrate.configuration import CanonicalSide, LegacySide, Project, Validation
from netra_migrate.domain.outcomes import MigrationError
from netra_migrate.loading import load
from netra_migrate.planning.draft import WEAK, propose
from netra_migrate.tests.surveys import write_tree

OLD = """
from abc import ABC, abstractmethod
class BaseMessageHandler(ABC):
    @abstractmethod
    async def handle(self, user_id: str, payload: dict) -> None: ...
    @abstractmethod
    def get_message_type(self) -> str: ...
class StartAgentHandler(BaseMessageHandler):
    def __init__(self, supervisor, db): ...
    def get_message_type(self): return "start_agent"
    async def handle(self, user_id: str, payload: dict) -> None:
        await self.supervisor.run(payload)
class PingHandler(BaseMessageHandler):
    def get_message_type(self): return "ping"
    async def handle(self, user_id: str, payload: dict) -> None: ...
class MessageHandlerService:
    def __init__(self, supervisor):
        self.handlers = {"start_agent": StartAgentHandler(supervisor, None)}
    async def handle_message(self, user_id, message):
        await self.handlers[message["type"]].handle(user_id, message["payload"])
"""
NEW = """
from typing import Protocol
from fastapi import WebSocket
from .types import WebSocketMessage
class MessageHandler(Protocol):
    async def handle_message(self, user_id: str, websocket: WebSocket, message: WebSocketMessage) -> bool: ...
class BaseMessageHandler:
    def __init__(self, supported_types): ...
    async def handle_message(self, user_id: str, websocket: WebSocket, message: WebSocketMessage) -> bool:
        return True
class StartAgentHandler(BaseMessageHandler):
    def __init__(self, supervisor):
        super().__init__([MessageType.START_AGENT])
class PingHandler(BaseMessageHandler):
    message_types = ["ping"]
"""
TREE = {
    "app/services/old.py": OLD,
    "app/core/new.py": NEW,
    "app/main.py": "from app.core.new import PingHandler\nfrom .services.old import StartAgentHandler\n",
    "app/broken.py": "def handle(self, : class\n",
    "app/latin.py": "# coding: nonsense\nclass A:\n    def handle(self, user_id): ...\n",
    "app/other.py": "class Log:\n    def handle(self, record): ...\n",
    "tests/test_main.py": "import app.core.new\n",
}


def test_a_draft_loads_and_says_what_the_tree_shows(tmp_path: Path) -> None:
    """Without a hint: both modules, their interfaces and base classes; and the file is valid."""
    write_tree(tmp_path, TREE)
    (tmp_path / "migration.toml").write_text(propose(tmp_path))
    found = load(tmp_path / "migration.toml")
    assert found.project == Project()
    assert found.legacy == LegacySide(
        module="app.services.old", bases=("BaseMessageHandler",), services=("MessageHandlerService",)
    )
    assert found.canonical == CanonicalSide(
        module="app.core.new",
        base="BaseMessageHandler",
        message_class="app.core.types.WebSocketMessage",
        socket_class="fastapi.WebSocket",
    )
    assert found.symbols == {}
    assert found.validation == Validation(command=("python", "-m", "pytest", "-q", "--junit-xml={junit}"))


def test_undecided_symbols_stand_in_comments(tmp_path: Path) -> None:
    """With the difference, and a rule that holds once its comment signs are gone."""
    write_tree(tmp_path, TREE)
    text = propose(tmp_path)
    lines = (
        "# the constructors differ (supervisor, db → supervisor)\n"
        "# [symbols.StartAgentHandler]\n"
        '# decision = "same"\n'
        '# to = "app.core.new.StartAgentHandler"\n'
        '# drop = ["db"]\n'
    )
    assert lines in text
    assert "symbols.PingHandler" in text  # of which only the constructors differ
    assert (
        "# BaseMessageHandler.__init__ wants supported_types, which legacy handlers do not give\n"
        "# [symbols.BaseMessageHandler]\n"
        '# decision = "same"\n'
        '# to = "app.core.new.BaseMessageHandler"\n'
        '# add = { supported_types = "[self.get_message_type()]" }\n'
    ) in text
    rule = "".join(line.removeprefix("# ") + "\n" for line in lines.splitlines()[1:])
    (tmp_path / "migration.toml").write_text(text + rule)
    assert load(tmp_path / "migration.toml").symbols["StartAgentHandler"].drop == ("db",)


def test_how_messages_and_sockets_are_made_is_read_from_the_tree(tmp_path: Path) -> None:
    """The fields of the message class, its enum of types through a package, and the fixture nearest to the root."""
    write_tree(
        tmp_path,
        TREE
        | {
            "app/core/types/__init__.py": "from .wire import WebSocketMessage\n",
            "app/core/types/wire.py": (
                "from pydantic import BaseModel, Field\n"
                "from app.enums import Kind\n"
                "class WebSocketMessage(BaseModel):\n"
                "    kind: Kind\n"
                "    data: dict = Field(default_factory=dict)\n"
                "    sender: str = Field(...)\n"
                "    at: float = 0.0\n"
            ),
            "app/enums.py": "from enum import Enum\nclass Kind(str, Enum):\n    PING = 'ping'\n",
            "tests/deep/conftest.py": "import pytest\n@pytest.fixture\ndef ws(): ...\n",
            "tests/conftest.py": "import pytest\n@pytest.fixture()\ndef fake_websocket(): ...\n"
            "@pytest.fixture\ndef websocket_manager(): ...\n",
        },
    )
    text = propose(tmp_path)
    (tmp_path / "migration.toml").write_text(text)
    canonical = load(tmp_path / "migration.toml").canonical
    assert canonical.payload == "message.data"
    assert canonical.message == "{class}(kind=Kind({type}), data={payload})"
    assert canonical.imports == ("app.enums.Kind",)
    assert canonical.socket_fixture == "fake_websocket"
    assert "# TO DECIDE: the class wants more than that: sender.\n" in text
    assert "# here that of tests/conftest.py, which must be above all tests that need it;\n" in text


def test_why_is_said_and_what_nobody_can_know(tmp_path: Path) -> None:
    """A guess is shown with its reasons; the same pair the other way round is no other pair."""
    write_tree(tmp_path, TREE)
    text = propose(tmp_path)
    assert (
        "# From app.services.old to app.core.new, because:\n"
        "#   1 classes have one name in both (BaseMessageHandler)\n"
        "#   handle_message answers bool, handle answers None\n"
        "#   handle_message takes 3 arguments, handle 2\n"
    ) in text
    assert "app.core.new -> app.services.old" not in text
    assert "# TO DECIDE: no conftest.py has one; without it most calls in tests are refused;\n" in text


def test_given_modules_are_taken(tmp_path: Path) -> None:
    """Also where another pair looks more likely; the likely one is mentioned when one is guessed."""
    write_tree(
        tmp_path,
        TREE
        | {
            "app/a.py": "class X:\n    def process(self, user_id, event): ...\n",
            "app/b.py": "class X:\n    def on_event(self, user_id, event): ...\n",
        },
    )
    text = propose(tmp_path, legacy="app.a", canonical="app.b")
    assert 'module = "app.a"\nmethod = "process"\nparameters = ["user_id", "event"]' in text
    assert 'module = "app.b"\nmethod = "on_event"' in text
    assert 'payload = "event.payload"' in text
    assert "#   app.a -> app.b" in propose(tmp_path)


def test_source_folders_are_found(tmp_path: Path) -> None:
    """`src` is a root where its contents are imported without it."""
    write_tree(tmp_path, {f"src/{path}": text for path, text in TREE.items()})
    assert 'source_roots = [".", "src"]' in propose(tmp_path)
    assert 'module = "app.services.old"' in propose(tmp_path)


ALIKE = "class X:\n    def handle(self, user_id): ...\n"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {},
            "No two modules with handlers of different interfaces were found in this tree; "
            "name both with --legacy and --canonical.",
        ),
        (
            {"legacy": "app.other"},
            "No two modules with handlers of different interfaces were found for app.other; "
            "name both with --legacy and --canonical.",
        ),
        (
            {"legacy": "app.gone", "canonical": "app.other"},
            "There is no module app.gone in this tree: spell it as imports do (they start from .).",
        ),
        (
            {"legacy": "app.other", "canonical": "app.empty"},
            "app/empty.py has no class with a method that takes arguments: name another module.",
        ),
        (
            {"legacy": "app.one", "canonical": "app.two"},
            "The methods of app.one and app.two are alike, so nothing has to be migrated between them.",
        ),
    ],
)
def test_nothing_found(tmp_path: Path, given: dict[str, str], sentence: str) -> None:
    """A sentence that says what to do; never to name what was named."""
    tree = {"app/other.py": TREE["app/other.py"], "app/empty.py": "X = 1\n"}
    write_tree(tmp_path, tree | {"app/one.py": ALIKE, "app/two.py": ALIKE} if len(given) > 1 else tree)
    with pytest.raises(MigrationError) as refused:
        propose(tmp_path, legacy=given.get("legacy"), canonical=given.get("canonical"))
    assert str(refused.value) == sentence


def test_named_modules_may_call_their_method_anything(tmp_path: Path) -> None:
    """Who names both modules knows that they handle, whatever the method that their classes share is called."""
    classes = "class Char:\n    def {0}: ...\nclass Text:\n    def {0}: ...\n    def only(self, x): ...\n"
    write_tree(
        tmp_path,
        {
            "app/fields.py": classes.format("clean(self, value, instance)"),
            "app/forms.py": classes.format("clean(self, value)"),
        },
    )
    text = propose(tmp_path, legacy="app.fields", canonical="app.forms")
    assert 'module = "app.fields"\nmethod = "clean"\nparameters = ["value", "instance"]' in text
    assert 'module = "app.forms"\nmethod = "clean"\nparameters = ["value"]' in text


def test_a_weak_guess_says_so(tmp_path: Path) -> None:
    """Two modules of which nothing but a parameter is alike; the pair of the other trees is no weak one."""
    one = "class A:\n    def process_rhs(self, sql): ...\nclass B(A):\n    def process_rhs(self, sql): ...\n"
    two = "class C:\n    def process_lhs(self, sql, x): ...\nclass D(C):\n    def process_lhs(self, sql, x): ...\n"
    write_tree(tmp_path, {"app/one.py": one, "app/two.py": two})
    assert WEAK in propose(tmp_path)
    assert WEAK not in propose(tmp_path, legacy="app.one", canonical="app.two")
    write_tree(tmp_path, TREE)
    assert WEAK not in propose(tmp_path)


def test_the_tree_is_read_with_progress(tmp_path: Path) -> None:
    """Each file once, up to the number of all."""
    write_tree(tmp_path, TREE)
    told: list[tuple[int, int]] = []
    propose(tmp_path, progress=lambda done, total: told.append((done, total)))
    assert told == [(n, len(told)) for n in range(1, len(told) + 1)]
    assert len(told) == sum(path.endswith(".py") for path in TREE)
