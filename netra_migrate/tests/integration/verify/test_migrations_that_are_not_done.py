"""Small trees after a migration, through the real scan: one that is done, and those that only say so."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from netra_migrate.configuration import Adapter, CanonicalSide, Configuration, LegacySide
from netra_migrate.domain.verification import Verification
from netra_migrate.scan.scanning import scan
from netra_migrate.verify.ratchet import counted
from netra_migrate.verify.verification import verify

CONFIGURATION = Configuration(
    legacy=LegacySide(
        module="app.services.message_handler",
        bases=("BaseMessageHandler",),
        services=("MessageHandlerService",),
    ),
    canonical=CanonicalSide(
        module="app.core.handlers", base="BaseMessageHandler", message_class="WebSocketMessage"
    ),
    adapter=Adapter(to_canonical="app.core.bridge.LegacyAsCanonical"),
)
LEGACY = """\
from abc import ABC, abstractmethod
from typing import Any


class BaseMessageHandler(ABC):
    @abstractmethod
    async def handle(self, user_id: str, payload: dict[str, Any]) -> None: ...

    @abstractmethod
    def get_message_type(self) -> str: ...


class StartAgentHandler(BaseMessageHandler):
    def __init__(self, supervisor):
        self.supervisor = supervisor

    def get_message_type(self) -> str:
        return "start_agent"

    async def handle(self, user_id: str, payload: dict[str, Any]) -> None:
        await self.supervisor.run(user_id, payload["text"])
"""
CANONICAL = """\
from typing import Any, Protocol


class WebSocketMessage:
    def __init__(self, type: str, payload: dict[str, Any]) -> None:
        self.type = type
        self.payload = payload


class MessageHandler(Protocol):
    async def handle_message(self, user_id: str, websocket: Any, message: WebSocketMessage) -> bool: ...


class BaseMessageHandler:
    def __init__(self, supported_types: list[str]) -> None:
        self.supported_types = supported_types

    def can_handle(self, message_type: str) -> bool:
        return message_type in self.supported_types

    async def handle_message(self, user_id: str, websocket: Any, message: WebSocketMessage) -> bool:
        return False


class StartAgentHandler(BaseMessageHandler):
    def __init__(self, supervisor: Any) -> None:
        super().__init__(["start_agent"])
        self.supervisor = supervisor

    async def handle_message(self, user_id: str, websocket: Any, message: WebSocketMessage) -> bool:
        await self.supervisor.run(user_id, message.payload["text"])
        return True
"""
PING = """\
from app.core.handlers import BaseMessageHandler, WebSocketMessage


class PingHandler(BaseMessageHandler):
    def __init__(self) -> None:
        super().__init__(["ping"])

    async def handle_message(self, user_id: str, websocket, message: WebSocketMessage) -> bool:
        await websocket.send_json({"type": "pong"})
        return True
"""
ROUTER = """\
from app.core.handlers import StartAgentHandler
from app.extra.ping import PingHandler


def handlers(supervisor):
    return [StartAgentHandler(supervisor), PingHandler()]
"""
TEST = """\
from unittest import mock

from app.core.handlers import StartAgentHandler


def test_start():
    with mock.patch("app.core.handlers.StartAgentHandler"):
        assert StartAgentHandler
