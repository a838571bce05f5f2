"""Attack 39: what a socket can do to a server below the level of messages."""

import asyncio
import gc
import itertools

import pytest

from netra_backend.settings import Settings
from netra_backend.testing.client import PATIENCE_S
from netra_backend.tests.integration.attacks.conftest import CANARY, Unharmed
from netra_backend.tests.integration.attacks.raw import (
    CONT,
    PING,
    PONG,
    TEXT,
    Raw,
    frame,
    raw,
    raw_user,
    request_head,
)
from netra_backend.tests.subject import Subject

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOO_BIG, VIOLATION, RATE = 1009, 4500, 4029
HEAD_TIMEOUT_S = 0.5


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    """Less patience than in the field, so that the tests need less too."""
    return settings.model_copy(
        update={"header_timeout_s": HEAD_TIMEOUT_S, "ping_interval_s": 1.0, "max_frame_bytes": 16384}
    )


async def flood(socket: Raw, data: bytes, *, times: int) -> bool:
    """Send the same again and again until the server closes; whether it did."""
    for _ in range(times):
        if not await socket.write(data):
            return True
    return False


@pytest.mark.parametrize("claim", [65537, 2**31, 2**62])
async def test_attack_39_an_oversized_frame_is_closed_at_its_head(
    subject: Subject, unharmed: Unharmed, claim: int
) -> None:
    """A frame that only claims to be huge is closed with 1009 before its body, and nothing is set aside for it."""
    alice = await subject.account()
    async with unharmed(), raw_user(subject.url, alice.token) as socket:
        await socket.write(frame(TEXT, CANARY.encode(), claim=claim))
        assert await socket.ending() == ([], TOO_BIG)
        assert await socket.closed()


async def test_attack_39_a_message_over_the_limit_is_refused_and_the_socket_lives(
    subject: Subject, unharmed: Unharmed
) -> None:
    """Up to four times the limit it is a typed error: the client may have meant well."""
    alice = await subject.account()
    async with unharmed(), raw_user(subject.url, alice.token) as socket:
        await socket.write(frame(TEXT, CANARY.encode() * 2000))
        assert (await socket.until("error"))["payload"]["code"] == "too_large"
        await socket.say("ping")
        await socket.until("pong")


async def test_attack_39_endless_fragments_are_closed(subject: Subject, unharmed: Unharmed) -> None:
    """A message without end ends at the size limit."""
    alice = await subject.account()
    async with unharmed(), raw_user(subject.url, alice.token) as socket:
        await socket.write(frame(TEXT, CANARY.encode(), fin=False))
        await flood(socket, frame(CONT, b"x" * 1000, fin=False), times=100)
        assert await socket.ending() == ([], TOO_BIG)


@pytest.mark.parametrize("size", [0, 1])
async def test_attack_39_tiny_fragments_are_closed(subject: Subject, unharmed: Unharmed, size: int) -> None:
    """Empty ones count for no size limit and would be kept for ever; one byte each costs a frame each."""
    alice = await subject.account()
    async with unharmed(), raw_user(subject.url, alice.token) as socket:
        await socket.write(frame(TEXT, CANARY.encode(), fin=False))
        await flood(socket, frame(CONT, b"x" * size, fin=False) * 100, times=200)
        assert await socket.ending() == ([], VIOLATION)


async def test_attack_39_a_message_in_one_byte_fragments_is_still_a_message(
    subject: Subject, unharmed: Unharmed
) -> None:
    """The standard allows it, so what is small is read."""
    alice = await subject.account()
    text = b'{"type": "ping", "id": "slow"}'
    async with unharmed(), raw_user(subject.url, alice.token) as socket:
        pieces = [frame(CONT, text[at : at + 1], fin=at == len(text) - 1) for at in range(1, len(text))]
        for byte in frame(TEXT, text[:1], fin=False) + b"".join(pieces):
            await socket.write(bytes([byte]))
        assert (await socket.until("pong"))["reply_to"] == "slow"


@pytest.mark.parametrize("opcode", [PING, PONG])
async def test_attack_39_a_flood_of_pings_is_closed(
    subject: Subject, unharmed: Unharmed, opcode: int
) -> None:
    """Control frames pass by every limit of messages; they have their own (CVE-2019-9512 is HTTP/2's)."""
    alice = await subject.account()
    async with unharmed(), raw_user(subject.url, alice.token) as socket:
        await flood(socket, frame(opcode, CANARY.encode()) * 100, times=200)
        assert await socket.ending() == ([], RATE)


async def test_attack_39_a_flood_of_pings_by_somebody_who_never_reads_is_cut(
    subject: Subject, unharmed: Unharmed
) -> None:
    """The answers do not pile up, and the socket is cut though its close frame cannot leave."""
    alice = await subject.account()
    async with unharmed(), raw_user(subject.url, alice.token) as socket:
        socket.writer.transport.get_extra_info("socket").setsockopt(1, 8, 4096)
        socket.reader._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio has no other way
        async with asyncio.timeout(PATIENCE_S):
            await flood(socket, frame(PING, b"x" * 125) * 100, times=2000)
            await subject.until(lambda: alice.owner not in subject.listening())


