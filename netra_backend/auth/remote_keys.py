"""The public keys of one external issuer, from the operator's JWKS URL; never from a token's."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from netra_backend.domain.ports import Clock
from netra_backend.settings import Issuer, SettingsError

ASYMMETRIC = frozenset(
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
)
REFETCH_S = 30.0
"""Seconds between fetches, also failed ones: made-up key ids must not turn us against the issuer."""
MAX_AGE_S = 3600.0
"""Seconds until known keys are fetched again, so that one that the issuer withdrew ends here too."""
TIMEOUT_S = 5.0
MAX_BYTES = 256 * 1024
MAX_KEYS = 64
MIN_RSA_BITS = 2048

_KINDS = {
    ("RSA", None): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}


class VerifyingKey(NamedTuple):
    """A public key and the one algorithm that it is for; the token's header has no say in it."""

    key: Any
    algorithm: str


class _JwkSet(msgspec.Struct):
    """RFC 7517, section 5."""

    keys: list[dict[str, Any]]


class RemoteKeys:
    """Keys by `kid`, cached.

    Raises:
        SettingsError: the issuer's `algorithms` hold one that is not a public-key signature.
    """

    def __init__(self, issuer: Issuer, *, client: httpx.AsyncClient, clock: Clock) -> None:
        if not issuer.algorithms or not ASYMMETRIC.issuperset(issuer.algorithms):
            message = "Setting external_issuers (NETRA_EXTERNAL_ISSUERS): algorithms must be of " + ", ".join(
                sorted(ASYMMETRIC)
            )
            raise SettingsError(f"{message}.")
        self._issuer = issuer
        self._client = client
        self._clock = clock
        self._keys: Mapping[str | None, VerifyingKey] = {}
        self._asked_at: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, kid: str | None) -> VerifyingKey | None:
        """The key of a token's `kid`; without a `kid` the issuer's only key, if it has just one."""
        if self._must_ask(kid) or kid not in self._keys:
            async with self._lock:  # somebody else may be fetching just what we need
                if self._must_ask(kid):
                    await self._fetch()
        return self._keys.get(kid)

    def _must_ask(self, kid: str | None) -> bool:
        return self._older_than(MAX_AGE_S) or (kid not in self._keys and self._older_than(REFETCH_S))

    def _older_than(self, seconds: float) -> bool:
        return self._asked_at is None or self._clock.monotonic() - self._asked_at >= seconds

    async def _fetch(self) -> None:
        """Replace the keys; on any failure keep those that we have."""
        self._asked_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                document = msgspec.json.decode(await self._download())
            self._keys = read_jwks(document, algorithms=self._issuer.algorithms)
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError):
            return

    async def _download(self) -> bytes:
        body = bytearray()
        async with self._client.stream("GET", self._issuer.jwks_url, follow_redirects=False) as response:
            if response.status_code != httpx.codes.OK:
                raise httpx.HTTPError("not 200")
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MAX_BYTES:
                    raise httpx.HTTPError("too large")
        return bytes(body)


def read_jwks(document: Any, *, algorithms: Sequence[str]) -> dict[str | None, VerifyingKey]:
    """The usable keys of a JWK set, by `kid`; a single one also under None.

    Raises:
        msgspec.ValidationError: not a JWK set.
    """
    entries = msgspec.convert(document, _JwkSet).keys[:MAX_KEYS]
    read = [(entry.get("kid"), _read_jwk(entry, algorithms)) for entry in entries]
    usable = [(kid, key) for kid, key in read if key is not None]
    found: dict[str | None, VerifyingKey] = {kid: key for kid, key in usable if isinstance(kid, str)}
    if len(usable) == 1:
        found[None] = usable[0][1]
    return found


def _read_jwk(entry: dict[str, Any], algorithms: Sequence[str]) -> VerifyingKey | None:
    fitting = _KINDS.get((str(entry.get("kty")), entry.get("crv") and str(entry["crv"])), ())
    named = entry.get("alg")
    usable = [name for name in algorithms if name in fitting and named in (None, name)]
    if not usable or entry.get("use", "sig") != "sig":
        return None
    try:
        key = PyJWK(entry, algorithm=usable[0]).key
    except (PyJWTError, ValueError, TypeError):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        return None
    return VerifyingKey(key, usable[0])
