"""What the routes are given, and who is asking. Routes never see a token or a cookie themselves."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from netra_backend.auth.cookies import SessionCookie
from netra_backend.auth.origins import OriginPolicy
from netra_backend.auth.service import Auth
from netra_backend.domain.errors import Forbidden, Unauthenticated
from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import IdSource
from netra_backend.domain.ports import Clock, EventLog, Queue, Store
from netra_backend.events.operations import Operations
from netra_backend.observability.metrics import Metrics
from netra_backend.settings import Settings
from netra_backend.store.retries import Retries

SAFE_METHODS = frozenset(["GET", "HEAD", "OPTIONS"])
"""Methods that change nothing (RFC 9110, section 9.2.1), so another site may cause them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpDependencies:
    """Everything that HTTP needs from the rest.

    Attributes:
        readiness: name of each store, and whether it answers just now.
        static: folder of the built page; it need not exist.
    """

    settings: Settings
    auth: Auth
    store: Store
    queue: Queue
    log: EventLog
    clock: Clock
    new_id: IdSource
    metrics: Metrics
    operations: Operations
    retries: Retries
    readiness: Callable[[], Awaitable[Mapping[str, bool]]]
    static: Path = field(default=Path(__file__).parent / "static")


def dependencies(request: Request) -> HttpDependencies:
    """The dependencies that `create_http` was called with."""
    found: HttpDependencies = request.app.state.dependencies
    return found


async def authenticated(request: Request) -> Principal:
    """Who sends this request.

    Raises:
        Unauthenticated: no credentials, or not valid ones.
        Forbidden: a cookie on a changing request that did not come from a page of ours.
    """
    auth = dependencies(request).auth
    return await auth.verify(_bearer(request) or _cookie(request))


Deps = Annotated[HttpDependencies, Depends(dependencies)]
Asker = Annotated[Principal, Depends(authenticated)]


def from_our_page(request: Request) -> bool:
    """Whether the browser vouches that a page on the allow-list sends this request.

    Origin and Sec-Fetch-Site are set by the browser itself; no script of another site can.
    """
    policy: OriginPolicy = request.app.state.origins
    origins = request.headers.getlist("origin")
    if len(origins) == 1 and policy.allows(origins[0], request.headers.get("host")):
        return True
    return request.headers.get("sec-fetch-site") == "same-origin"


def from_foreign_page(request: Request) -> bool:
    """Whether the browser says that a page of another site sends this request.

    Programs that are no browsers send neither header and are not meant.
    """
    says = "origin" in request.headers or "sec-fetch-site" in request.headers
    return says and not from_our_page(request)


def session_cookie(request: Request) -> SessionCookie:
    """How this installation sets and reads its cookie."""
    cookie: SessionCookie = request.app.state.session_cookie
    return cookie


def _bearer(request: Request) -> str | None:
    headers = request.headers.getlist("authorization")
    if not headers:
        return None
    kind, _, token = headers[0].partition(" ")
    if len(headers) > 1 or kind.lower() != "bearer" or not token.strip():
        raise Unauthenticated("The Authorization header must be one `Bearer` and a token.")
    return token.strip()


def _cookie(request: Request) -> str:
    cookies = "; ".join(request.headers.getlist("cookie"))
    token = session_cookie(request).read(cookies, scheme=request.url.scheme)
    if token is None:
        raise Unauthenticated("Log in, or send a bearer token.")
    if request.method not in SAFE_METHODS and not from_our_page(request):
        raise Forbidden(
            "This page may not act for the user; its address must be the setting public_url"
            " or in allowed_origins."
        )
    return token
