"""The service as the door for messages without a socket, and the tools that use it."""

import json
from typing import Any

from chat.answers import AnswerBox
from chat.scripts.replay import replay
from chat.services import MessageHandlerService
from chat.websocket_core.messages import read_message


async def test_the_service_finds_the_handler(service: Any) -> None:
    """By the type of the message."""
    runtime = service.runtime
    user_id = await runtime.account_of(await service.login())
    websocket = AnswerBox()
    message = read_message({"type": "start_agent", "payload": {"query": "1 + 1"}})
    door = MessageHandlerService(supervisor=runtime.supervisor, db_session_factory=runtime.session)
    await door.handle(user_id, message.payload)
    await service.until_said("1 + 1 = 2")


async def test_recorded_messages_are_sent_again(service: Any) -> None:
    """One after the other."""
    user_id = await service.runtime.account_of(await service.login())
    lines = [json.dumps({"type": "user_message", "payload": {"text": f"{n} * 2"}}) for n in (4, 5)]
    assert await replay(service.runtime, user_id, lines) == 2
    for said in ("4 * 2", "5 * 2"):
        await service.until_said(said)
