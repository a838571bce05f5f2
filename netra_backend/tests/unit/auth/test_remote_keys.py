import asyncio
import json
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from starlette.types import Receive, Scope, Send

from netra_backend.auth.keys import SigningKeys
from netra_backend.auth.remote_keys import MAX_BYTES, REFETCH_S, RemoteKeys, read_jwks
from netra_backend.auth.tokens import ExternalIssuer, TokenVerifier
from netra_backend.domain.errors import Unauthenticated
from netra_backend.settings import Issuer, SettingsError
from netra_backend.testing.fake_clock import FakeClock

SETTING = Issuer(issuer="https://id.example", audience="chat", jwks_url="https://id.example/jwks")
NOW = 1767268800  # of FakeClock
RSA_KEY = rsa.generate_private_key(65537, 2048)
WEAK_KEY = rsa.generate_private_key(65537, 1024)  # noqa: S505 - weak on purpose
EC_KEY = ec.generate_private_key(ec.SECP256R1())


class IssuerSite:
    """An ASGI application that serves a key set and counts how often it is asked."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": keys}).encode()
        self.status = 200
        self.headers: list[tuple[bytes, bytes]] = []
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        self.asked += 1
        await asyncio.sleep(0)
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body})


def rsa_jwk(kid: str = "r1", **more: Any) -> dict[str, Any]:
    """Our RSA key as the issuer publishes it."""
    return RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True) | {"kid": kid} | more


def ec_jwk(kid: str = "e1", **more: Any) -> dict[str, Any]:
    """Our EC key as the issuer publishes it."""
    return ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True) | {"kid": kid} | more


def remote(site: IssuerSite, clock: FakeClock) -> RemoteKeys:
    """The keys of the site."""
    return RemoteKeys(SETTING, client=httpx.AsyncClient(transport=httpx.ASGITransport(site)), clock=clock)


def verifier(site: IssuerSite, keys: SigningKeys, clock: FakeClock) -> TokenVerifier:
    """A verifier that trusts the site."""
    external = ExternalIssuer(issuer=SETTING.issuer, audience="chat", keys=remote(site, clock))
    return TokenVerifier(keys, issuer="netra", audience="netra", clock=clock, external=[external])


def token(key: Any, alg: str, kid: str | None, **changes: Any) -> str:
    """A token of the site's issuer."""
    claims = {
        "iss": SETTING.issuer,
        "aud": "chat",
        "sub": "auth0|1",
        "tenant_id": "acme",
        "exp": NOW + 60,
        "roles": ["operator"],
    }
    return jwt.encode(claims | changes, key, algorithm=alg, headers={"kid": kid} if kid else None)


async def test_a_token_of_an_external_issuer_is_accepted_without_roles(
    keys: SigningKeys, clock: FakeClock
) -> None:
    """Names come from there; rights in this installation do not."""
    check = verifier(IssuerSite(rsa_jwk(), ec_jwk()), keys, clock)
    for key, alg, kid in ((RSA_KEY, "RS256", "r1"), (EC_KEY, "ES256", "e1")):
        principal = await check.verify(token(key, alg, kid))
        assert principal.owner == ("acme", "auth0|1")
        assert (principal.roles, principal.session_id) == (frozenset(), None)


async def test_issuers_cannot_speak_for_each_other(keys: SigningKeys, clock: FakeClock) -> None:
    """A key of one issuer signs nothing in the name of another, not even ours."""
    check = verifier(IssuerSite(rsa_jwk()), keys, clock)
    for forged in (
        token(RSA_KEY, "RS256", "r1", iss="netra", aud="netra", sid="0190a8f0-0000-7000-8000-000000000001"),
        token(RSA_KEY, "RS256", "r1", aud="netra"),
        token(keys.private, "EdDSA", keys.kid),
        token(RSA_KEY, "RS256", "r1", iss="https://evil.example"),
    ):
        with pytest.raises(Unauthenticated):
            await check.verify(forged)


