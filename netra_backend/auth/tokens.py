"""Access tokens: signed JWTs, checked by the rules of RFC 8725. Never quotes a token in an error.

What the token says about its own verification is not believed: the algorithm is the key's, the
key is found by issuer and `kid` only, and headers that bring or point to a key are refused.
"""

import base64
import json
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, NoReturn

import jwt
from jwt.exceptions import PyJWTError

from netra_backend.auth.keys import SigningKeys
from netra_backend.auth.remote_keys import RemoteKeys, VerifyingKey
from netra_backend.domain.errors import Unauthenticated
from netra_backend.domain.identity import Principal, valid_name
from netra_backend.domain.ids import Owner, TenantId, UserId
from netra_backend.domain.ports import Clock

MAX_TOKEN_BYTES = 16 * 1024
MAX_KID_LENGTH = 128
LEEWAY_S = 5
"""Seconds that the clocks of issuer and server may differ."""
LAST_SECOND = 253402300799
"""31 December 9999: the last moment that a datetime can hold."""

UNSAFE_HEADERS = frozenset(["crit", "b64", "zip", "jku", "jwk", "x5u", "x5c"])
"""Extensions that we do not know, and ways to bring one's own key (RFC 8725, sections 3.5, 3.10)."""

NO_JWT = "The token is not a valid JWT."
NOT_SIGNED = "The token's signature is not valid."

