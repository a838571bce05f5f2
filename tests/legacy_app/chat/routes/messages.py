"""Messages from programs that have no socket: they are queued."""

from typing import Any

from fastapi import APIRouter, Request

from chat.routes.callers import caller
from chat.runtime import Runtime
from chat.services.message_queue import enqueue


def create_router(runtime: Runtime) -> APIRouter:
    """`/chat/messages`."""
    router = APIRouter()

    @router.post("/chat/messages", status_code=202)
    async def send(request: Request, body: dict[str, Any]) -> dict[str, str]:
        user_id = await caller(runtime, request)
        await enqueue(runtime.redis, user_id, body)
        return {"status": "queued"}

    return router
