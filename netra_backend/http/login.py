"""Login, logout, renewal and who one is. Answers never say whether a user exists."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from msgspec import UNSET
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.responses import Response

from netra_backend.auth.passwords import MAX_LENGTH
from netra_backend.auth.tokens import Issued
from netra_backend.auth.users import EMAIL_LENGTH
from netra_backend.domain.errors import Forbidden
from netra_backend.http.answers import documented, json_answer
from netra_backend.http.dependencies import Asker, Deps, from_foreign_page, session_cookie
from netra_backend.http.views import MeView, SessionsView, SessionView, TokenView

router = APIRouter(tags=["auth"])


class Credentials(BaseModel):
    """E-mail address and password."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    email: Annotated[str, Field(min_length=1, max_length=EMAIL_LENGTH)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=MAX_LENGTH)]


class LoginLink(BaseModel):
    """The secret of a one-time login link."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    token: Annotated[SecretStr, Field(min_length=1, max_length=256)]


@router.post("/auth/login", responses=documented(TokenView))
async def login(credentials: Credentials, request: Request, deps: Deps) -> Response:
    """Log in with a password: a token, also as session cookie."""
    _refuse_foreign_page(request)
    password = credentials.password.get_secret_value()
    return _issued(request, await deps.auth.login(credentials.email, password, address=_address(request)))


@router.post("/auth/login/link", responses=documented(TokenView))
async def login_by_link(link: LoginLink, request: Request, deps: Deps) -> Response:
    """Log in with a one-time link, which is used up."""
    _refuse_foreign_page(request)
    secret = link.token.get_secret_value()
    return _issued(request, await deps.auth.login_by_link(secret, address=_address(request)))


@router.post("/auth/renew", responses=documented(TokenView))
async def renew(asker: Asker, request: Request, deps: Deps) -> Response:
    """Another token for the same session, before the present one expires."""
    return _issued(request, await deps.auth.renew(asker))


@router.post("/auth/logout", status_code=204)
async def logout(asker: Asker, request: Request, deps: Deps) -> Response:
    """End the session: sockets close, runs stop, the token is worth nothing from now on."""
    await deps.auth.logout(asker)
    gone = session_cookie(request).clear(scheme=request.url.scheme)
    return Response(status_code=204, headers={"Set-Cookie": gone})


@router.get("/auth/sessions", responses=documented(SessionsView))
async def sessions(asker: Asker, deps: Deps) -> Response:
    """Where the user is logged in."""
    found = [
        SessionView(
            id=each.id,
            created_at=each.created_at,
            expires_at=each.expires_at,
            current=each.id == asker.session_id,
        )
        for each in await deps.auth.sessions(asker)
    ]
    return json_answer(SessionsView(sessions=found))


@router.delete("/auth/sessions/{session_id}", status_code=204)
async def end_session(session_id: UUID, asker: Asker, deps: Deps) -> Response:
    """End one login: its token is worth nothing from now on, its sockets close within five seconds."""
    await deps.auth.end_session(asker, str(session_id))
    return Response(status_code=204)


@router.get("/auth/me", responses=documented(MeView))
async def me(asker: Asker, deps: Deps) -> Response:
    """Who is logged in."""
    user = await deps.auth.users.get(asker.owner) if asker.session_id is not None else None
    return json_answer(
        MeView(
            user_id=asker.owner.user_id,
            tenant_id=asker.owner.tenant_id,
            roles=sorted(asker.roles),
            expires_at=asker.expires_at,
            email=user.email if user is not None else UNSET,
        )
    )


def _issued(request: Request, issued: Issued) -> Response:
    answer = json_answer(TokenView(access_token=issued.access_token, expires_in=issued.expires_in))
    answer.headers["Set-Cookie"] = session_cookie(request).bake(
        issued.access_token, max_age_s=issued.expires_in, scheme=request.url.scheme
    )
    return answer


def _refuse_foreign_page(request: Request) -> None:
    """Another site must not log its visitor in here as somebody else (login CSRF)."""
    if from_foreign_page(request):
        raise Forbidden("This page may not log in here; see the settings public_url and allowed_origins.")


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "local"
