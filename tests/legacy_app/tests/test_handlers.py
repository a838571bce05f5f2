"""Handlers, used without a socket."""

from typing import Any

from chat.answers import AnswerBox
from chat.connections import connections
from chat.services.websocket.message_handler import StartAgentHandler, UserMessageHandler
from chat.websocket_core.messages import read_message


async def test_a_task_is_stored(service: Any) -> None:
    """And carried out."""
    runtime = service.runtime
    user_id = await runtime.account_of(await service.login())
    websocket = AnswerBox()
    message = read_message({"type": "start_agent", "payload": {"query": "3 - 5"}})
    handler = StartAgentHandler(supervisor=runtime.supervisor, db_session_factory=runtime.session)
    connections.add(user_id, websocket)
    await handler.handle(user_id, message.payload)
    connections.remove(user_id, websocket)
    assert websocket.frames[0]["type"] == "accepted"
    await service.until_said("3 - 5 = -2")


async def test_a_message_is_stored(service: Any) -> None:
    """And answered."""
    runtime = service.runtime
    user_id = await runtime.account_of(await service.login())
    websocket = AnswerBox()
    message = read_message({"type": "user_message", "payload": {"text": "3 + 5"}})
    handler = UserMessageHandler(supervisor=runtime.supervisor, db_session_factory=runtime.session)
    await handler.handle(user_id, message.payload)
    await service.until_said("3 + 5 = 8")
