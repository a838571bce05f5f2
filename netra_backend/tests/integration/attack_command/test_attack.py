"""`netra attack` against a real server: green where it holds, red for each hole that is planted in it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from netra_backend.attack.command import run_attack
from netra_backend.attack.deployment import Account as Attacker
from netra_backend.attack.deployment import AttackError
from netra_backend.attack.probes import CLAIMS
from netra_backend.attack.report import Report
from netra_backend.auth.origins import OriginPolicy
from netra_backend.auth.service import Auth
from netra_backend.auth.tokens import TokenVerifier
from netra_backend.domain.errors import NotFound
from netra_backend.domain.ids import Owner, TenantId, UserId
from netra_backend.events.feed import ValkeyFeed
from netra_backend.http import middleware
from netra_backend.protocol import messages, session
from netra_backend.settings import Settings
from netra_backend.store.postgres import PostgresStore
from netra_backend.tests.subject import PASSWORD, Account, Subject
from netra_backend.websocket_core import admission

NETRA = Path(sys.executable).with_name("netra")
LONELY_S = 2.0
"""Seconds after which a request counts as the only one of its moment."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Less patience with sockets that stay silent, and room for as many frames as the attack has."""
    room = {"frames_per_second": 1e4, "frames_burst": 10**5}
    return settings.model_copy(
        update={
            **room,
            **{f"user_{name}": value for name, value in room.items()},
            "auth_timeout_s": 0.3,
            "drain_s": 0,
        }
    )


Plant = Callable[[pytest.MonkeyPatch, list[Owner]], None]


def attackers(first: Account, second: Account) -> tuple[Attacker, Attacker]:
    """Both, with passwords, so that there is a real cookie."""
    return (
        Attacker(name="A", email=first.email, password=PASSWORD),
        Attacker(name="B", email=second.email, password=PASSWORD),
    )


def red(report: Report) -> set[int]:
    """The cases in which something leaked."""
    return {result.case for result in report.results if result.leaks}


@pytest.mark.parametrize("tenant", ["acme", "other"])
async def test_all_holds(subject: Subject, tenant: str) -> None:
    """Nothing leaks between users of one tenant or of two; nothing but one thread each is left behind."""
    first, second = await subject.account(), await subject.account(tenant=tenant)
    report = await run_attack(subject.url, *attackers(first, second))
    assert [leak for result in report.results for leak in result.leaks] == []
    assert report.held
    assert report.same_tenant == (tenant == "acme")
    assert all(result.attempts >= 2 for result in report.results)
    assert sum(result.attempts for result in report.results) > 300
    for account, thread in zip((first, second), report.threads, strict=True):
        stored = await subject.stored(account)
        assert {message["thread_id"] for message in stored.messages} == {thread}
        assert [message["role"] for message in stored.messages] == ["user", "assistant"]
        assert [run["status"] for run in stored.runs] == ["completed"]


async def test_tokens_do_as_well(subject: Subject) -> None:
    """Who logs in elsewhere brings a token."""
    first, second = await subject.account(), await subject.account()
    people = (Attacker(name="A", token=first.token), Attacker(name="B", token=second.token))
    assert (await run_attack(subject.url, *people)).held


def without_owner_check(name: str) -> Plant:
    """A question that is answered whoever asks it: the owner is looked up instead of required."""

    def plant(patch: pytest.MonkeyPatch, owners: list[Owner]) -> None:
        real = getattr(PostgresStore, name)

        async def leaky(store: PostgresStore, asker: Owner, *arguments: Any, **named: Any) -> Any:
            for owner in (asker, *owners):
                try:
                    return await real(store, owner, *arguments, **named)
                except NotFound:
                    continue
            raise NotFound

        patch.setattr(PostgresStore, name, leaky)

    return plant


