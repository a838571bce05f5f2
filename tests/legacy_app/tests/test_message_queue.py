"""Messages from programs without a socket."""

from typing import Any

import pytest

from chat.services.message_queue import QueuedMessageHandler, QueueWorker


async def send(service: Any, token: str, text: str) -> None:
    """Queue a message, as a program does."""
    body = {"type": "user_message", "payload": {"text": text}}
    await service.request(token, "POST", "/chat/messages", json=body)


async def test_a_queued_message_is_answered(service: Any) -> None:
    """As if it had come over a socket."""
    await send(service, await service.login(), "2 + 2")
    await service.until_said("2 + 2 = 4")


async def test_the_quota_holds(service: Any) -> None:
    """The fourth message of the day is not taken; that of another user is."""
    token = await service.login()
    for number in range(4):
        await send(service, token, f"Number {number}")
    await send(service, await service.login(), "Somebody else")
    await service.until_said("You said: Somebody else")
    await service.until_said("You said: Number 2")
    assert "Number 3" not in await service.said()


async def test_a_long_text_is_not_taken(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is."""
    monkeypatch.setattr("chat.services.websocket.message_handler.MAX_TEXT_LENGTH", 10)
    token = await service.login()
    await send(service, token, "Much too long")
    await send(service, token, "Short")
    await service.until_said("You said: Short")
    assert "Much too long" not in await service.said()


async def test_nothing_without_a_text_is_counted(service: Any) -> None:
    """The worker goes on, and the user has as many messages left as before."""
    user_id = await service.runtime.account_of(await service.login())
    worker = QueueWorker(service.runtime)
    assert isinstance(worker.handler, QueuedMessageHandler)
    await worker.deliver({"user_id": user_id, "frame": {"type": "user_message", "payload": {}}})
    for number in range(3):
        frame = {"type": "user_message", "payload": {"text": f"{number} + 1"}}
        await worker.deliver({"user_id": user_id, "frame": frame})
    await service.until_said("2 + 1 = 3")
