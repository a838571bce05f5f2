import os
import socket
from pathlib import Path
from uuid import UUID

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import OKPAlgorithm
from pydantic import SecretStr

from netra_backend.auth.wiring import create_auth
from netra_backend.domain.errors import Forbidden, Unauthenticated
from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import Owner, TenantId, UserId
from netra_backend.settings import Issuer, Settings
from netra_backend.store.database import Database
from netra_backend.testing.fake_clock import FakeClock
from netra_backend.tests.integration.auth.conftest import CutOffs
from netra_backend.tests.unit.auth.test_remote_keys import IssuerSite


async def test_an_external_issuer_that_is_away_refuses_only_its_own_tokens(
    tmp_path: Path, clock: FakeClock
) -> None:
    """Its tokens cannot be checked; that is said, and nothing else breaks."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # nobody listens here
        away = Issuer(
            issuer="https://id.example",
            audience="chat",
            jwks_url=f"http://127.0.0.1:{bound.getsockname()[1]}/jwks",
        )
        cut_offs = CutOffs()
        auth = create_auth(
            Settings(data_dir=tmp_path, external_issuers=(away,)),
            database=Database("postgresql://nowhere"),
            store=cut_offs,
            feed=cut_offs,
            clock=clock,
            new_id=str,
        )
        claims = {"iss": "https://id.example", "aud": "chat", "sub": "u", "tenant_id": "t", "exp": 9e9}
        token = jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": "k"})
        with pytest.raises(Unauthenticated, match="key is not known"):
            await auth.verify(token)
        await auth.close()


async def test_tokens_of_an_external_issuer_need_no_database_and_are_not_renewed_here(
    tmp_path: Path, clock: FakeClock
) -> None:
    """They stand for no session of ours."""
    cut_offs = CutOffs()
    auth = create_auth(
        Settings(data_dir=tmp_path),
        database=Database("postgresql://nowhere"),
        store=cut_offs,
        feed=cut_offs,
        clock=clock,
        new_id=str,
    )
    principal = Principal(
        owner=Owner(TenantId("t"), UserId("u")),
        roles=frozenset(),
        expires_at=clock.now().replace(year=2030),
        session_id=None,
        issuer="https://id.example",
    )
    assert await auth.current(principal)
    with pytest.raises(Forbidden, match="another issuer"):
        await auth.renew(principal)


async def test_the_settings_reach_what_they_are_for(tmp_path: Path, clock: FakeClock) -> None:
    """Names, lifetimes, guesses and the key's file."""
    cut_offs = CutOffs()
    settings = Settings(
        data_dir=tmp_path,
        issuer="https://netra.example",
        audience="chat",
        token_ttl_s=120,
        session_ttl_s=7200,
        login_attempts=3,
        login_attempts_per_account=4,
        login_attempts_per_address=5,
    )
    auth = create_auth(
        settings,
        database=Database("postgresql://nowhere"),
        store=cut_offs,
        feed=cut_offs,
        clock=clock,
        new_id=str,
    )
    owner = Owner(TenantId("t"), UserId("u"))
    issued = auth._issuer.issue(owner, roles=(), session_id=str(UUID(int=1)), ttl=auth._lifetimes.token)
    claims = jwt.decode(issued.access_token, options={"verify_signature": False})
    assert (claims["iss"], claims["aud"], issued.expires_in) == ("https://netra.example", "chat", 120)
    assert await auth._verifier.verify(issued.access_token) == issued.principal
    assert auth._lifetimes.session.total_seconds() == 7200
    throttles = (auth._by_login, auth._by_account, auth._by_address)
    assert [each._burst for each in throttles] == [3, 4, 5]
    assert [each._name for each in throttles] == ["login", "account", "address"]
    assert os.listdir(tmp_path) == ["signing_key.pem"]
    await auth._cut_off(owner)
    assert (cut_offs.revoked, cut_offs.stopped) == ([owner], [owner])
    await auth._stop_runs(owner)
    assert cut_offs.stopped == [owner, owner]


async def test_the_key_of_the_setting_is_used_and_issuers_are_asked_with_the_given_client(
    tmp_path: Path, clock: FakeClock
) -> None:
    """No key file is made then; the client is closed in the end."""
    key = Ed25519PrivateKey.generate()
    jwk = {**OKPAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "k"}
    site = IssuerSite(jwk)
    issuer = Issuer(
        issuer="https://id.example",
        audience="theirs",
        jwks_url="https://id.example/jwks",
        algorithms=("EdDSA",),
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    cut_offs = CutOffs()
    client = httpx.AsyncClient(transport=httpx.ASGITransport(site))
    auth = create_auth(
        Settings(data_dir=tmp_path, signing_key=SecretStr(pem), external_issuers=(issuer,)),
        database=Database("postgresql://nowhere"),
        store=cut_offs,
        feed=cut_offs,
        clock=clock,
        new_id=str,
        client=client,
    )
    assert auth.keys.private.private_bytes_raw() == key.private_bytes_raw()
    assert os.listdir(tmp_path) == []
    claims = {"iss": "https://id.example", "aud": "theirs", "sub": "u", "tenant_id": "t", "exp": 1767268860}
    token = jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": "k"})
    assert (await auth.verify(token)).owner == ("t", "u")
    assert site.asked == 1
    await auth.close()
    assert client.is_closed