def shared_lists(patch: pytest.MonkeyPatch, owners: list[Owner]) -> None:
    """Who asks while the other does gets the other's list: two requests on one connection."""
    real = PostgresStore.threads
    asking: list[Owner] = []
    together = asyncio.Event()

    async def leaky(store: PostgresStore, asker: Owner, **named: Any) -> Any:
        asking.append(asker)
        if set(asking) == set(owners):
            together.set()
        try:
            async with asyncio.timeout(LONELY_S):
                await together.wait()
        except TimeoutError:
            return await real(store, asker, **named)
        else:
            (other,) = set(owners) - {asker}
            return await real(store, other, **named)
        finally:
            asking.remove(asker)

    patch.setattr(PostgresStore, "threads", leaky)


def unsigned_tokens(patch: pytest.MonkeyPatch, owners: list[Owner]) -> None:
    """Claims are read and signatures are not."""
    import jwt

    real = Auth.verify

    async def leaky(auth: Auth, token: str) -> Any:
        principal = await real(auth, tokens[jwt.decode(token, options={"verify_signature": False})["sid"]])
        claims = jwt.decode(token, options={"verify_signature": False})
        owner = Owner(TenantId(claims["tenant_id"]), UserId(claims["sub"]))
        return type(principal)(
            owner=owner,
            roles=principal.roles,
            expires_at=principal.expires_at,
            session_id=principal.session_id,
            issuer=principal.issuer,
        )

    tokens: dict[str, str] = {}
    checked = TokenVerifier.verify

    async def remembering(verifier: TokenVerifier, token: str) -> Any:
        principal = await checked(verifier, token)
        tokens.setdefault(str(principal.session_id), token)
        return principal

    patch.setattr(TokenVerifier, "verify", remembering)

    async def either(auth: Auth, token: str) -> Any:
        try:
            return await real(auth, token)
        except Exception:  # noqa: BLE001 - whatever is wrong with it: that is the hole
            return await leaky(auth, token)

    patch.setattr(Auth, "verify", either)


def any_page(patch: pytest.MonkeyPatch, owners: list[Owner]) -> None:
    """Every origin counts as ours."""
    patch.setattr(OriginPolicy, "allows", lambda *_: True)


def tokens_in_addresses(patch: pytest.MonkeyPatch, owners: list[Owner]) -> None:
    """Nobody looks at the query."""
    for module in (admission, middleware):
        patch.setattr(module, "refuse_token_in_url", lambda _: None)


def ignored_claims(patch: pytest.MonkeyPatch, owners: list[Owner]) -> None:
    """What a client says beyond the schema is passed over in silence."""
    real = messages.decode

    def lenient(frame: str | bytes) -> Any:
        whole = json.loads(frame)
        for part in (whole, whole.get("payload", {})):
            for name in CLAIMS:
                part.pop(name, None)
        return real(json.dumps(whole))

    patch.setattr(session, "decode", lenient)


def typing_for_all(patch: pytest.MonkeyPatch, owners: list[Owner]) -> None:
    """What one user's tab does is told to everybody."""
    real = ValkeyFeed.typing

    def leaky(feed: ValkeyFeed, _owner: Owner, *arguments: Any, **named: Any) -> None:
        for owner in owners:
            real(feed, owner, *arguments, **named)

    patch.setattr(ValkeyFeed, "typing", leaky)


STORE: dict[Plant, str] = {
    without_owner_check(
        "history"
    ): "`get_thread_history` with B's id as thread_id and was answered `thread_history`",
    without_owner_check("run"): "GET /api/runs/{run_id} with B's id as run_id and got 200",
    without_owner_check("stop"): "`stop_agent` with B's id as run_id and was answered `accepted`",
    without_owner_check("open_runs"): "`follow` with B's id as thread_id and was answered `followed`",
    shared_lists: "list of threads shows",
    typing_for_all: "was told that",
}
DOORS: dict[Plant, str] = {
    unsigned_tokens: "alg none",
    any_page: "https://evil.example may open a socket with A's cookie",
    tokens_in_addresses: "a socket is accepted with ?token= in its address",
    ignored_claims: "`user_message` with a field tenant_id was answered `accepted`, not `bad_message`",
}


