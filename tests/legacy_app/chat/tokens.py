"""Who a token is for. Login is Netra's since the accounts moved there; this reads its tokens."""

from typing import Any

import jwt

_keys: Any = None


def use_keys(keys: Any) -> None:
    """The keys that login signs with."""
    global _keys
    _keys = keys


def user_of(token: str) -> tuple[str, str] | None:
    """User and tenant of a token, or None if it was not signed by us."""
    try:
        claims = jwt.decode(
            token,
            _keys.private.public_key(),
            algorithms=["EdDSA"],
            options={"verify_aud": False},
        )
    except jwt.PyJWTError:
        return None
    return claims["sub"], claims.get("tenant_id", "")
