from pathlib import Path

import pytest

from netra_migrate.configuration import CanonicalSide, LegacySide, Project, Validation
from netra_migrate.domain.outcomes import MigrationError
from netra_migrate.loading import load
from netra_migrate.planning.draft import propose
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
        '# decision = "renamed"\n'
        '# to = "app.core.new.StartAgentHandler"\n'
        '# drop = ["db"]\n'
    )
    assert lines in text
    assert "symbols.PingHandler" in text  # of which only the constructors differ
    assert "symbols.BaseMessageHandler" not in text
    rule = "".join(line.removeprefix("# ") + "\n" for line in lines.splitlines()[1:])
    (tmp_path / "migration.toml").write_text(text + rule)
    assert load(tmp_path / "migration.toml").symbols["StartAgentHandler"].drop == ("db",)


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


@pytest.mark.parametrize(
    ("given", "named"),
    [({}, "in this tree"), ({"legacy": "app.a", "canonical": "app.b"}, "for app.a and app.b")],
)
def test_nothing_found(tmp_path: Path, given: dict[str, str], named: str) -> None:
    """A sentence that says what to do."""
    write_tree(tmp_path, {"app/other.py": TREE["app/other.py"]})
    with pytest.raises(MigrationError) as refused:
        propose(tmp_path, **given)
    assert str(refused.value) == (
        f"No two modules with handlers of different interfaces were found {named}; "
        "name both with --legacy and --canonical."
    )
