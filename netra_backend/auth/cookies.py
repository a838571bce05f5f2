"""The session cookie: its name, how it is set, how it is read back. Its value is an access token."""

from netra_backend.settings import Settings

NAME = "netra_session"
HOST_PREFIX = "__Host-"
"""Browsers take such a name only with Secure, Path=/ and no Domain: no sibling host can plant it."""


class SessionCookie:
    """The cookie of this installation. `scheme` is the request's: http, https, ws or wss."""

    def __init__(self, settings: Settings) -> None:
        self._secure = settings.cookie_secure
        if self._secure is None and settings.public_url is not None:
            self._secure = settings.public_url.startswith("https://")

    def read(self, cookies: str | None, *, scheme: str) -> str | None:
        """The token in a `Cookie` header; None if there is none, or several that differ."""
        name = self._name(scheme)
        pairs = (part.strip().partition("=") for part in (cookies or "").split(";"))
        values = {value for key, _, value in pairs if key == name and value}
        return values.pop() if len(values) == 1 else None

    def bake(self, token: str, *, max_age_s: int, scheme: str) -> str:
        """The `Set-Cookie` header that stores `token`."""
        secure = "; Secure" if self._is_secure(scheme) else ""
        return f"{self._name(scheme)}={token}; Max-Age={max_age_s}; Path=/; HttpOnly; SameSite=Lax{secure}"

    def clear(self, *, scheme: str) -> str:
        """The `Set-Cookie` header that removes the cookie."""
        return self.bake("", max_age_s=0, scheme=scheme)

    def _name(self, scheme: str) -> str:
        return HOST_PREFIX + NAME if self._is_secure(scheme) else NAME

    def _is_secure(self, scheme: str) -> bool:
        return self._secure if self._secure is not None else scheme in ("https", "wss")
