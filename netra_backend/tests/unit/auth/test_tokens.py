import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netra_backend.auth.keys import SigningKeys
from netra_backend.auth.tokens import TokenIssuer, TokenVerifier
from netra_backend.domain.errors import Unauthenticated
from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import Owner, TenantId, UserId
from netra_backend.testing.fake_clock import FakeClock

OWNER = Owner(TenantId("acme"), UserId("u-1"))
SESSION = "0190a8f0-0000-7000-8000-000000000001"
NOW = 1767268800  # of FakeClock

Sign = Callable[..., str]


@pytest.fixture
def verifier(keys: SigningKeys, clock: FakeClock) -> TokenVerifier:
    """A verifier of our tokens only."""
    return TokenVerifier(keys, issuer="netra", audience="netra", clock=clock)


@pytest.fixture
def sign(keys: SigningKeys) -> Sign:
    """Signs claims with our key; changes come on top, None removes."""

    def make(
        header: dict[str, Any] | None = None, key: Ed25519PrivateKey | None = None, **changes: Any
    ) -> str:
        claims = {
            "iss": "netra",
            "aud": "netra",
            "sub": "u-1",
            "tenant_id": "acme",
            "sid": SESSION,
            "iat": NOW,
            "exp": NOW + 60,
        } | changes
        present = {name: value for name, value in claims.items() if value is not None}
        head = {"alg": "EdDSA", "kid": keys.kid} | (header or {})
        body = ".".join(encoded(part) for part in ({k: v for k, v in head.items() if v is not None}, present))
        return f"{body}.{b64((key or keys.private).sign(body.encode()))}"

    return make


