"""Stopping a run without a socket."""

from typing import Any

from fastapi import APIRouter, Request

from chat.answers import AnswerBox
from chat.connections import connections
from chat.routes.callers import caller
from chat.runtime import Runtime
from chat.services.websocket.message_handler import StopAgentHandler
from chat.websocket_core.messages import read_message


def create_router(runtime: Runtime) -> APIRouter:
    """`/chat/runs/{run_id}/stop`."""
    router = APIRouter()

    @router.post("/chat/runs/{run_id}/stop", status_code=202)
    async def stop(request: Request, run_id: str) -> dict[str, Any]:
        user_id = await caller(runtime, request)
        websocket = AnswerBox()
        connections.add(user_id, websocket)
        try:
            message = read_message({"type": "stop_agent", "payload": {"run_id": run_id}})
            handler = StopAgentHandler(supervisor=runtime.supervisor, db_session_factory=runtime.session)
            await handler.handle(user_id, message.payload)
        finally:
            connections.remove(user_id, websocket)
        return {"answers": websocket.frames}

    return router
