"""The queue of messages from programs: a list in Redis, and the worker that empties it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from chat.answers import AnswerBox
from chat.connections import connections
from chat.errors import InvalidPayload, QuotaExceeded
from chat.runtime import Runtime
from chat.websocket_core.messages import read_message

from .websocket.message_handler import BaseMessageHandler, MessageHandlerService

logger = logging.getLogger(__name__)

QUEUE = "chat:queue"
DAY_S = 86400


async def enqueue(redis: Any, user_id: str, frame: dict[str, Any]) -> None:
    """Queue a message of a user."""
    await redis.rpush(QUEUE, json.dumps({"user_id": user_id, "frame": frame}))


class QueuedMessageHandler(BaseMessageHandler):
    """Takes a queued message to the service, if the user has not sent too much today."""

    def __init__(self, service: MessageHandlerService, redis: Any, daily_messages: int) -> None:
        self.service = service
        self.redis = redis
        self.daily_messages = daily_messages

    def get_message_type(self) -> str:
        """Messages of users; tasks for agents are not queued."""
        return "queued_message"

    async def handle(self, user_id: str, payload: dict[str, Any]) -> None:
        """Count, then forward."""
        if not payload.get("text"):
            raise InvalidPayload("A queued message needs a text.")
        key = f"chat:quota:{user_id}:{datetime.now(UTC):%Y%m%d}"
        count = await self.redis.incr(key)
        await self.redis.expire(key, DAY_S)
        if count > self.daily_messages:
            raise QuotaExceeded(f"{self.daily_messages} messages a day are enough.")
        await self.service.handle(user_id, payload)


class QueueWorker:
    """Empties the queue, one message after the other."""

    def __init__(self, runtime: Runtime) -> None:
        service = MessageHandlerService(supervisor=runtime.supervisor, db_session_factory=runtime.session)
        self.redis = runtime.redis
        self.handler = QueuedMessageHandler(service, runtime.redis, runtime.settings.daily_messages)
        self.answered: dict[str, list[dict[str, Any]]] = {}

    @classmethod
    @asynccontextmanager
    async def running(cls, runtime: Runtime) -> AsyncIterator["QueueWorker"]:
        """A worker that ends with the block."""
        worker = cls(runtime)
        task = asyncio.create_task(worker.work())
        try:
            yield worker
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def work(self) -> None:
        """Deliver for ever."""
        while True:
            popped = await self.redis.blpop([QUEUE], timeout=1)
            if popped is not None:
                await self.deliver(json.loads(popped[1]))

    async def deliver(self, entry: dict[str, Any]) -> None:
        """Give one message to its handler; answers go to the box."""
        user_id = entry["user_id"]
        message = read_message(entry["frame"])
        websocket = AnswerBox()
        connections.add(user_id, websocket)
        try:
            await self.handler.handle(user_id, message.payload)
        except Exception as e:
            logger.warning("queued message was lost: %s", e)
        finally:
            connections.remove(user_id, websocket)
        self.answered[message.id] = websocket.frames