def b64(data: bytes) -> str:
    """As RFC 7515 encodes bytes."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encoded(value: Any) -> str:
    """As RFC 7515 encodes JSON."""
    return b64(json.dumps(value).encode())


async def test_what_we_issue_we_accept(keys: SigningKeys, clock: FakeClock, verifier: TokenVerifier) -> None:
    """The principal that is read equals the one that was issued."""
    issuer = TokenIssuer(keys, issuer="netra", audience="netra", clock=clock)
    issued = issuer.issue(OWNER, roles=["operator"], session_id=SESSION, ttl=timedelta(seconds=90))
    assert issued.expires_in == 90
    assert await verifier.verify(issued.access_token) == issued.principal
    assert issued.principal == Principal(
        owner=OWNER,
        roles=frozenset(["operator"]),
        expires_at=clock.now() + timedelta(seconds=90),
        session_id=SESSION,
        issuer="netra",
    )


async def test_anybody_can_check_our_tokens_with_our_jwks(keys: SigningKeys, sign: Sign) -> None:
    """Another implementation with the published key set reads the same claims."""
    key = jwt.PyJWKSet.from_dict(keys.jwks())[keys.kid]
    assert jwt.PyJWS().decode(sign(), key, algorithms=["EdDSA"]) is not None


async def test_attack_30_alg_none(verifier: TokenVerifier, sign: Sign) -> None:
    """A token that calls itself unsigned is refused, with and without a signature."""
    for alg in ("none", "None", "NONE", ""):
        token = sign({"alg": alg})
        for attempt in (token, token.rpartition(".")[0] + "."):
            with pytest.raises(Unauthenticated):
                await verifier.verify(attempt)


async def test_attack_30_hmac_with_the_public_key(
    keys: SigningKeys, verifier: TokenVerifier, sign: Sign
) -> None:
    """The public key is public: it must never be taken for a shared secret (CVE-2022-29217)."""
    public = keys.private.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, public.public_bytes_raw(), b64(public.public_bytes_raw()).encode(), b""):
        body = sign({"alg": "HS256"}).rpartition(".")[0]
        forged = f"{body}.{b64(hmac.new(secret, body.encode(), hashlib.sha256).digest())}"
        with pytest.raises(Unauthenticated, match="signature"):
            await verifier.verify(forged)


@pytest.mark.parametrize("alg", ["RS256", "ES256", "HS512", "EdDSA ", "eddsa", "Ed448"])
async def test_attack_30_algorithm_other_than_the_keys(verifier: TokenVerifier, sign: Sign, alg: str) -> None:
    """The key has one algorithm; the header has no choice, though the signature would fit."""
    with pytest.raises(Unauthenticated):
        await verifier.verify(sign({"alg": alg}))


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": True},
        {"b64": True},
        {"zip": "DEF"},
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/cert.pem"},
        {"x5c": ["MIIB"]},
        {"jwk": {"kty": "OKP"}},
        {"kid": "../../etc/passwd"},
        {"kid": "' OR 1=1 --"},
        {"kid": None},
    ],
    ids=lambda header: str(header)[:30],
)
async def test_attack_30_headers_that_bring_or_point_to_a_key(
    verifier: TokenVerifier, sign: Sign, header: dict[str, Any]
) -> None:
    """Correctly signed, but with a header that must not be followed."""
    with pytest.raises(Unauthenticated):
        await verifier.verify(sign(header))


@pytest.mark.parametrize(
    "kid", ["k" * 129, "k" * 10_000, "a\u0000b", "a\nb", ""], ids=lambda kid: ascii(kid)[:20]
)
async def test_attack_30_a_key_id_of_a_wrong_shape_is_not_even_looked_up(
    verifier: TokenVerifier, sign: Sign, kid: str
) -> None:
    """Long, empty or with control characters: it must not reach a cache, a log or an issuer."""
    with pytest.raises(Unauthenticated, match="key id is not valid"):
        await verifier.verify(sign({"kid": kid}))


@pytest.mark.parametrize("kid", [7, ["a"], {"a": 1}], ids=str)
async def test_attack_30_a_key_id_that_is_no_text_is_refused(
    verifier: TokenVerifier, sign: Sign, kid: Any
) -> None:
    """Whatever JSON allows there."""
    with pytest.raises(Unauthenticated):
        await verifier.verify(sign({"kid": kid}))


async def test_attack_30_own_key_in_the_header(verifier: TokenVerifier, sign: Sign) -> None:
    """An attacker's key in `jwk` signs nothing here (CVE-2018-0114)."""
    mine = Ed25519PrivateKey.generate()
    own = {"kty": "OKP", "crv": "Ed25519", "x": b64(mine.public_key().public_bytes_raw())}
    with pytest.raises(Unauthenticated):
        await verifier.verify(sign({"jwk": own}, key=mine))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "evil"},
        {"iss": None},
        {"iss": ["netra"]},
        {"aud": "other"},
        {"aud": ["other", "another"]},
        {"aud": None},
        {"aud": {"netra": 1}},
        {"exp": None},
        {"exp": NOW - 5},
        {"exp": 0},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": 10**30},
        {"nbf": NOW + 6},
        {"nbf": "now"},
        {"iat": NOW + 6},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "a\u001fb"},
        {"sub": "a\nb"},
        {"sub": "x" * 256},
        {"tenant_id": None},
        {"tenant_id": ""},
        {"tenant_id": "acme\u001fother"},
        {"tenant_id": ["acme"]},
        {"tenant_id": "\ud800"},
        {"sid": None},
        {"sid": "../x"},
        {"roles": "operator"},
        {"roles": [1]},
    ],
    ids=lambda changes: str(changes)[:30],
)
async def test_attack_31_claims_that_do_not_hold(
    verifier: TokenVerifier, sign: Sign, changes: dict[str, Any]
) -> None:
    """Correctly signed, but for somebody else, for another time, or for nobody."""
    with pytest.raises(Unauthenticated):
        await verifier.verify(sign(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": ["other", "netra"]},
        {"exp": NOW - 4},
        {"nbf": NOW + 5, "iat": NOW + 5},
        {"sub": "x" * 255},
        {"tenant_id": "Zürich 東京"},
        {"extra": {"deep": [1]}},
    ],
    ids=str,
)
async def test_claims_at_the_edge_hold(verifier: TokenVerifier, sign: Sign, changes: dict[str, Any]) -> None:
    """Five seconds of clock difference and any printable name are fine."""
    assert (await verifier.verify(sign(**changes))).session_id == SESSION


async def test_attack_31_empty_or_foreign_key(verifier: TokenVerifier, sign: Sign) -> None:
    """Right `kid`, but signed by somebody else."""
    with pytest.raises(Unauthenticated, match="signature"):
        await verifier.verify(sign(key=Ed25519PrivateKey.generate()))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "eyJhbGciOiJFZERTQSJ9..",
        "é.é.é",
        "\ud800",
        f"{encoded([1])}.{encoded({})}.AA",
        f"{encoded({'alg': 'EdDSA'})}.{encoded([1])}.AA",
        f"{b64(b'[' * 9000)}.{encoded({})}.AA",
        f"{encoded({'alg': 'EdDSA'})}.{b64(b'[' * 9000)}.AA",
        f"{encoded({'alg': 'EdDSA'})}.{b64(b'1' * 9000)}.AA",
        "x" * 20_000,
    ],
    ids=lambda token: ascii(token)[:20],
)
async def test_what_is_no_token_is_refused(verifier: TokenVerifier, token: str) -> None:
    """Nothing but `Unauthenticated` comes out, and it does not repeat what came in."""
    with pytest.raises(Unauthenticated) as refused:
        await verifier.verify(token)
    assert len(token) < 4 or token[:12] not in str(refused.value)