_jws = jwt.PyJWS()


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A new access token; `expires_in` is in seconds."""

    access_token: str
    expires_in: int
    principal: Principal


class TokenIssuer:
    """Signs our own tokens."""

    def __init__(self, keys: SigningKeys, *, issuer: str, audience: str, clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    def issue(self, owner: Owner, *, roles: Collection[str], session_id: str, ttl: timedelta) -> Issued:
        """A token for `owner` that stands for the session `session_id`."""
        now = int(self._clock.now().timestamp())
        seconds = max(1, int(ttl.total_seconds()))
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": owner.user_id,
            "tenant_id": owner.tenant_id,
            "sid": session_id,
            "roles": sorted(roles),
            "iat": now,
            "exp": now + seconds,
        }
        token = _jws.encode(
            json.dumps(claims, separators=(",", ":")).encode(),
            self._keys.private,
            algorithm="EdDSA",
            headers={"kid": self._keys.kid},
        )
        principal = Principal(
            owner=owner,
            roles=frozenset(roles),
            expires_at=datetime.fromtimestamp(now + seconds, UTC),
            session_id=session_id,
            issuer=self._issuer,
        )
        return Issued(access_token=token, expires_in=seconds, principal=principal)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalIssuer:
    """An issuer that the operator trusts for every tenant."""

    issuer: str
    audience: str
    keys: RemoteKeys


class TokenVerifier:
    """Checks tokens of our own issuer and of the external ones."""

    def __init__(
        self,
        keys: SigningKeys,
        *,
        issuer: str,
        audience: str,
        clock: Clock,
        external: Collection[ExternalIssuer] = (),
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._external = {each.issuer: each for each in external}  # ours comes first, whoever else claims it

    async def verify(self, token: str) -> Principal:
        """Who the token is for.

        Raises:
            Unauthenticated: for every kind of fault, with a sentence that does not quote the token.
        """
        parts = _glance(token)
        issuer = parts.claims.get("iss")
        if issuer == self._issuer:
            key, audience = self._own_key(parts.kid), self._audience
        elif isinstance(issuer, str) and issuer in self._external:
            external = self._external[issuer]
            key, audience = await external.keys.find(parts.kid), external.audience
        else:
            _refuse("The token's issuer is not known here.")
        if key is None:
            _refuse("The token's key is not known here.")
        _check_signature(parts, key)
        return self._principal(parts.claims, audience=audience, own=issuer == self._issuer)

    def _own_key(self, kid: str | None) -> VerifyingKey | None:
        key = self._keys.public(kid) if kid is not None else None
        return VerifyingKey(key, "EdDSA") if key is not None else None

    def _principal(self, claims: Mapping[str, Any], *, audience: str, own: bool) -> Principal:
        expires_at = _checked_times(claims, now=self._clock.now().timestamp())
        aud = claims.get("aud")
        if audience not in (aud if isinstance(aud, list) else [aud]):
            _refuse("The token is for another audience.")
        if not valid_name(claims.get("sub")) or not valid_name(claims.get("tenant_id")):
            _refuse("The token's sub and tenant_id must be 1 to 255 printable characters.")
        return Principal(
            owner=Owner(TenantId(claims["tenant_id"]), UserId(claims["sub"])),
            roles=_own_roles(claims) if own else frozenset(),
            expires_at=expires_at,
            session_id=_own_session(claims) if own else None,
            issuer=claims["iss"],
        )


def _refuse(sentence: str) -> NoReturn:
    raise Unauthenticated(sentence) from None


class _Parts(NamedTuple):
    """A token taken apart, nothing of it to be believed before its signature was checked."""

    algorithm: Any
    kid: str | None
    claims: dict[str, Any]
    signed: bytes
    signature: str


def _glance(token: str) -> _Parts:
    """The parts of a token. Its claims choose the key that the whole must be signed with."""
    if not token.isascii() or len(token) > MAX_TOKEN_BYTES:
        _refuse("The token is not a JWT of at most 16 KiB.")
    try:
        # Exactly three, as they are signed: another dot could move the claims.
        first, second, signature = token.split(".")
        header, claims = json.loads(_decoded(first)), json.loads(_decoded(second))
    except (ValueError, RecursionError):
        _refuse(NO_JWT)
    if not isinstance(header, dict) or not isinstance(claims, dict):
        _refuse(NO_JWT)
    return _Parts(header.get("alg"), _checked_kid(header), claims, f"{first}.{second}".encode(), signature)


def _decoded(part: str) -> bytes:
    """The bytes of base64url in its one right form; the standard library ignores what is none of it.

    Raises:
        ValueError: it is none.
    """
    decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    right = base64.urlsafe_b64encode(decoded).decode()
    if part not in (right, right.rstrip("=")):
        raise ValueError
    return decoded


def _checked_kid(header: Mapping[str, Any]) -> str | None:
    if UNSAFE_HEADERS & header.keys():
        _refuse("The token's header holds a member that is not allowed.")
    if "kid" not in header:
        return None
    kid = header["kid"]
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_LENGTH or not kid.isprintable():
        _refuse("The token's key id is not valid.")
    return kid


def _check_signature(parts: _Parts, key: VerifyingKey) -> None:
    """Whether the key has signed the token, by the key's own algorithm.

    The check is the library's. Its `decode` would take the token apart once more, for 60 us of 1,200 that
    a connection costs.
    """
    if parts.algorithm != key.algorithm:
        _refuse(NOT_SIGNED)
    algorithm = _jws.get_algorithm_by_name(key.algorithm)
    try:
        signature = _decoded(parts.signature)
        genuine = algorithm.verify(parts.signed, algorithm.prepare_key(key.key), signature)
    except TypeError:
        _refuse(NOT_SIGNED)
    except (PyJWTError, ValueError):
        _refuse(NO_JWT)
    if not genuine:
        _refuse(NOT_SIGNED)


def _checked_times(claims: Mapping[str, Any], *, now: float) -> datetime:
    """The time of expiry, after `exp` (required), `nbf` and `iat` were checked."""
    expires = _seconds(claims, "exp")
    if expires is None:
        _refuse("The token has no expiry.")
    if expires <= now - LEEWAY_S:
        _refuse("The token has expired.")
    for name in ("nbf", "iat"):
        start = _seconds(claims, name)
        if start is not None and start > now + LEEWAY_S:
            _refuse("The token is not valid yet.")
    return datetime.fromtimestamp(expires, UTC)


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LAST_SECOND:
        _refuse(f"The token's {name} is not a time.")  # also NaN, which compares with nothing
    return value


def _own_roles(claims: Mapping[str, Any]) -> frozenset[str]:
    roles = claims.get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        _refuse("The token's roles are not a list of names.")
    return frozenset(roles)


def _own_session(claims: Mapping[str, Any]) -> str:
    """Every token of ours stands for a session, so that it can be revoked."""
    try:
        return str(uuid.UUID(claims.get("sid")))
    except (ValueError, TypeError, AttributeError):
        _refuse("The token has no session.")
