"""Attacks 30 and 31 at every door: a forged token opens none, asks nobody, and is not written down."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from netra_backend.attack.forging import forged
from netra_backend.testing.client import Client, connected
from netra_backend.tests.integration.attacks.conftest import CANARY, Unharmed
from netra_backend.tests.integration.attacks.raw import raw
from netra_backend.tests.subject import Account, Subject

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def listener() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server of the attacker's, and all that was ever sent to it."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1000))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


def forgeries(subject: Subject, account: Account, site: str) -> Iterator[str]:
    """Tokens with something wrong in their head; all but the first are signed with the real key."""
    for header in (
        {"alg": "none"},
        {"alg": "HS256"},
        {"crit": [CANARY], CANARY: True},
        {"kid": f"../../{CANARY}"},
        {"kid": f"' OR '{CANARY}'='{CANARY}"},
        {"kid": CANARY * 800},
        {"jku": f"{site}/{CANARY}"},
        {"x5u": f"{site}/{CANARY}"},
        {"jwk": {"kty": "OKP", "kid": CANARY}},
    ):
        yield subject.sign(account, header=header)
    for claims in (
        {"iss": CANARY},
        {"aud": CANARY},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"nbf": 4_000_000_000},
        {"sub": CANARY},
        {"tenant_id": CANARY},
    ):
        yield subject.sign(account, **claims)


async def doors(subject: Subject, token: str) -> list[tuple[str, int]]:
    """Each way in, and how it refuses: HTTP's status or the close code."""
    refused = []
    for header in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"netra_session={token}"}):
        answer = await subject.request(None, "GET", "/api/threads", headers=header)
        refused.append((next(iter(header)), answer.status_code))
    async with raw(subject.url) as socket:
        status = await socket.upgrade([("Authorization", f"Bearer {token}")])
        code = status if status != 101 else (await socket.ending())[1]
        refused.append(("upgrade", code))
    async with raw(subject.url) as socket:
        assert await socket.upgrade() == 101
        await socket.say("authenticate", token=token)
        refused.append(("first frame", (await socket.ending())[1]))
    return refused


@pytest.mark.parametrize("kind", ["header and claims", "nobody's signature"])
async def test_attack_30_no_door_opens_for_a_forged_token(
    subject: Subject, unharmed: Unharmed, kind: str
) -> None:
    """401 and 4401 everywhere, and no address in a token is ever asked.

    `none` (CVE-2015-9235), HMAC with the public key (CVE-2016-10555, CVE-2022-29217), a key in the head
    (CVE-2018-0114), wrong claims.
    """
    alice, bob = await subject.account(), await subject.account(tenant=f"tenant-{CANARY}")
    jwks = (await subject.request(None, "GET", "/.well-known/jwks.json")).json()
    claims = {"sub": bob.owner.user_id, "tenant_id": bob.tenant}
    async with listener() as (site, asked), unharmed(alice.token):
        if kind == "header and claims":
            tokens = list(forgeries(subject, alice, site))
        else:
            tokens = [token for _, token in forged(alice.token, jwks, claims=claims)]
        for token in tokens:
            for door, code in await doors(subject, token):
                # A head of 10 KB does not fit into a socket's upgrade request at all.
                assert code in (401, 4401) or (door == "upgrade" and code == 431), (door, code)
        assert asked == []
    async with connected(subject.url, alice.token) as client:
        assert client.frames[0]["payload"]["user_id"] == alice.owner.user_id


async def test_attack_32_a_token_ends_in_the_middle_of_a_run(subject: Subject, unharmed: Unharmed) -> None:
    """Its socket closes with 4401; the run goes on, and a renewed socket misses nothing of it.

    Another subject's token closes the socket instead of renewing it.
    """
    alice, bob = await subject.account(), await subject.account()
    now = (await subject.rows("SELECT extract(epoch FROM now())::bigint AS now"))[0]["now"]
    short = subject.sign(alice, exp=now + 2)
    async with unharmed(alice.token), connected(subject.url, short) as kept:
        accepted = await kept.say("Wait", agent="waiting")
        await kept.until(lambda frame: frame["type"] == "tool_executing")
        async with connected(subject.url, short) as lost, connected(subject.url, short) as stolen:
            await stolen.send("authenticate", {"token": bob.token})
            assert await ended(stolen) == 4401
            assert (await kept.ask("authenticate", {"token": alice.token}))["type"] == "connected"
            assert await ended(lost) == 4401
        assert (await subject.stored(alice)).run(accepted["run_id"])["status"] == "running"
        await kept.ask("stop_agent", {"run_id": accepted["run_id"]})
        assert (await kept.finished(accepted["run_id"]))[-1]["payload"]["status"] == "stopped"
        seqs = [frame["seq"] for frame in kept.durable()]
        assert seqs == list(range(1, len(seqs) + 1))


async def ended(client: Client) -> int:
    """The close code."""
    await client.closed()
    return client.socket.close_code or 0
