"""What a separate worker answers to machines: is it alive, can it take runs, its numbers. Nothing else.

The answers are those of a gateway (`http.health`); paths that orchestrators expect are names for them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI

from netra_backend.app import Core, http_dependencies, new_id
from netra_backend.auth.cookies import SessionCookie
from netra_backend.auth.origins import OriginPolicy
from netra_backend.http import errors, health
from netra_backend.http.middleware import Boundary, Limits

NAMES = {"/health/live": "/healthz", "/health/ready": "/readyz"}


class Probes:
    """An ASGI application. `working` says whether the worker takes runs."""

    def __init__(self, core: Core, *, working: Callable[[], bool]) -> None:
        async def readiness() -> Mapping[str, bool]:
            return {"worker": working(), **await core.readiness()}

        self._app = _application(core, readiness)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI."""
        if scope["type"] == "http":
            scope = {**scope, "path": NAMES.get(scope["path"], scope["path"])}
            await self._app(scope, receive, send)
        else:  # a socket: there is none here
            await send({"type": "websocket.close", "code": 1008})


def _application(core: Core, readiness: Any) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.dependencies = http_dependencies(core, readiness)
    app.state.origins = OriginPolicy(core.settings)
    app.state.session_cookie = SessionCookie(core.settings)
    errors.install(app, core.metrics)
    app.include_router(health.router)
    app.add_middleware(Limits, max_body_bytes=core.settings.max_body_bytes)
    app.add_middleware(Boundary, new_id=new_id, clock=core.clock, metrics=core.metrics)
    return app