"""
DONE: Mapping[str, str] = {
    "app/__init__.py": "",
    "app/services/__init__.py": "",
    "app/core/__init__.py": "",
    "app/core/handlers.py": CANONICAL,
    "app/extra/__init__.py": "",
    "app/extra/ping.py": PING,
    "app/router.py": ROUTER,
    "tests/test_start.py": TEST,
}


def _verify(root: Path, changes: Mapping[str, str]) -> Verification:
    for path, text in {**DONE, **changes}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    survey = scan(CONFIGURATION, root, cache=None, jobs=1, progress=lambda _done, _total: None)
    return verify(survey, CONFIGURATION, shadow=None, ratchet=counted(survey), root=root)


def _red(verification: Verification) -> dict[str, list[str]]:
    return {
        check.name: [f"{each.path}:{each.line}" for each in check.findings if not each.warning]
        for check in verification.checks
        if not check.ok
    }


def test_a_migration_that_is_done_is_green(tmp_path: Path) -> None:
    """The ground on which the others stand: without a defect nothing is red."""
    verification = _verify(tmp_path, {})
    assert _red(verification) == {}
    assert verification.ok


def test_swapped_import_lines_alone_are_red(tmp_path: Path) -> None:
    """The class still has the old method, and the name it takes does not exist on the other side."""
    ping = (
        "from app.core.handlers import BaseMessageHandler, MessageHandlerService\n\n\n"
        "class PingHandler(BaseMessageHandler):\n"
        "    def get_message_type(self) -> str:\n"
        '        return "ping"\n\n'
        "    async def handle(self, user_id: str, payload: dict) -> None:\n"
        '        await MessageHandlerService.send(user_id, {"type": "pong"})\n'
    )
    red = _red(_verify(tmp_path, {"app/extra/ping.py": ping}))
    assert red["one-interface"] == ["app/extra/ping.py:4"]
    assert red["imports-resolve"] == ["app/extra/ping.py:1"]


def test_swapped_import_lines_are_red_also_where_every_name_exists(tmp_path: Path) -> None:
    """Nothing raises at import time then; the handler is just never called."""
    ping = (
        "from app.core.handlers import BaseMessageHandler\n\n\n"
        "class PingHandler(BaseMessageHandler):\n"
        "    async def handle(self, user_id: str, payload: dict) -> None:\n"
        '        await self.manager.send(user_id, {"type": "pong"})\n'
    )
    assert _red(_verify(tmp_path, {"app/extra/ping.py": ping}))["one-interface"] == ["app/extra/ping.py:4"]


def test_methods_that_only_log_and_return_true_are_red(tmp_path: Path) -> None:
    """The new interface is there and nothing behind it."""
    ping = PING.replace(
        '        await websocket.send_json({"type": "pong"})\n',
        '        logger.info("handling %s for %s", message.type, user_id)\n',
    ).replace("\n\n\nclass", "\nimport logging\n\nlogger = logging.getLogger(__name__)\n\n\nclass")
    assert _red(_verify(tmp_path, {"app/extra/ping.py": ping})) == {"effectful": ["app/extra/ping.py:11"]}


def test_an_adapter_left_in_place_is_red(tmp_path: Path) -> None:
    """The configured one, where it is defined, imported and called, and what it hands on to."""
    bridge = (
        "from app.core.handlers import BaseMessageHandler\n\n\n"
        "class LegacyAsCanonical(BaseMessageHandler):\n"
        "    def __init__(self, inner) -> None:\n"
        '        super().__init__(["ping"])\n'
        "        self.inner = inner\n\n"
        "    async def handle_message(self, user_id, websocket, message) -> bool:\n"
        "        await self.inner.handle(user_id, message.payload)\n"
        "        return True\n"
    )
    router = ROUTER.replace("PingHandler()]", "LegacyAsCanonical(PingHandler())]").replace(
        "\n\n\ndef", "\nfrom app.core.bridge import LegacyAsCanonical\n\n\ndef"
    )
    red = _red(_verify(tmp_path, {"app/core/bridge.py": bridge, "app/router.py": router}))
    assert red["no-adapter"] == [
        "app/core/bridge.py:4",
        "app/core/bridge.py:10",
        "app/router.py:3",
        "app/router.py:7",
    ]


def test_an_adapter_that_nobody_configured_is_red(tmp_path: Path) -> None:
    """A class with both methods, whatever it is called."""
    ping = PING + (
        "\n    async def handle(self, user_id: str, payload: dict) -> None:\n"
        '        await self.handle_message(user_id, None, WebSocketMessage("ping", payload))\n'
    )
    red = _red(_verify(tmp_path, {"app/extra/ping.py": ping}))
    assert red["no-adapter"] == ["app/extra/ping.py:4"]


def test_a_leftover_patch_string_is_red(tmp_path: Path) -> None:
    """It patches nothing that anyone uses, and breaks when the module is gone."""
    test = TEST.replace(
        "app.core.handlers.StartAgentHandler", "app.services.message_handler.StartAgentHandler"
    )
    assert _red(_verify(tmp_path, {"tests/test_start.py": test})) == {"no-patches": ["tests/test_start.py:7"]}


@pytest.mark.parametrize(
    ("changes", "red"),
    [
        (
            {"app/services/message_handler.py": LEGACY},
            {"module-gone", "one-interface", "no-duplicate-claims"},
        ),
        (
            {"app/late.py": "def f():\n    from app.services.message_handler import StartAgentHandler\n"},
            {"no-references"},
        ),
        ({"app/settings.py": 'H = {"module": "app.services.message_handler"}\n'}, {"no-mentions"}),
        ({"deploy/app.yaml": "handler: app.services.message_handler\n"}, {"no-mentions"}),
        ({"app/broken.py": "from app.services.message_handler import (\n"}, {"parsable"}),
        ({"app/unused.py": "from app.core.handlers import StartAgentHandler\n"}, {"no-unused-imports"}),
        ({"app/dead.py": PING.replace("Ping", "Dead").replace("ping", "dead")}, {"reachable"}),
    ],
)
def test_each_further_leftover_is_red(tmp_path: Path, changes: Mapping[str, str], red: set[str]) -> None:
    """One defect, on the ground of the tree that is done."""
    assert red <= set(_red(_verify(tmp_path, changes)))
