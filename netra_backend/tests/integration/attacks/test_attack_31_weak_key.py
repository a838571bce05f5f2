"""Attack 31: a key that anybody could compute or guess signs nothing here."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from netra_backend.auth.keys import ADVICE
from netra_backend.embedded.wiring import Addresses

pytestmark = pytest.mark.asyncio(loop_scope="module")

NETRA = Path(sys.executable).with_name("netra")


def short_rsa() -> str:
    """A key that was enough twenty years ago."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - weak on purpose
    none = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none).decode()


@pytest.mark.parametrize(
    "key", ["canary-9f1c", "secret", short_rsa()], ids=["a word", "the word", "RSA 1024"]
)
async def test_attack_31_a_weak_key_is_refused_at_the_start(
    addresses: Addresses, tmp_path: Path, key: str
) -> None:
    """A real gateway does not start: one sentence that names the setting and does not quote the key, exit 2."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NETRA_")} | {
        "NETRA_DATABASE_URL": addresses.app_url,
        "NETRA_DATABASE_OWNER_URL": addresses.owner_url,
        "NETRA_VALKEY_URL": addresses.valkey_url,
        "NETRA_SIGNING_KEY": key,
    }
    refused = await asyncio.to_thread(
        subprocess.run,
        [str(NETRA), "gateway", "--port", "0", "--data-dir", "data"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "NETRA_SIGNING_KEY" in line
    assert ADVICE in line
    assert key not in refused.stderr + refused.stdout
    assert '"ready"' not in refused.stdout