async def test_attack_30_the_algorithm_is_the_keys(keys: SigningKeys, clock: FakeClock) -> None:
    """The same RSA key signs PS256 and RS512 as well, but it is for RS256."""
    check = verifier(IssuerSite(rsa_jwk()), keys, clock)
    for alg in ("RS512", "PS256"):
        with pytest.raises(Unauthenticated, match="signature"):
            await check.verify(token(RSA_KEY, alg, "r1"))


async def test_keys_are_fetched_once_and_unknown_ids_ask_at_most_every_30_s(clock: FakeClock) -> None:
    """A flood of made-up ids makes one request in 30 seconds, also from many at once."""
    site = IssuerSite(rsa_jwk())
    keys = remote(site, clock)
    assert all(await asyncio.gather(*(keys.find("r1") for _ in range(20))))
    assert await asyncio.gather(*(keys.find(f"made-up-{n}") for n in range(20))) == [None] * 20
    assert site.asked == 1
    clock.forward(REFETCH_S)
    await asyncio.gather(*(keys.find(f"made-up-{n}") for n in range(20)))
    assert site.asked == 2


async def test_a_new_key_is_found_and_a_withdrawn_one_ends(clock: FakeClock) -> None:
    """Rotation at the issuer needs no restart here."""
    site = IssuerSite(rsa_jwk("old"))
    keys = remote(site, clock)
    assert await keys.find("old")
    site.body = json.dumps({"keys": [rsa_jwk("new"), ec_jwk()]}).encode()
    clock.forward(REFETCH_S)
    assert await keys.find("new")
    assert await keys.find("old") is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (302, b""),
        (200, b"<html>"),
        (200, b'{"keys": 7}'),
        (200, b'{"keys": ["x"]}'),
        (200, b"[" * 50_000),
        (200, b'{"keys": []}' + b" " * MAX_BYTES),
    ],
)
async def test_known_keys_survive_a_broken_issuer(clock: FakeClock, status: int, body: bytes) -> None:
    """An outage there logs nobody out here; and a redirect is not followed."""
    site = IssuerSite(rsa_jwk())
    keys = remote(site, clock)
    assert await keys.find("r1")
    site.status, site.body = status, body
    site.headers = [(b"location", b"https://evil.example/jwks")]
    clock.forward(4000)
    assert await keys.find("r1")
    assert site.asked == 2


async def test_without_a_key_id_only_a_single_key_will_do(clock: FakeClock) -> None:
    """Guessing among several would let the token choose."""
    assert await remote(IssuerSite(rsa_jwk()), clock).find(None)
    assert await remote(IssuerSite(rsa_jwk(), ec_jwk()), clock).find(None) is None


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ", "kid": "r1", "alg": "HS256"},
        rsa_jwk(use="enc"),
        rsa_jwk(alg="HS256"),
        rsa_jwk(alg="none"),
        rsa_jwk(alg="RS512"),
        rsa_jwk(n="AQAB"),
        rsa_jwk(n=7),
        RSAAlgorithm.to_jwk(WEAK_KEY.public_key(), as_dict=True) | {"kid": "r1"},
        {"kty": ["RSA"], "kid": "r1"},
        {"kty": "EC", "crv": "secp256k1", "kid": "r1"},
        {},
    ],
    ids=lambda entry: str(entry)[:24],
)
def test_keys_that_are_weak_secret_or_for_something_else_are_left_out(entry: dict[str, Any]) -> None:
    """Attack 31: only public keys of full strength, for signatures, of configured algorithms."""
    assert read_jwks({"keys": [entry]}, algorithms=SETTING.algorithms) == {}


def test_ed25519_keys_are_read() -> None:
    """As our own issuer publishes them."""
    entry = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate().public_key(), as_dict=True) | {"kid": "o"}
    assert read_jwks({"keys": [entry]}, algorithms=SETTING.algorithms)["o"].algorithm == "EdDSA"