async def test_what_is_read_is_exactly_what_is_signed(
    verifier: TokenVerifier, keys: SigningKeys, sign: Sign
) -> None:
    """Another part between claims and signature would be signed as well, and read by nobody; nor may one lack."""
    header, claims, _ = sign().split(".")
    parts = [f"{header}.{claims}.{'AAAA'[:length]}" for length in range(4)]
    tokens = [f"{part}.{b64(keys.private.sign(part.encode()))}" for part in parts]
    for token in (*tokens, f"{header}.{claims}", f"{header}.{claims}.A"):  # one character is no byte
        with pytest.raises(Unauthenticated, match=r"^The token is not a valid JWT\.$"):
            await verifier.verify(token)


async def test_a_token_over_16_kib_is_refused_before_it_is_read(verifier: TokenVerifier, sign: Sign) -> None:
    """Valid in everything but its size."""
    assert (await verifier.verify(sign(padding="x" * 10_000))).owner == OWNER
    with pytest.raises(Unauthenticated, match="16 KiB"):
        await verifier.verify(sign(padding="x" * 13_000))


async def test_refusals_do_not_quote_the_token(verifier: TokenVerifier, sign: Sign) -> None:
    """Sentences go to logs and clients."""
    token = sign(sub="canary\n")
    with pytest.raises(Unauthenticated) as refused:
        await verifier.verify(token)
    assert not any(part in str(refused.value) for part in (*token.split("."), "canary"))
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        ({"iss": "evil"}, "The token's issuer is not known here."),
        ({"header": {"kid": "other"}}, "The token's key is not known here."),
        ({"header": {"kid": None}}, "The token's key is not known here."),
        ({"header": {"jku": "x"}}, "The token's header holds a member that is not allowed."),
        ({"header": {"kid": "k" * 129}}, "The token's key id is not valid."),
        ({"header": {"kid": "k" * 128}}, "The token's key is not known here."),
        ({"header": {"kid": "k"}}, "The token's key is not known here."),
        ({"aud": "other"}, "The token is for another audience."),
        ({"exp": None}, "The token has no expiry."),
        ({"exp": NOW - 5}, "The token has expired."),
        ({"exp": 253402300800}, "The token's exp is not a time."),
        ({"exp": -1}, "The token's exp is not a time."),
        ({"nbf": NOW + 6}, "The token is not valid yet."),
        ({"iat": NOW + 6}, "The token is not valid yet."),
        ({"nbf": "now"}, "The token's nbf is not a time."),
        ({"sub": ""}, "The token's sub and tenant_id must be 1 to 255 printable characters."),
        ({"roles": [1, "a"]}, "The token's roles are not a list of names."),
        ({"sid": None}, "The token has no session."),
        ({"key": Ed25519PrivateKey.generate()}, "The token's signature is not valid."),
        ("a.b.c", "The token is not a valid JWT."),
        (f"{encoded([1])}.{encoded({})}.AA", "The token is not a valid JWT."),
        (f"{encoded({})}.{encoded([1])}.AA", "The token is not a valid JWT."),
        ("é", "The token is not a JWT of at most 16 KiB."),
        ("x" * 16_385, "The token is not a JWT of at most 16 KiB."),
        ("x" * 16_384, "The token is not a valid JWT."),
    ],
    ids=lambda value: ascii(value)[:40],
)
async def test_each_refusal_says_what_is_wrong(
    verifier: TokenVerifier, sign: Sign, token: Any, sentence: str
) -> None:
    """For whoever configures an issuer."""
    with pytest.raises(Unauthenticated) as refused:
        await verifier.verify(token if isinstance(token, str) else sign(**token))
    assert str(refused.value) == sentence


async def test_the_claims_that_we_issue(keys: SigningKeys, clock: FakeClock) -> None:
    """What other services may read; a token lives a second at least, and no part of one."""
    issuer = TokenIssuer(keys, issuer="netra", audience="chat", clock=clock)
    for ttl, seconds in ((timedelta(seconds=90.9), 90), (timedelta(0), 1)):
        issued = issuer.issue(OWNER, roles=["b", "a"], session_id=SESSION, ttl=ttl)
        header, claims, _ = issued.access_token.split(".")
        read = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in (header, claims)]
        assert json.loads(read[0]) == {"typ": "JWT", "alg": "EdDSA", "kid": keys.kid}
        assert json.loads(read[1]) == {
            "iss": "netra",
            "aud": "chat",
            "sub": "u-1",
            "tenant_id": "acme",
            "sid": SESSION,
            "roles": ["a", "b"],
            "iat": NOW,
            "exp": NOW + seconds,
        }
        assert b" " not in read[1]
        assert issued.expires_in == seconds


