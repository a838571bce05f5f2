"""Puts the HTTP application together. No logic beyond the order of things."""

from functools import cache

from fastapi import FastAPI

from netra_backend import __version__
from netra_backend.auth.cookies import SessionCookie
from netra_backend.auth.origins import OriginPolicy
from netra_backend.http import (
    documents,
    errors,
    health,
    history,
    login,
    operations,
    overview,
    page,
    reports,
    runs,
)
from netra_backend.http.dependencies import HttpDependencies
from netra_backend.http.middleware import Boundary, Limits
from netra_backend.observability.reports import Reports


def create_http(deps: HttpDependencies) -> FastAPI:
    """The application for everything but `/ws`.

    Raises:
        SettingsError: a setting of the allowed origins is wrong.
    """
    app = FastAPI(title="Netra", version=__version__, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.dependencies = deps
    app.state.origins = OriginPolicy(deps.settings)
    app.state.reports = Reports(deps.settings.dashboard_reports)
    app.state.session_cookie = SessionCookie(deps.settings)
    errors.install(app, deps.metrics)
    for module in (login, history, runs, operations, overview, reports, health, documents):
        app.include_router(module.router)
    app.mount("/assets", page.assets(deps.static))
    app.include_router(page.router)  # last: it takes every name at the top
    app.openapi = cache(lambda: documents.openapi_of(app))  # type: ignore[method-assign]  # FastAPI's own way
    app.add_middleware(Limits, max_body_bytes=deps.settings.max_body_bytes)
    app.add_middleware(Boundary, new_id=deps.new_id, clock=deps.clock, metrics=deps.metrics)
    return app