@pytest.mark.parametrize("algorithms", [("HS256",), ("RS256", "none"), ()])
def test_a_setting_with_shared_secrets_stops_the_start(algorithms: tuple[str, ...], clock: FakeClock) -> None:
    """The sentence names the setting."""
    setting = SETTING.model_copy(update={"algorithms": algorithms})
    with pytest.raises(SettingsError, match="external_issuers"):
        RemoteKeys(setting, client=httpx.AsyncClient(), clock=clock)


RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
EC_CURVES: list[tuple[str, ec.EllipticCurve]] = [
    ("ES256", ec.SECP256R1()),
    ("ES384", ec.SECP384R1()),
    ("ES512", ec.SECP521R1()),
]


@pytest.mark.parametrize("algorithm", RSA_ALGORITHMS)
def test_an_rsa_key_is_for_the_algorithm_that_it_or_the_operator_names(algorithm: str) -> None:
    """The operator's first one that fits, unless the issuer says which."""
    for entry, algorithms in ((rsa_jwk(), ("EdDSA", algorithm)), (rsa_jwk(alg=algorithm), RSA_ALGORITHMS)):
        assert read_jwks({"keys": [entry]}, algorithms=algorithms)["r1"].algorithm == algorithm


@pytest.mark.parametrize(("algorithm", "curve"), EC_CURVES)
def test_an_ec_key_is_for_the_algorithm_of_its_curve(algorithm: str, curve: ec.EllipticCurve) -> None:
    """No other."""
    public = ec.generate_private_key(curve).public_key()
    entry = ECAlgorithm.to_jwk(public, as_dict=True) | {"kid": "e", "use": "sig"}
    every = [name for name, _ in EC_CURVES]
    assert read_jwks({"keys": [entry]}, algorithms=every)["e"].algorithm == algorithm
    assert read_jwks({"keys": [entry]}, algorithms=[each for each in every if each != algorithm]) == {}


def test_every_public_key_algorithm_may_be_configured(clock: FakeClock) -> None:
    """The refusal of another one lists them."""
    every = sorted(["EdDSA", *(name for name, _ in EC_CURVES), *RSA_ALGORITHMS])
    client = httpx.AsyncClient()
    RemoteKeys(SETTING.model_copy(update={"algorithms": tuple(every)}), client=client, clock=clock)
    with pytest.raises(SettingsError) as refused:
        RemoteKeys(SETTING.model_copy(update={"algorithms": ("HS256",)}), client=client, clock=clock)
    assert str(refused.value) == (
        "Setting external_issuers (NETRA_EXTERNAL_ISSUERS): algorithms must be of " + ", ".join(every) + "."
    )


def test_of_a_set_the_first_64_keys_are_read() -> None:
    """Those without an id only when they are alone."""
    entries = [rsa_jwk(f"k{number}") for number in range(65)]
    assert list(read_jwks({"keys": entries}, algorithms=["RS256"])) == [f"k{number}" for number in range(64)]
    nameless = {name: value for name, value in rsa_jwk().items() if name != "kid"}
    assert list(read_jwks({"keys": [nameless]}, algorithms=["RS256"])) == [None]
    assert read_jwks({"keys": [nameless, nameless]}, algorithms=["RS256"]) == {}


async def test_keys_that_are_known_are_asked_for_again_after_an_hour(clock: FakeClock) -> None:
    """One that is not known after 30 seconds, and not before."""
    site = IssuerSite(rsa_jwk())
    keys = remote(site, clock)
    asked = []
    for kid, seconds in (("r1", 0), ("r1", 3599), ("r1", 1), ("no", 29.9), ("no", 0.1), ("no", 29.9)):
        clock.forward(seconds)
        await keys.find(kid)
        asked.append(site.asked)
    assert asked == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(("size", "read"), [(256 * 1024, True), (256 * 1024 + 1, False)])
async def test_a_key_set_has_at_most_256_kib(clock: FakeClock, size: int, read: bool) -> None:
    """Nothing of a larger one counts."""
    site = IssuerSite(rsa_jwk())
    site.body += b" " * (size - len(site.body))
    assert (await remote(site, clock).find("r1") is not None) == read
