"""The application: our own routes, and below them Netra's login, history and health."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from chat.routes import threads  # isort: skip  # first of all routes: see its module about the claims
from chat.routes import health, messages, operations, websocket
from chat.runtime import Runtime, opened
from chat.services.message_queue import QueueWorker
from chat.settings import Settings


def create_app(runtime: Runtime) -> FastAPI:
    """All routes. The first that matches is taken, so ours come before Netra's."""
    app = FastAPI(title="Chat")
    app.include_router(health.create_router(runtime))
    app.include_router(messages.create_router(runtime))
    app.include_router(threads.create_router(runtime))
    app.include_router(operations.create_router(runtime))
    app.router.routes.extend(websocket.create_routes(runtime))
    app.mount("/", runtime.application)
    return app


@asynccontextmanager
async def running(settings: Settings, **options: Any) -> AsyncIterator[tuple[Runtime, FastAPI]]:
    """The service with its queue, ready to be served."""
    async with opened(settings, **options) as runtime, QueueWorker.running(runtime):
        yield runtime, create_app(runtime)