async def test_attack_39_good_pings_are_answered(subject: Subject, unharmed: Unharmed) -> None:
    """What a careful client sends is far below the limit."""
    alice = await subject.account()
    async with unharmed(), raw_user(subject.url, alice.token) as socket:
        for number in range(50):
            await socket.write(frame(PING, str(number).encode()))
        got = [await socket.receive() for _ in range(50)]
        assert got == [(PONG, str(number).encode()) for number in range(50)]


UPGRADES = [
    pytest.param([(f"X-{CANARY}-{number}", CANARY) for number in range(400)], id="hundreds"),
    pytest.param([(f"X-{CANARY}", "x" * 40_000)], id="one of 40 KB"),
    pytest.param([(f"X-{CANARY}-{number}", "x" * 900) for number in range(60)], id="54 KB together"),
    pytest.param([("X-Short", "x" * 9_000)], id="longer than the library of sockets reads"),
]


@pytest.mark.parametrize("headers", UPGRADES)
@pytest.mark.parametrize("upgrade", [True, False], ids=["socket", "http"])
async def test_attack_39_hundreds_of_headers_are_refused(
    subject: Subject, unharmed: Unharmed, headers: list[tuple[str, str]], upgrade: bool
) -> None:
    """Too many or too long is 431 and the end of the connection, never silence."""
    async with unharmed(), raw(subject.url) as socket:
        if upgrade:
            assert await socket.upgrade(headers) == 431
        elif "X-Short" in headers[0]:
            return  # over HTTP that is fine
        else:
            await socket.write(request_head("/healthz", headers))
            assert (await socket.head())[0] == 431
        assert await socket.closed()


async def test_attack_39_a_header_without_end_is_cut_off(subject: Subject, unharmed: Unharmed) -> None:
    """Nobody waits for the end of a line that has none."""
    async with unharmed(), raw(subject.url) as socket:
        await socket.write(b"GET /ws HTTP/1.1\r\nHost: x\r\nX-Endless: ")
        await flood(socket, CANARY.encode() * 100, times=2000)
        assert await socket.closed()


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"", id="nothing at all"),
        pytest.param(b"GET /", id="half a line"),
        pytest.param(b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nX-Slow: ", id="half a handshake"),
        pytest.param(
            request_head("/healthz", ()) + b"GET /healthz HTTP/1.1\r\nX-Second: ", id="a second request"
        ),
    ],
)
async def test_attack_39_a_slow_handshake_is_given_up(
    subject: Subject, unharmed: Unharmed, start: bytes
) -> None:
    """Slowloris: a byte now and then keeps no connection open longer than a head may take."""
    loop = asyncio.get_running_loop()
    async with unharmed(), raw(subject.url) as socket:
        began = loop.time()
        await socket.write(start)
        ending = asyncio.create_task(socket.closed())
        for letter in itertools.cycle(CANARY.encode()):
            await asyncio.wait([ending], timeout=HEAD_TIMEOUT_S / 10)
            if ending.done() or (start and not await socket.write(bytes([letter]))):
                break
            assert loop.time() - began < 10 * HEAD_TIMEOUT_S
        await ending
        assert loop.time() - began >= HEAD_TIMEOUT_S * 0.9


async def test_attack_39_a_body_that_goes_on_after_its_answer_is_cut_off(
    subject: Subject, unharmed: Unharmed
) -> None:
    """A refused request gets its answer, and no time to finish what nobody will read."""
    headers = [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")]
    async with unharmed(), raw(subject.url) as socket:
        await socket.write(
            request_head("/auth/login", headers, method="POST") + b"20000\r\n" + b" " * 0x20000
        )
        assert (await socket.head())[0] == 413
        assert await socket.closed()


async def test_attack_39_endless_trailers_are_cut_off(subject: Subject, unharmed: Unharmed) -> None:
    """What comes after the last chunk is kept like a head, and limited like one."""
    headers = [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")]
    async with unharmed(), raw(subject.url) as socket:
        await socket.write(
            request_head("/auth/login", headers, method="POST") + b"2\r\n{}\r\n0\r\nX-Trailer: "
        )
        await flood(socket, CANARY.encode() * 100, times=2000)
        assert await socket.closed()


async def test_attack_39_sockets_that_were_sent_away_leave_nothing(
    subject: Subject, unharmed: Unharmed
) -> None:
    """A hundred attackers later no object of a socket is left."""
    alice = await subject.account()

    def sockets() -> int:
        gc.collect()
        return sum(type(each).__name__ == "UvicornSocket" for each in gc.get_objects())

    async with unharmed():
        before = sockets()
        for _ in range(50):
            async with raw_user(subject.url, alice.token) as socket:
                await flood(socket, frame(PING) * 200, times=1)
                assert (await socket.ending())[1] == RATE
            async with raw(subject.url) as socket:
                assert await socket.upgrade([(f"X-{number}", "1") for number in range(130)]) == 431
        await subject.until(lambda: sockets() <= before)
