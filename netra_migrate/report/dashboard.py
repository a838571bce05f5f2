"""The dashboard's server: this machine only, read only, and deaf to pages of other names (DNS rebinding)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from importlib.resources import files
from typing import Final

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from markupsafe import Markup
from starlette.middleware.base import RequestResponseEndpoint

from netra_migrate.domain.outcomes import TreeError
from netra_migrate.report.live import Live, Watched
from netra_migrate.report.page import fragment, sections, style

HOST: Final = "127.0.0.1"

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def create_app(watched: Watched, *, port: int) -> FastAPI:
    """The pages: `/`, its style and script, and `/events`."""
    live = Live(watched)
    app = FastAPI(openapi_url=None, lifespan=_watching(live))
    script = (files("netra_migrate.report") / "templates" / "dashboard.js").read_text(encoding="utf-8")

    @app.middleware("http")
    async def guard(request: Request, answer: RequestResponseEndpoint) -> Response:
        """A page under another name that points here is not ours to serve."""
        if request.headers.get("host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            return PlainTextResponse(f"Open http://{HOST}:{port}/ instead.", 421, headers=_HEADERS)
        response = await answer(request)
        response.headers.update(_HEADERS)
        return response

    @app.get("/")
    async def index() -> HTMLResponse:
        """The whole page, as it is now."""
        return HTMLResponse(_page(live))

    @app.get("/page.css")
    async def css() -> Response:
        """The report's style."""
        return Response(style(), media_type="text/css")

    @app.get("/dashboard.js")
    async def javascript() -> Response:
        """What keeps the page fresh."""
        return Response(script, media_type="text/javascript")

    @app.get("/events")
    async def events() -> StreamingResponse:
        """Sections as they change."""
        return StreamingResponse(live.events(), media_type="text/event-stream")

    return app


def _page(live: Live) -> str:
    ready = {name: Markup(html) for name, html in live.fragments.items()}  # noqa: S704 - rendered with autoescape
    return fragment("dashboard", {**sections(live.material), "fragments": ready})


def _watching(live: Live) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(live.watch())
        try:
            yield
        finally:
            task.cancel()

    return lifespan


def serve(watched: Watched, *, port: int, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C. `port` 0 takes a free one; `ready` gets the address.

    Raises:
        TreeError: the port is taken.
    """
    listener = listen(port)
    taken = listener.getsockname()[1]
    app = create_app(watched, port=taken)
    # One second for streams that are open: they end only with their readers.
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1, lifespan="on")
    ready(f"http://{HOST}:{taken}/")
    # Ctrl-C is how a dashboard ends; uvicorn raises it again after its own end.
    with listener, suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


def listen(port: int) -> socket.socket:
    """A listening socket on this machine only; raises as `serve`."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise TreeError(f"Port {port} is taken: choose another with --port, or 0 for a free one.") from error
    listener.listen(64)
    return listener
