import base64
import os
import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from netra_backend.auth.keys import SigningKeys, load_signing_keys, thumbprint
from netra_backend.settings import SettingsError


def pem_of(key: PrivateKeyTypes, password: bytes | None = None) -> str:
    """The key as PEM text."""
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden).decode()


def test_thumbprint_is_that_of_rfc_8037() -> None:
    """Appendix A.3 gives this key and this thumbprint."""
    x = base64.urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    assert thumbprint(Ed25519PublicKey.from_public_bytes(x)) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_missing_file_is_made_for_its_owner_only(tmp_path: Path) -> None:
    """The file has mode 0600, nothing else is left, and the next start finds the same key."""
    path = tmp_path / "new folder" / "signing_key.pem"
    first = load_signing_keys(path, pem=None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["signing_key.pem"]
    assert load_signing_keys(path, pem=None).kid == first.kid


def test_many_starting_at_once_agree_on_one_key(tmp_path: Path) -> None:
    """Whoever names the file first wins; all others read it, and nobody reads half of it."""
    path, start, kids = tmp_path / "signing_key.pem", threading.Barrier(8), list[str]()

    def run() -> None:
        start.wait()
        kids.append(load_signing_keys(path, pem=None).kid)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kids == [load_signing_keys(path, pem=None).kid] * 8
    assert os.listdir(tmp_path) == ["signing_key.pem"]


def test_the_setting_wins_over_the_file_and_may_be_one_line(tmp_path: Path) -> None:
    """Environment files write line ends as a backslash and an n."""
    key = Ed25519PrivateKey.generate()
    loaded = load_signing_keys(tmp_path / "none.pem", pem=pem_of(key).replace("\n", "\\n"))
    assert loaded.kid == thumbprint(key.public_key())
    assert not (tmp_path / "none.pem").exists()


def test_the_first_of_several_keys_signs_and_all_check() -> None:
    """So a key is rotated without logging everybody out."""
    new, old = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    loaded = load_signing_keys(None, pem=pem_of(new) + pem_of(old))
    assert loaded.private.private_bytes_raw() == new.private_bytes_raw()
    assert loaded.public(thumbprint(old.public_key())) is not None
    assert [each["kid"] for each in loaded.jwks()["keys"]] == [loaded.kid, thumbprint(old.public_key())]


def test_jwks_holds_no_private_part() -> None:
    """Only what RFC 8037 names public is published."""
    (entry,) = SigningKeys([Ed25519PrivateKey.generate()]).jwks()["keys"]
    assert entry.keys() == {"kty", "crv", "x", "kid", "alg", "use"}


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        ("a-shared-secret-of-some-length", "not a private key"),
        ("", "not a private key"),
        (pem_of(rsa.generate_private_key(65537, 1024)), "of kind RSA"),  # noqa: S505 - weak on purpose
        (pem_of(rsa.generate_private_key(65537, 2048)), "of kind RSA"),
        (pem_of(ec.generate_private_key(ec.SECP256R1())), "only Ed25519"),
        (pem_of(Ed25519PrivateKey.generate(), b"locked"), "unencrypted"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "cannot be read"),
    ],
    ids=["hmac", "empty", "rsa1024", "rsa2048", "ec", "encrypted", "garbage"],
)
def test_a_weak_or_wrong_key_is_refused_by_name_without_quoting_it(pem: str, reason: str) -> None:
    """Attack 31: a weak configured key stops the start with one sentence."""
    with pytest.raises(SettingsError) as refused:
        load_signing_keys(None, pem=pem)
    sentence = str(refused.value)
    assert reason in sentence
    assert "signing_key (NETRA_SIGNING_KEY)" in sentence
    assert "\n" not in sentence
    assert not pem or pem[:40] not in sentence


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o620])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    """A key that others read or change is no secret."""
    path = tmp_path / "signing_key.pem"
    load_signing_keys(path, pem=None)
    path.chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600"):
        load_signing_keys(path, pem=None)


def test_no_key_at_all_says_how_to_make_one() -> None:
    """Gateways without a data folder need the setting."""
    with pytest.raises(SettingsError, match="openssl genpkey -algorithm ed25519"):
        load_signing_keys(None, pem=None)


def test_a_folder_that_cannot_be_made_and_a_file_that_cannot_be_read_are_said_plainly(tmp_path: Path) -> None:
    """One sentence with the path, no traceback."""
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.pem").mkdir()
    for path, reason in (
        (tmp_path / "file" / "key.pem", "cannot be written"),
        (tmp_path / "folder.pem", "cannot be read"),
    ):
        with pytest.raises(SettingsError, match=reason) as refused:
            load_signing_keys(path, pem=None)
        assert str(path) in str(refused.value)


ADVICE = "make one with `openssl genpkey -algorithm ed25519`."
SETTING = "Setting signing_key (NETRA_SIGNING_KEY)"


@pytest.mark.parametrize(
    ("pem", "sentence"),
    [
        (None, f"{SETTING} is missing: {ADVICE}"),
        ("x", f"{SETTING} is not a private key in PEM form: {ADVICE}"),
        (
            pem_of(ec.generate_private_key(ec.SECP256R1())),
            f"{SETTING} is of kind EC but only Ed25519 is taken: {ADVICE}",
        ),
        (
            pem_of(Ed25519PrivateKey.generate(), b"locked"),
            f"{SETTING} cannot be read as an unencrypted private key: {ADVICE}",
        ),
    ],
    ids=["missing", "no pem", "ec", "encrypted"],
)
def test_each_fault_of_the_setting_is_one_sentence(pem: str | None, sentence: str) -> None:
    """It says what to do; what caused it may quote the key, and is not kept."""
    with pytest.raises(SettingsError) as refused:
        load_signing_keys(None, pem=pem)
    assert str(refused.value) == sentence
    assert refused.value.__cause__ is None


def test_each_fault_of_the_file_names_it(tmp_path: Path) -> None:
    """With what to do about it."""
    path = tmp_path / "signing_key.pem"
    path.write_bytes("schlüssel".encode())
    path.chmod(0o600)
    with pytest.raises(SettingsError) as refused:
        load_signing_keys(path, pem=None)
    assert (
        str(refused.value)
        == f"The signing key in {path} cannot be read (UnicodeDecodeError): check the file."
    )
    path.write_bytes(b"nothing")
    with pytest.raises(SettingsError) as refused:
        load_signing_keys(path, pem=None)
    assert str(refused.value) == f"The signing key in {path} is not a private key in PEM form: {ADVICE}"
    path.chmod(0o644)
    with pytest.raises(SettingsError) as refused:
        load_signing_keys(path, pem=None)
    assert str(refused.value) == f"The signing key in {path} is open to other users: run `chmod 600 {path}`."
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "key.pem"
    with pytest.raises(SettingsError) as refused:
        load_signing_keys(below, pem=None)
    assert str(refused.value) == f"The signing key cannot be written to {below}: File exists."


def test_a_folder_that_is_made_for_the_key_is_its_owners(tmp_path: Path) -> None:
    """One that is there already is left as it is; a key mounted for a group may be read by it."""
    path = tmp_path / "new" / "signing_key.pem"
    load_signing_keys(path, pem=None)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o640)
    assert load_signing_keys(path, pem=None).kid


def test_the_published_key_set_is_that_of_rfc_8037() -> None:
    """Every member with its value."""
    key = Ed25519PrivateKey.generate()
    loaded = SigningKeys([key])
    x = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    entry = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": loaded.kid, "alg": "EdDSA", "use": "sig"}
    assert loaded.jwks() == {"keys": [entry]}
    assert loaded.public("other") is None
