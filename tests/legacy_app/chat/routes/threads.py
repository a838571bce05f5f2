"""Threads over HTTP, on the canonical handlers.

Importing these claims message types. The socket works only if its own handlers claim them afterwards,
so this module is imported before the others.
"""

from typing import Any

from fastapi import APIRouter, Request

from chat.answers import AnswerBox
from chat.routes.callers import caller
from chat.runtime import Runtime
from chat.websocket_core.handlers import ThreadHistoryHandler
from chat.websocket_core.messages import read_message


def create_router(runtime: Runtime) -> APIRouter:
    """`/chat/threads/{thread_id}`."""
    router = APIRouter()

    @router.get("/chat/threads/{thread_id}")
    async def history(request: Request, thread_id: str) -> dict[str, Any]:
        user_id = await caller(runtime, request)
        box = AnswerBox()
        message = read_message({"type": "get_thread_history", "thread_id": thread_id})
        handler = ThreadHistoryHandler(runtime.context(user_id), runtime.services)
        handled = await handler.handle_message(user_id, box, message)
        return {"handled": handled, "answer": box.frames[0]}

    return router
