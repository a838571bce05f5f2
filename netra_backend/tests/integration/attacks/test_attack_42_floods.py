"""Attack 42: too much of what would be fine one by one."""

import asyncio

import pytest

from netra_backend.settings import Settings
from netra_backend.testing.client import connected
from netra_backend.tests.integration.attacks.conftest import CANARY, Unharmed
from netra_backend.tests.integration.attacks.raw import TEXT, frame, raw, raw_user
from netra_backend.tests.subject import Subject

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE, TOKEN, TOO_MANY, VIOLATION = 4029, 4401, 4503, 4500
AUTH_TIMEOUT_S = 0.5


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    """Small limits, so that a flood is soon over."""
    return settings.model_copy(
        update={
            "auth_timeout_s": AUTH_TIMEOUT_S,
            "connections_per_user": 3,
            "frames_per_second": 0.5,
            "frames_burst": 20,
        }
    )


async def test_attack_42_a_flood_of_messages_is_refused_and_then_closed(
    subject: Subject, unharmed: Unharmed
) -> None:
    """`rate_limited` with a wait, then 4029; what was accepted before that is stored once, nothing else."""
    alice = await subject.account()
    text = b'{"type": "user_message", "id": "c%d", "payload": {"text": "' + CANARY.encode() + b'"}}'
    async with unharmed(), raw_user(subject.url, alice.token) as socket:
        await socket.write(b"".join(frame(TEXT, text % number) for number in range(2000)))
        errors, code = await socket.ending()
        assert code == RATE
        assert set(errors) == {"rate_limited"}
    stored = await subject.stored(alice)
    asked = [message["client_id"] for message in stored.messages if message["role"] == "user"]
    assert len(asked) == len(set(asked))
    assert 0 < len(asked) <= 25


async def test_attack_42_repeated_bad_frames_are_closed(subject: Subject, unharmed: Unharmed) -> None:
    """Bad frames are paid like good ones, and more than a few of them end the connection."""
    alice = await subject.account()
    async with unharmed(), raw_user(subject.url, alice.token) as socket:
        await socket.write(frame(TEXT, CANARY.encode()) * 20)
        errors, code = await socket.ending()
        assert (set(errors), code) == ({"bad_message"}, VIOLATION)


async def test_attack_42_idle_sockets_without_a_login_are_closed(
    subject: Subject, unharmed: Unharmed
) -> None:
    """A hundred that never say who they are get `unauthenticated` and 4401 when their time is over."""
    loop = asyncio.get_running_loop()

    async def idle() -> tuple[list[str], int]:
        async with raw(subject.url) as socket:
            assert await socket.upgrade() == 101
            return await socket.ending()

    async with unharmed():
        began = loop.time()
        assert await asyncio.gather(*(idle() for _ in range(100))) == [(["unauthenticated"], TOKEN)] * 100
        assert loop.time() - began >= AUTH_TIMEOUT_S * 0.9


async def test_attack_42_bad_first_frames_do_not_buy_time(subject: Subject, unharmed: Unharmed) -> None:
    """Whoever keeps talking nonsense is closed no later than whoever is silent."""
    async with unharmed(), raw(subject.url) as socket:
        assert await socket.upgrade() == 101
        ending = asyncio.create_task(socket.ending())
        while not ending.done() and await socket.write(frame(TEXT, CANARY.encode())):
            await asyncio.wait([ending], timeout=AUTH_TIMEOUT_S / 10)
        errors, code = await ending
        assert code in (TOKEN, VIOLATION)
        assert set(errors) <= {"bad_message", "unauthenticated"}


async def test_attack_42_connections_of_one_user_are_counted(subject: Subject, unharmed: Unharmed) -> None:
    """One too many is closed with 4503; others may connect, and so may the user when one is free again."""
    alice = await subject.account()
    async with unharmed(), connected(subject.url, alice.token), connected(subject.url, alice.token):
        async with connected(subject.url, alice.token), raw(subject.url) as socket:
            assert await socket.upgrade([("Authorization", f"Bearer {alice.token}")]) == 101
            assert (await socket.ending())[1] == TOO_MANY
        async with asyncio.timeout(20):
            while True:
                async with raw(subject.url) as socket:
                    assert await socket.upgrade([("Authorization", f"Bearer {alice.token}")]) == 101
                    opcode, text = await socket.receive()
                    if opcode == TEXT and b'"connected"' in text:
                        break
