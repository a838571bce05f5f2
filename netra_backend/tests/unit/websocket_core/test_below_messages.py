"""What the socket does with frames that no handler ever sees: pings, fragments, bad text, a bad handshake."""

import asyncio
from typing import Any

import pytest
from uvicorn.protocols.utils import ClientDisconnected
from websockets.frames import Opcode

from netra_backend.tests.unit.websocket_core.wires import PATIENCE_S, Wire, wired
from netra_backend.websocket_core.uvicorn_socket import BURST, CUT

CONTROL_BURST, MAX_FRAGMENTS = 100, 1024


class Echo:
    """An application that sends back what it gets, and keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.gone = asyncio.Event()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """See ASGI."""
        await receive()
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            self.told.append(event)
            await send({"type": "websocket.send", "text": event.get("text"), "bytes": event.get("bytes")})
        self.told.append(event)
        self.gone.set()


async def opened(wire: Wire) -> None:
    """Shake hands."""
    wire.shake()
    await wire.until(lambda: wire.response is not None)


async def test_honest_pings_are_answered_and_a_flood_ends_the_socket() -> None:
    """Each of the allowed has its pong; then 4029, and the application knows why."""
    echo = Echo()
    async with wired(echo) as wire:
        await opened(wire)
        for number in range(CONTROL_BURST):
            wire.conn.send_ping(b"%d" % number)
        wire.flush()
        await wire.have(Opcode.PONG, CONTROL_BURST)
        assert wire.of(Opcode.PONG)[-1] == b"%d" % (CONTROL_BURST - 1)
        for _ in range(2 * CONTROL_BURST):
            wire.conn.send_ping(b"")
        wire.flush()
        await wire.end()
        assert wire.why() == (4029, "too many pings")
        await echo.gone.wait()
        assert echo.told == [{"type": "websocket.disconnect", "code": 4029, "reason": "too many pings"}]


async def test_a_ping_more_is_forgiven_each_tenth_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred at once and then ten a second: the eleventh is one too many."""
    now = 0.0
    async with wired(Echo()) as wire:
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
        await opened(wire)
        for _ in range(CONTROL_BURST):
            wire.conn.send_ping(b"")
        wire.flush()
        await wire.have(Opcode.PONG, CONTROL_BURST)
        now = 1.0001
        for _ in range(10):
            wire.conn.send_ping(b"")
        wire.flush()
        await wire.until(lambda: wire.conn.close_rcvd is not None or len(wire.of(Opcode.PONG)) >= 110)
        assert (wire.conn.close_rcvd, len(wire.of(Opcode.PONG))) == (None, 110)
        wire.conn.send_ping(b"")
        wire.conn.send_text(b"not read any more")
        wire.flush()
        await wire.until(lambda: wire.conn.close_rcvd is not None or wire.of(Opcode.TEXT))
        assert wire.why() == (4029, "too many pings")
        monkeypatch.undo()


async def test_pongs_that_nobody_asked_for_count_too() -> None:
    """They cost as much as pings."""
    async with wired(Echo()) as wire:
        await opened(wire)
        for _ in range(3 * CONTROL_BURST):
            wire.conn.send_pong(b"x")
        wire.flush()
        await wire.end()
        assert wire.why() == (4029, "too many pings")


async def test_pings_are_forgiven_as_time_goes_by() -> None:
    """A second earns ten more."""
    loop = asyncio.get_running_loop()
    earlier = 0.0
    real, loop.time = loop.time, lambda: real() + earlier  # type: ignore[method-assign]  # hours in no time
    async with wired(Echo()) as wire:
        await opened(wire)
        for round_ in range(1, 4):
            for _ in range(CONTROL_BURST):
                wire.conn.send_ping(b"x")
            wire.flush()
            await wire.have(Opcode.PONG, round_ * CONTROL_BURST)
            earlier += 10.0
    assert wire.conn.close_rcvd is None


