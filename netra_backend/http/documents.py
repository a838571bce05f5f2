"""Documents for programs: our public keys, OpenAPI, AsyncAPI. Public, and generated, never written."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from netra_backend import __version__
from netra_backend.http.answers import json_answer
from netra_backend.http.dependencies import Deps
from netra_backend.http.operations import VIEWS as OPERATIONS_VIEWS
from netra_backend.http.overview_views import VIEWS as OVERVIEW_VIEWS
from netra_backend.http.reports import VIEWS as REPORTS_VIEWS
from netra_backend.http.views import (
    HealthView,
    MeView,
    ReadyView,
    Refusal,
    RunView,
    SessionsView,
    StopView,
    TokenView,
)
from netra_backend.protocol.asyncapi import asyncapi, schemas_of
from netra_backend.protocol.payloads import ThreadHistoryPayload, ThreadsPayload

router = APIRouter(tags=["documents"])

VIEWS = (
    TokenView,
    MeView,
    SessionsView,
    RunView,
    StopView,
    HealthView,
    ReadyView,
    Refusal,
    ThreadsPayload,
    ThreadHistoryPayload,
    *OPERATIONS_VIEWS,
    *OVERVIEW_VIEWS,
    *REPORTS_VIEWS,
)
SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "netra_session"},
}


@router.get("/.well-known/jwks.json")
async def jwks(deps: Deps) -> Response:
    """The public keys that our tokens are signed with (RFC 7517)."""
    answer = json_answer(deps.auth.keys.jwks())
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer


@router.get("/api/openapi.json", include_in_schema=False)
async def openapi_document(request: Request) -> Response:
    """This API."""
    return json_answer(request.app.openapi())


@router.get("/api/asyncapi.json")
async def asyncapi_document() -> Response:
    """The socket's messages, as AsyncAPI 3."""
    return json_answer(asyncapi(version=__version__))


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: FastAPI's, with the schemas of what our own encoder writes."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    components = document.setdefault("components", {})
    components["schemas"] = components.get("schemas", {}) | schemas_of(*VIEWS)
    components["securitySchemes"] = SECURITY_SCHEMES
    document["security"] = [{"bearer": []}, {"cookie": []}]
    return document
