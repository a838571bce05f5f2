"""A realistic service with a defect of each kind, its importers and its tests, migrated as a whole."""

import logging
from types import SimpleNamespace
from typing import Optional

from netra_migrate.domain.rewriting import Rewritten
from netra_migrate.rewrite import rewrite
from netra_migrate.tests.unit.rewrite.subject import CANONICAL, CONFIGURATION, DECISIONS, LEGACY

_HANDLERS = f'''\
"""Handlers of the feature."""
import logging
from typing import Any, Dict, Optional

from {LEGACY} import (
    BaseMessageHandler,
    UserMessageHandler,  # takes what is left
)

logger = logging.getLogger(__name__)


class FeedbackHandler(BaseMessageHandler):
    """Keeps feedback."""

    def __init__(self, supervisor: Any, factory: Any) -> None:
        self.supervisor = supervisor
        self.factory = factory
        self.fallback = UserMessageHandler(supervisor, factory)

    def get_message_type(self) -> str:
        return "feedback"

    async def handle(self, user_id: str, payload: Dict[str, Any]) -> None:
        """Keep it, or hand it on."""
        try:
            text: Optional[str] = payload.get("text")
            if not text:
                logger.error("no text from %s", user_id)
                await self.supervisor.send_error(user_id, "no text")
                return
            if text.startswith("/"):
                await self.fallback.handle(user_id, payload)
                return
            async with self.factory() as session:
                await session.add(user_id, text)
        except Exception as error:
            logger.exception("feedback", exc_info=error)
            await self.supervisor.send_error(user_id, "feedback failed")
'''

_MIGRATED = f'''\
"""Handlers of the feature."""
import logging
from typing import Any, Optional

from {CANONICAL} import (
    BaseMessageHandler,
    UserMessageHandler,  # takes what is left
    WebSocketMessage,
)
from fastapi import WebSocket

logger = logging.getLogger(__name__)


class FeedbackHandler(BaseMessageHandler):
    """Keeps feedback."""

    def __init__(self, supervisor: Any, factory: Any) -> None:
        self.supervisor = supervisor
        self.factory = factory
        self.fallback = UserMessageHandler(supervisor, factory)

    def get_message_type(self) -> str:
        return "feedback"

    async def handle_message(self, user_id: str, websocket: WebSocket, message: WebSocketMessage) -> bool:
        """Keep it, or hand it on."""
        payload = message.payload
        try:
            text: Optional[str] = payload.get("text")
            if not text:
                logger.error("no text from %s", user_id)
                await self.supervisor.send_error(user_id, "no text")
                return False
            if text.startswith("/"):
                if not await self.fallback.handle_message(user_id, websocket, message):
                    return False
                return True
            async with self.factory() as session:
                await session.add(user_id, text)
        except Exception as error:
            logger.exception("feedback", exc_info=error)
            await self.supervisor.send_error(user_id, "feedback failed")
            return False
        return True
'''


def _run(text: str) -> Rewritten:
    result = rewrite(
        text.encode(), path="app/f.py", module="app.f", decisions=DECISIONS, configuration=CONFIGURATION
    )
    assert isinstance(result, Rewritten), result
    return result


def test_a_module_of_handlers_is_migrated_as_a_whole() -> None:
    """Imports, base, signature, returns and calls at once; nothing unused stays."""
    result = _run(_HANDLERS)

    assert result.content.decode() == _MIGRATED
    assert {each.kind for each in result.changes} == {"import", "method", "return", "call"}


async def _ask(text: str) -> list[object]:
    """What the migrated handler answers to four messages, with plain objects around it."""
    done: list[object] = []

    class Session:
        async def __aenter__(self) -> "Session":
            return self

        async def __aexit__(self, *_: object) -> None:
            return None

        async def add(self, user_id: str, text: str) -> None:
            done.append((user_id, text))
            if text == "full":
                raise OSError

    async def send_error(user_id: str, text: str) -> None:
        done.append((user_id, text))

    class Fallback:
        def __init__(self, *_: object) -> None: ...

        async def handle_message(self, user_id: str, _socket: object, message: "Message") -> bool:
            return message.payload["text"] != "/no"

    class Message:
        def __init__(self, **payload: str) -> None:
            self.payload = payload

    code = text.partition(")\nfrom fastapi import WebSocket\n")[2]
    names: dict[str, object] = {
        "logging": logging,
        "Any": object,
        "Optional": Optional,
        "WebSocket": object,
        "WebSocketMessage": Message,
        "BaseMessageHandler": object,
        "UserMessageHandler": Fallback,
        "__name__": "x",
    }
    exec(compile(code, "migrated", "exec"), names)  # noqa: S102  # the subject is code that this test wrote
    handler = names["FeedbackHandler"](SimpleNamespace(send_error=send_error), Session)  # type: ignore[operator]  # made by exec
    texts = ("", "good", "full", "/yes", "/no")
    return [await handler.handle_message("u", None, Message(text=each)) for each in texts]


async def test_what_is_migrated_behaves() -> None:
    """False where the legacy one gave up or was told of failure, True where it came to its end."""
    assert await _ask(_run(_HANDLERS).content.decode()) == [False, True, False, True, False]


def test_a_large_file_keeps_its_size_and_its_other_lines() -> None:
    """Seven hundred lines with many handlers: each is migrated, and every other line is the same."""
    body = _HANDLERS.partition("class FeedbackHandler")[2]
    many = _HANDLERS + "".join(f"\n\nclass Feedback{index}Handler{body}" for index in range(20))

    text = _run(many).content.decode()

    assert text.count("async def handle_message(") == 21
    assert text.count("async def handle(") == 0
    kept = [line for line in many.splitlines() if "logger" in line or "session" in line]
    assert [line for line in text.splitlines() if "logger" in line or "session" in line] == kept