@pytest.mark.parametrize("kind", ["text", "binary"])
async def test_a_message_may_come_in_as_many_pieces_as_the_limit(kind: str) -> None:
    """Each message is counted for itself; one piece more ends the socket with 4500."""
    async with wired(Echo()) as wire:
        await opened(wire)
        opcode = Opcode.TEXT if kind == "text" else Opcode.BINARY
        for number, count in enumerate((MAX_FRAGMENTS, MAX_FRAGMENTS, MAX_FRAGMENTS + 1), 1):
            begin = wire.conn.send_text if kind == "text" else wire.conn.send_binary
            begin(b"x", fin=False)
            for left in range(count - 2, -1, -1):
                wire.conn.send_continuation(b"y", fin=left == 0)
            wire.flush()
            if count == MAX_FRAGMENTS:
                await wire.have(opcode, number)
        await wire.end()
        assert wire.of(opcode) == [b"x" + b"y" * (MAX_FRAGMENTS - 1)] * 2
        assert wire.why() == (4500, "too many fragments")


async def test_text_that_is_none_is_the_clients_mistake() -> None:
    """Also when only its pieces together are wrong; 1007, and the application gets nothing of it."""
    for pieces in ((b"\xff",), (b"\xc3", b"\x28"), (b"ok", b"\xe2\x82")):
        echo = Echo()
        async with wired(echo) as wire:
            await opened(wire)
            wire.conn.send_text(pieces[0], fin=len(pieces) == 1)
            for piece in pieces[1:]:
                wire.conn.send_continuation(piece, fin=True)
            wire.flush()
            await wire.end()
            assert wire.why() == (1007, "not UTF-8")
            await echo.gone.wait()
            assert [event["type"] for event in echo.told] == ["websocket.disconnect"]


async def test_a_letter_may_be_cut_in_two() -> None:
    """The pieces of a message are put together before they are read, and bytes may be anything."""
    async with wired(Echo()) as wire:
        await opened(wire)
        wire.conn.send_text(b"\xc3", fin=False)
        wire.conn.send_continuation(b"\xa9", fin=True)
        wire.conn.send_binary(b"\xff")
        wire.flush()
        await wire.until(lambda: len(wire.come) == 2)
        assert (wire.of(Opcode.TEXT), wire.of(Opcode.BINARY)) == (["é".encode()], [b"\xff"])


async def test_a_burst_is_as_many_frames() -> None:
    """By the message and by the call, which says that it was written; after a close both say that nobody is there."""
    ended = asyncio.Event()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": BURST, "frames": [b"a", b"b"]})
        write = scope["extensions"][BURST]["write"]
        assert write([b"c"]) is True
        await send({"type": "websocket.close", "code": 4500})
        with pytest.raises(ClientDisconnected):
            write([b"d"])
        with pytest.raises(ClientDisconnected):
            await send({"type": BURST, "frames": [b"e"]})
        ended.set()

    async with wired(app) as wire:
        await opened(wire)
        await wire.until(lambda: wire.conn.close_rcvd is not None)
        assert wire.of(Opcode.TEXT) == [b"a", b"b", b"c"]
        async with asyncio.timeout(PATIENCE_S):
            await ended.wait()


async def test_a_connection_that_is_cut_is_gone_at_once() -> None:
    """Without a close frame."""

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        scope["extensions"][CUT]["now"]()
        assert (await receive())["type"] == "websocket.disconnect"

    async with wired(app) as wire:
        await opened(wire)
        assert await wire.end() == b""
        assert wire.conn.close_rcvd is None


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /ws HTTP/1.0\r\n\r\n", b"505"),
        (b"GET /ws HTTP/1.1\r\nno header\r\n\r\n", b"400"),
        (b"GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", b"426"),
    ],
)
async def test_a_handshake_that_is_none_is_answered_and_closed(request_: bytes, status: bytes) -> None:
    """With a status that every client of HTTP understands."""
    async with wired(Echo()) as wire:
        wire.raw(request_)
        answer = await wire.end()
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert answer.lower().count(b"connection: close") == 1
        assert answer.count(b"HTTP/1.1") == 1


async def test_a_refusal_of_the_application_is_the_whole_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Its status, then the end, and nothing in the error log."""

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})

    async with wired(app) as wire:
        wire.shake()
        await wire.end()
        assert wire.response is not None
        assert wire.response.status_code == 403
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_client_that_does_not_answer_pings_is_sent_away() -> None:
    """4009, which tells it to come again."""
    echo = Echo()
    async with wired(echo, ping_s=0.02) as wire:
        await opened(wire)
        await wire.end()
        assert wire.why() == (4009, "no pong")
        await echo.gone.wait()
        assert echo.told == [{"type": "websocket.disconnect", "code": 4009, "reason": "no pong"}]
