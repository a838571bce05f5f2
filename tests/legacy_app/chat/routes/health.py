"""What monitoring asks."""

from typing import Any

from fastapi import APIRouter

from chat.runtime import Runtime


def create_router(runtime: Runtime) -> APIRouter:
    """`/chat/health`."""
    router = APIRouter()

    @router.get("/chat/health")
    async def health() -> dict[str, Any]:
        # Imported here: handlers and routes used to import each other.
        from chat.services.websocket.message_handler import SUPPORTED_MESSAGE_TYPES

        return {"redis": bool(await runtime.redis.ping()), "messages": sorted(SUPPORTED_MESSAGE_TYPES)}

    return router