async def test_times_at_the_end_of_the_calendar_hold(verifier: TokenVerifier, sign: Sign) -> None:
    """The last second of 9999, and a start at the beginning of 1970."""
    principal = await verifier.verify(sign(exp=253402300799, nbf=0, iat=0.5))
    assert principal.expires_at.year == 9999


SPELLINGS: dict[str, Callable[[str], str]] = {
    "unused bits": lambda part: part[:-1] + chr(ord(part[-1]) + 1),  # of the signature: the same bytes
    "a foreign character": lambda part: part[:4] + "!" + part[4:],
    "a line": lambda part: part[:4] + "\n" + part[4:],
    "a blank": lambda part: part + " ",
    "half of the padding": lambda part: part + "=" * (len(part) % 4 == 2 or 3),
    "padding inside": lambda part: part[:4] + "====" + part[4:],
    "one more": lambda part: part + "A" * (5 - len(part) % 4),
    "nothing": lambda _: "",
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("place", [0, 1, 2], ids=["header", "claims", "signature"])
async def test_a_part_has_one_spelling(
    verifier: TokenVerifier, sign: Sign, place: int, spelling: Callable[[str], str]
) -> None:
    """Another one would be another token of the same bytes, or bytes that nobody has signed."""
    parts = sign().split(".")
    parts[place] = spelling(parts[place])
    with pytest.raises(Unauthenticated):
        await verifier.verify(".".join(parts))


@pytest.mark.parametrize("alphabet", ["+/", "-_"], ids=["standard", "of URLs"])
async def test_a_signature_is_of_the_alphabet_of_urls(
    verifier: TokenVerifier, sign: Sign, alphabet: str
) -> None:
    """The standard library's decoder takes both."""
    signed = (sign(sub=f"u-{number}") for number in range(1000))
    token = next(token for token in signed if {"-", "_"} <= set(token.rpartition(".")[2]))
    body, _, signature = token.rpartition(".")
    other = f"{body}.{signature.translate(str.maketrans('-_', alphabet))}"
    if alphabet == "-_":
        assert (await verifier.verify(other)).issuer == "netra"
    else:
        with pytest.raises(Unauthenticated, match="not a valid JWT"):
            await verifier.verify(other)


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nothing_is_taken_that_the_library_would_refuse(
    verifier: TokenVerifier, sign: Sign, keys: SigningKeys, data: st.DataObject
) -> None:
    """We take a token apart ourselves; its own reader is the stricter judge."""
    token = sign()
    at = data.draw(st.integers(0, len(token) - 1))
    cut = data.draw(st.integers(0, 2))
    more = data.draw(st.text("ABab01-_+/=. !{\n", max_size=2))
    edited = token[:at] + more + token[at + cut :]
    try:
        await verifier.verify(edited)
    except Unauthenticated:
        return
    assert jwt.PyJWS().decode(edited, keys.private.public_key(), algorithms=["EdDSA"])


async def test_padding_that_is_right_is_no_harm(verifier: TokenVerifier, keys: SigningKeys) -> None:
    """Some issuers write it, against RFC 7515; the library takes it as well."""
    body = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode()
        for part in (
            {"alg": "EdDSA", "kid": keys.kid},
            {"iss": "netra", "aud": "netra", "sub": "u-1", "tenant_id": "a", "sid": SESSION, "exp": NOW + 9},
        )
    )
    signature = base64.urlsafe_b64encode(keys.private.sign(body.encode())).decode()
    assert "=" in body
    assert (await verifier.verify(f"{body}.{signature}")).owner.tenant_id == "a"
    assert jwt.PyJWS().decode(f"{body}.{signature}", keys.private.public_key(), algorithms=["EdDSA"])


async def test_a_key_id_that_is_null_is_none_left_out(verifier: TokenVerifier, keys: SigningKeys) -> None:
    """It is no string, and the issuer's only key is not looked for in its place."""
    claims = {"iss": "netra", "aud": "netra", "sub": "u-1", "tenant_id": "a", "sid": SESSION, "exp": NOW + 9}
    body = ".".join(b64(json.dumps(part).encode()) for part in ({"alg": "EdDSA", "kid": None}, claims))
    with pytest.raises(Unauthenticated, match="key id"):
        await verifier.verify(f"{body}.{b64(keys.private.sign(body.encode()))}")
