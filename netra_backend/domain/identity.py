"""Who is asking: the outcome of a verified token, and what a tenant or user name may look like."""

from dataclasses import dataclass
from datetime import datetime

from netra_backend.domain.ids import Owner

OPERATOR = "operator"
"""The role that may see the whole installation's figures."""

NAME_LENGTH = 255
"""Characters of a tenant's or user's id: any issuer's fit, and an index entry stays small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A user whose token was verified. `session_id` is set by the built-in issuer only.

    `expires_at` is in UTC; a socket of this principal must close then.
    """

    owner: Owner
    roles: frozenset[str]
    expires_at: datetime
    session_id: str | None
    issuer: str


def valid_name(value: object) -> bool:
    """Whether `value` can be a tenant's or user's id: 1 to 255 printable characters.

    U+001F separates tenants in the database's session setting, so no control character passes;
    `str.isprintable` also refuses line separators, lone surrogates and unassigned characters.
    """
    return isinstance(value, str) and 0 < len(value) <= NAME_LENGTH and value.isprintable()
