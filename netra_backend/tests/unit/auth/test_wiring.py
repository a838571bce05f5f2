import socket
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from netra_backend.auth.wiring import create_auth
from netra_backend.domain.errors import Forbidden, Unauthenticated
from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import Owner, TenantId, UserId
from netra_backend.settings import Issuer, Settings
from netra_backend.store.database import Database
from netra_backend.testing.fake_clock import FakeClock
from netra_backend.tests.integration.auth.conftest import CutOffs


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
