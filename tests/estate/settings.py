"""What a team would add to its tree for the migration: `migration.toml` and a test of each importer.

`migration.toml` names both modules and is no reference: it is the kit's own file.
"""

MIGRATION = """\
[project]
source_roots = [".", "libs"]

[legacy]
module = "app.services.websocket.message_handler"
services = ["MessageHandlerService"]

[canonical]
module = "app.websocket_core.handlers"
base = "BaseMessageHandler"
message_class = "app.websocket_core.types.WebSocketMessage"

[symbols.BaseMessageHandler]
decision = "same"
reason = "Handlers are adapted by the rewrite itself."

[symbols.StartAgentHandler]
decision = "same"
drop = ["db_session_factory"]
reason = "The new one needs no session."

[symbols.UserMessageHandler]
decision = "same"
drop = ["db_session_factory"]
reason = "The new one needs no session."

[symbols.ThreadHistoryHandler]
decision = "same"
rename = { db_session_factory = "store" }
reason = "The store takes the factory's place."

[symbols.StopAgentHandler]
decision = "same"
reason = "The same constructor."

[symbols.MessageHandlerService]
decision = "renamed"
to = "app.websocket_core.handlers.MessageRouter"
drop = ["supervisor", "db_session_factory"]
reason = "The router is the service now."

[symbols.create_service]
decision = "renamed"
to = "app.websocket_core.handlers.create_router"
drop = ["supervisor", "db_session_factory"]
reason = "The router is the service now."

[symbols.logger]
decision = "same"

[validation]
command = [
    "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml={junit}",
    "tests/unit/test_importers.py", "tests/unit/test_start_agent.py", "tests/unit/test_patches.py",
    "tests/unit/test_monkeypatch.py", "tests/unit/test_subprocess.py", "tests/integration/test_service.py",
]
timeout_s = 120
"""
IMPORTER_TESTS = '''\
"""Every importer can be imported and says who it is."""

import importlib

import pytest

IMPORTERS = [
NAMES_HERE
]


@pytest.mark.parametrize("name", IMPORTERS)
def test_it_can_be_imported(name: str) -> None:
    assert importlib.import_module(name).describe()
'''
