"""Who may open a socket: reads the upgrade request's credentials, before anything is accepted."""

from collections.abc import Mapping
from typing import Any

from netra_backend.auth.cookies import SessionCookie
from netra_backend.auth.origins import OriginPolicy
from netra_backend.auth.service import Auth
from netra_backend.auth.urls import refuse_token_in_url
from netra_backend.domain.errors import Forbidden, NotFound
from netra_backend.domain.identity import Principal
from netra_backend.settings import Settings

PATH = "/ws"


class Admission:
    """See `server.Credentials`."""

    def __init__(self, settings: Settings, auth: Auth) -> None:
        self._auth = auth
        self._origins = OriginPolicy(settings)
        self._cookie = SessionCookie(settings)

    def admit(self, scope: Mapping[str, Any]) -> str | None:
        """See `server.Credentials`.

        A cookie is sent by the browser whoever's page asks, so it counts only together with an
        allowed origin; a bearer token and a first frame are nobody's by accident.
        """
        if scope["path"] != PATH:
            raise NotFound
        refuse_token_in_url(scope["query_string"])
        headers = [(name.lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        bearer = [value for name, value in headers if name == b"authorization"]
        if bearer:
            kind, _, token = bearer[0].partition(" ")
            if len(bearer) > 1 or kind.lower() != "bearer":
                raise Forbidden("The Authorization header must be one `Bearer` and a token.")
            return str(token).strip()
        cookies = "; ".join(value for name, value in headers if name == b"cookie")
        token_in_cookie = self._cookie.read(cookies, scheme=scope.get("scheme", "ws"))
        if token_in_cookie is not None:
            self._require_allowed_origin(headers)
        return token_in_cookie

    async def verify(self, token: str) -> Principal:
        """See `server.Credentials`."""
        return await self._auth.verify(token)

    def _require_allowed_origin(self, headers: list[tuple[bytes, str]]) -> None:
        origins = [value for name, value in headers if name == b"origin"]
        host = next((value for name, value in headers if name == b"host"), None)
        if len(origins) != 1 or not self._origins.allows(origins[0], host):
            raise Forbidden("A cookie counts only with an Origin on the allow-list.")