@pytest.mark.parametrize(
    ("holes", "cases"),
    [pytest.param(STORE, {35, 37}, id="store"), pytest.param(DOORS, {30, 34, 36, 38}, id="doors")],
)
async def test_planted_holes_are_found(
    subject: Subject, monkeypatch: pytest.MonkeyPatch, holes: dict[Plant, str], cases: set[int]
) -> None:
    """Exactly the cases of the holes turn red, and each hole is said in words without a secret."""
    first, second = await subject.account(), await subject.account()
    for plant in holes:
        plant(monkeypatch, [first.owner, second.owner])
    report = await run_attack(subject.url, *attackers(first, second))
    assert not report.held
    assert red(report) == cases, report
    said = "\n".join(leak for result in report.results for leak in result.leaks)
    assert [words for words in holes.values() if words not in said] == []
    assert not any(secret in said for secret in (first.token, first.email, PASSWORD))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"password": "wrong password"}, "refuses the e-mail address and password of user B"),
        ({"token": "nonsense"}, "refuses the token of user B"),
    ],
)
async def test_who_is_not_let_in_is_told(subject: Subject, change: dict[str, str], sentence: str) -> None:
    """One sentence that names the account."""
    first, second = await subject.account(), await subject.account()
    good, other = attackers(first, second)
    named = {"name": "B", "email": other.email, "password": PASSWORD} | change
    with pytest.raises(AttackError, match=sentence):
        await run_attack(subject.url, good, Attacker(**named))


async def test_one_user_twice_is_no_attack(subject: Subject) -> None:
    """Two accounts are needed."""
    first = await subject.account()
    with pytest.raises(AttackError, match="same user"):
        await run_attack(subject.url, *attackers(first, first))


async def test_an_operator_sees_too_much_to_be_an_attacker(subject: Subject) -> None:
    """What an operator may see is no leak, so it cannot be told from one."""
    first, second = await subject.account(), await subject.account(roles=["operator"])
    with pytest.raises(AttackError, match="operator"):
        await run_attack(subject.url, *attackers(first, second))


async def netra_attack(
    folder: Path, *arguments: str, environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """The program, beside this test's server."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NETRA_")}

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own program
            [str(NETRA), "attack", *arguments],
            cwd=folder,
            env={**clean, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return await asyncio.to_thread(run)


async def test_the_program_says_it_by_exit_code_and_json(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 and a table, 1 and what leaked as JSON; passwords come from the environment and are never shown."""
    first, second = await subject.account(), await subject.account(tenant="other")
    users = ("--url", subject.url, "--user-a", first.email, "--user-b", f"{second.email}:{PASSWORD}")
    secret = {"NETRA_PASSWORD_A": PASSWORD}
    held = await netra_attack(tmp_path, *users, environ=secret)
    assert (held.returncode, held.stderr) == (0, "")
    assert "All held." in held.stdout
    assert "thread" in held.stdout
    any_page(monkeypatch, [])
    leaked = await netra_attack(tmp_path, *users, "--json", environ=secret)
    assert leaked.returncode == 1
    found = json.loads(leaked.stdout)
    assert found["held"] is False
    assert [case["case"] for case in found["cases"] if case["leaks"]] == [38]
    assert PASSWORD not in held.stdout + leaked.stdout


@pytest.mark.parametrize(
    ("arguments", "environ", "sentence"),
    [
        ([], {}, "--user-a EMAIL, or NETRA_TOKEN_A"),
        (["--user-a", "a@example.com"], {}, "set NETRA_PASSWORD_A"),
        ([], {"NETRA_TOKEN_A": "a", "NETRA_TOKEN_B": "b"}, "is the deployment up?"),
    ],
)
async def test_wrong_use_is_one_sentence_and_2(
    tmp_path: Path, arguments: list[str], environ: dict[str, str], sentence: str
) -> None:
    """Without a traceback; nothing listens at that address."""
    refused = await netra_attack(tmp_path, "--url", "http://127.0.0.1:1", *arguments, environ=environ)
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith("netra: ")
    assert sentence in line
