"""The keys that sign and check our own tokens: Ed25519 only. Never prints or logs a private key."""

import base64
import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from netra_backend.settings import SettingsError

KEY_FILE = "signing_key.pem"
ADVICE = "make one with `openssl genpkey -algorithm ed25519`"
SHARED_BITS = stat.S_IRWXO | stat.S_IWGRP
"""Nobody else may read the key and nobody else may change it; a group may read a mounted secret."""

_BLOCK = re.compile(r"-----BEGIN [A-Z0-9 ]+-----.+?-----END [A-Z0-9 ]+-----", re.S)


class SigningKeys:
    """Our keys: the first one signs; the others only check tokens signed before a rotation."""

    def __init__(self, keys: Sequence[Ed25519PrivateKey]) -> None:
        self.private = keys[0]
        self.kid = thumbprint(keys[0].public_key())
        self._public = {thumbprint(key.public_key()): key.public_key() for key in keys}

    def public(self, kid: str) -> Ed25519PublicKey | None:
        """The key that checks tokens with this `kid`."""
        return self._public.get(kid)

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys as a JWK set (RFC 7517, section 5)."""
        return {
            "keys": [
                {**_jwk(key), "kid": kid, "alg": "EdDSA", "use": "sig"} for kid, key in self._public.items()
            ]
        }


def load_signing_keys(path: Path | None, *, pem: str | None) -> SigningKeys:
    """The keys in `pem` (setting `signing_key`), else those in the file `path`, made if missing.

    Several PEM blocks one after another are a rotation: the first one signs.

    Raises:
        SettingsError: no key, a wrong or weak kind of key, or a file that others may read.
    """
    if pem is not None:
        return SigningKeys(_parse(pem.replace("\\n", "\n"), where="Setting signing_key (NETRA_SIGNING_KEY)"))
    if path is None:
        message = f"Setting signing_key (NETRA_SIGNING_KEY) is missing: {ADVICE}."
        raise SettingsError(message)
    if not path.exists():
        _create(path)
    return SigningKeys(_parse(_read(path), where=f"The signing key in {path}"))


def thumbprint(key: Ed25519PublicKey) -> str:
    """The `kid` of a key: its RFC 7638 thumbprint (members in the order of RFC 8037, appendix A.3)."""
    canonical = json.dumps(_jwk(key), separators=(",", ":")).encode()
    return _base64url(hashlib.sha256(canonical).digest())


def _jwk(key: Ed25519PublicKey) -> dict[str, str]:
    """The public key with its members in the order that thumbprints need."""
    return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(key.public_bytes_raw())}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _parse(text: str, *, where: str) -> list[Ed25519PrivateKey]:
    blocks = _BLOCK.findall(text)
    if not blocks:
        message = f"{where} is not a private key in PEM form: {ADVICE}."
        raise SettingsError(message)
    return [_parse_one(block, where=where) for block in blocks]


def _parse_one(block: str, *, where: str) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(block.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        message = f"{where} cannot be read as an unencrypted private key: {ADVICE}."
        raise SettingsError(message) from None  # the cause may quote the key
    if not isinstance(key, Ed25519PrivateKey):
        kind = type(key).__name__.removeprefix("_").removesuffix("PrivateKey")
        message = f"{where} is of kind {kind} but only Ed25519 is taken: {ADVICE}."
        raise SettingsError(message)
    return key


def _read(path: Path) -> str:
    try:
        with path.open(encoding="ascii") as file:
            if os.fstat(file.fileno()).st_mode & SHARED_BITS:
                message = f"The signing key in {path} is open to other users: run `chmod 600 {path}`."
                raise SettingsError(message)
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        message = f"The signing key in {path} cannot be read ({type(error).__name__}): check the file."
        raise SettingsError(message) from None


def _create(path: Path) -> None:
    """Make a key file; of two processes at once both keep the file that got the name first.

    The file is complete before it has its name (a hard link fails when the name exists), so
    nobody can read half a key.
    """
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600, O_EXCL
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
        except FileExistsError:
            return
        finally:
            Path(draft).unlink()
    except OSError as error:
        message = f"The signing key cannot be written to {path}: {error.strerror}."
        raise SettingsError(message) from None
