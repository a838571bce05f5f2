"""Which web pages may use a session cookie: exact origins, nothing by suffix, prefix or pattern."""

import re

from netra_backend.settings import Settings, SettingsError

_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?")


def is_loopback(host: str | None) -> bool:
    """Whether a `Host` header names this machine itself. `127.0.0.1.evil.example` does not."""
    return host is not None and _LOOPBACK.fullmatch(host) is not None


class OriginPolicy:
    """The allow-list of settings `allowed_origins` and `public_url`.

    With neither set, the page must come from the very host and port of the request, and that must
    be this machine: then a name that an attacker points at 127.0.0.1 (DNS rebinding) is refused,
    as its `Host` is not a loopback name.

    Raises:
        SettingsError: an entry of `allowed_origins` is not an origin.
    """

    def __init__(self, settings: Settings) -> None:
        for origin in settings.allowed_origins:
            if not _ORIGIN.fullmatch(origin):
                message = (
                    "Setting allowed_origins (NETRA_ALLOWED_ORIGINS): every entry must look like "
                    "https://chat.example or http://localhost:5173, in small letters, without a path."
                )
                raise SettingsError(message)
        self._allowed = frozenset(settings.allowed_origins)
        if settings.public_url is not None:
            self._allowed |= {settings.public_url.lower()}

    def allows(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of `origin` may act with a cookie on a request to `host` (both as sent)."""
        if origin is None or not _ORIGIN.fullmatch(origin):  # also refuses `null`
            return False
        if self._allowed:
            return origin in self._allowed
        return is_loopback(host) and origin.partition("://")[2] == host
