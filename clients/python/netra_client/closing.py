"""What to do after a connection ended. Values only: no socket, no waiting."""

import enum
from dataclasses import dataclass

UNAUTHENTICATED = 4401
FORBIDDEN = 4513
NO_CLOSE_FRAME = 1006
# RFC 6455 section 7.4.1: these say that one of the two broke the protocol; doing it again breaks it again.
_PROTOCOL_BROKEN = frozenset({1002, 1003, 1007, 1008, 1009, 1010})
# Request timeout, too early, too many requests: a load balancer's ways of saying "not now".
_HTTP_TRY_LATER = frozenset({408, 425, 429})


class After(enum.Enum):
    """What comes next."""

    RECONNECT = "reconnect"
    RENEW_TOKEN = "renew_token"  # noqa: S105 - the name of a step, not a secret
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a connection, or an attempt at one, ended.

    Attributes:
        code: the close code; 1006 for a connection that broke or was never made.
        reason: for people.
        retry_after_s: seconds to wait, when the server said so with `reconnect`.
    """

    code: int
    reason: str
    retry_after_s: float | None = None

    @property
    def after(self) -> After:
        """The wire's rule: 4500-4999 for good; 4401 a new token; all else comes back."""
        if self.code == UNAUTHENTICATED:
            return After.RENEW_TOKEN
        if 4500 <= self.code <= 4999 or self.code in _PROTOCOL_BROKEN:
            return After.GIVE_UP
        return After.RECONNECT


def of_http_status(status: int) -> Ended | None:
    """Read the HTTP status of a refused upgrade; `None` when no Netra server would answer so."""
    reason = f"HTTP {status}"
    if status == 401:
        return Ended(code=UNAUTHENTICATED, reason=reason)
    if status == 403:
        return Ended(code=FORBIDDEN, reason=reason)
    if status in _HTTP_TRY_LATER or status >= 500:
        return Ended(code=NO_CLOSE_FRAME, reason=reason)
    return None
