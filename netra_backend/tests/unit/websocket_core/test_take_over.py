"""A handshake that HTTP's parser has read: taken over as it is, or left to the library, with one outcome."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState
from websockets.http11 import Request
from websockets.server import ServerProtocol

from netra_backend.http.uvicorn_door import door
from netra_backend.tests.unit.websocket_core.wires import PATIENCE_S
from netra_backend.websocket_core.uvicorn_socket import BURST, CUT, UvicornSocket, is_usual

Pairs = list[tuple[bytes, bytes]]

USUAL: Pairs = [
    (b"Host", b"localhost"),
    (b"Upgrade", b"websocket"),
    (b"Connection", b"Upgrade"),
    (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"Sec-WebSocket-Version", b"13"),
]
HELLO = b"\x81\x85\0\0\0\0hello"
BYE = b"\x88\x02\x03\xe8"
DOOR = door(head_timeout_s=PATIENCE_S, head_bytes=65536, head_lines=1000)


def changed(**changes: bytes | None) -> Pairs:
    """The usual headers with others in their place, or without them."""
    named = {name.replace("_", "-").lower().encode(): value for name, value in changes.items()}
    kept = [(name, named.pop(name.lower(), value)) for name, value in USUAL]
    return [(name, value) for name, value in (*kept, *named.items()) if value is not None]


def request(headers: Pairs, line: bytes = b"GET /ws HTTP/1.1") -> bytes:
    """As it is on the wire."""
    return b"\r\n".join([line, *(name + b": " + value for name, value in headers), b"", b""])


class Place:
    """A server with one of two protocols: as it is, or one that has every request read anew."""

    def __init__(self, *, anew: bool, deflate: bool = False) -> None:
        self.scopes: list[dict[str, Any]] = []
        self.taken: list[bool] = []
        place = self

        class Noted(UvicornSocket):
            def take_over(self, door: HttpToolsProtocol) -> bool:
                place.taken.append(not anew and super().take_over(door))
                return place.taken[-1]

        self.config = Config(
            self._app,
            http=DOOR,
            ws=Noted,
            ws_per_message_deflate=deflate,
            lifespan="off",
            interface="asgi3",
            ws_ping_interval=None,
        )
        self.config.load()
        self.state = ServerState()
        self.state.default_headers = [(b"x-server", b"here")]

    async def _app(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 426, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        assert (await receive())["type"] == "websocket.connect"
        if scope["path"] == "/closed":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["path"] == "/refused":
            await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b""})
            return
        offered = scope["subprotocols"]
        accept = {"type": "websocket.accept", "subprotocol": offered[-1] if offered else None}
        await send(accept | {"headers": [(b"x-more", b"\xe9")]})
        await send({"type": "websocket.send", "text": (await receive())["text"] + "!"})
        await send({"type": "websocket.close", "code": 1000})

    async def answer(self, whole: bytes) -> bytes:
        """All that comes back for a request and a text after it, without the date."""
        async with self._connected() as (reader, writer), asyncio.timeout(PATIENCE_S):
            writer.write(whole)
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " in head:
                writer.write(HELLO)
                head += await reader.readuntil(BYE)
                writer.write(b"\x88\x82\0\0\0\0\x03\xe8")
            head += await reader.read()
        return re.sub(rb"(?i)\r\ndate: [^\r]*", b"", head)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: DOOR(self.config, self.state, {}), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            yield reader, writer
        finally:
            writer.transport.abort()
            server.close()
            if self.state.tasks:
                await asyncio.wait(self.state.tasks, timeout=PATIENCE_S)

    @property
    def told(self) -> list[dict[str, Any]]:
        """What the application was told, but for addresses and objects of the connection."""
        gone = {"client", "server", "extensions"}
        return [{key: value for key, value in scope.items() if key not in gone} for scope in self.scopes]


LONG = b"x" * 9000

CASES: dict[str, tuple[bytes, bool]] = {
    "usual": (request(USUAL), True),
    "refused": (request(USUAL, b"GET /refused HTTP/1.1"), True),
    "closed": (request(USUAL, b"GET /closed HTTP/1.1"), True),
    "target": (request(USUAL, b"GET /w%20s?a=%20b&c HTTP/1.1"), True),
    "old HTTP": (request(USUAL, b"GET /ws HTTP/1.0"), True),
    "other letters": (request(changed(Upgrade=b"WebSocket", Connection=b"keep-alive, UPGRADE")), True),
    "subprotocols": (request(changed(Sec_WebSocket_Protocol=b"netra.v1, other")), True),
    "spaces around": (request(changed(Sec_WebSocket_Version=b" 13 \t", Cookie=b" a=b ")), True),
    "not ASCII": (request(changed(Cookie=b"a=\xe9\xff")), True),
    "origin": (request(changed(Origin=b"https://example.com")), True),
    "extensions": (request(changed(Sec_WebSocket_Extensions=b"permessage-deflate")), True),
    "twice": (request([*USUAL, (b"Sec-WebSocket-Version", b"13")]), False),
    "cookies apart": (request([*USUAL, (b"Cookie", b"a=b"), (b"Cookie", b"c=d")]), False),
    "version": (request(changed(Sec_WebSocket_Version=b"8")), False),
    "no version": (request(changed(Sec_WebSocket_Version=None)), False),
    "no key": (request(changed(Sec_WebSocket_Key=None)), False),
    "short key": (request(changed(Sec_WebSocket_Key=b"AAAA")), False),
    "key of letters": (request(changed(Sec_WebSocket_Key=b"?" * 22 + b"==")), False),
    "bad subprotocol": (request(changed(Sec_WebSocket_Protocol=b"a b")), False),
    "no subprotocol": (request(changed(Sec_WebSocket_Protocol=b"")), False),
    "more than upgrade": (request(changed(Connection=b"Upgrade, close")), False),
    "not GET": (request(USUAL, b"POST /ws HTTP/1.1"), False),
    "body": (request(changed(Content_Length=b"5")) + b"hello", False),
    "no body": (request(changed(Content_Length=b"0")), False),
    "chunks": (request(changed(Transfer_Encoding=b"chunked")) + b"0\r\n\r\n", False),
    "long line": (request(changed(Authorization=LONG)), False),
    "long target": (request(USUAL, b"GET /" + LONG + b" HTTP/1.1"), False),
    "many lines": (request([*USUAL, *((b"X-%d" % n, b"y") for n in range(140))]), False),
}


@pytest.mark.parametrize(("whole", "taken"), CASES.values(), ids=CASES)
async def test_whoever_reads_the_request_the_outcome_is_one(whole: bytes, taken: bool) -> None:
    """Answer, refusal and what the application is told."""
    here, anew = Place(anew=False), Place(anew=True)
    answer = await here.answer(whole)
    assert answer == await anew.answer(whole)
    assert here.told == anew.told
    assert [set(scope["extensions"]) for scope in here.scopes] == [
        {"websocket.http.response", BURST, CUT} for _ in here.scopes
    ]
    assert here.taken == [taken]
    assert answer.startswith(b"HTTP/1.1 ")
    if taken:
        assert len(here.scopes) == 1
    if b" 101 " in answer:
        assert answer.endswith(b"\x81\x06hello!" + BYE)


async def test_a_server_that_compresses_asks_the_library() -> None:
    """Which alone knows how extensions are agreed on."""
    place = Place(anew=False, deflate=True)
    answer = await place.answer(CASES["extensions"][0])
    assert b"permessage-deflate" in answer
    assert place.taken == [False]


async def test_addresses_are_those_of_the_connection() -> None:
    """As the library's own way finds them."""
    here, anew = Place(anew=False), Place(anew=True)
    for place in (here, anew):
        await place.answer(CASES["usual"][0])
        [scope] = place.scopes
        assert (scope["scheme"], scope["server"][0], scope["client"][0]) == ("ws", "127.0.0.1", "127.0.0.1")
        assert scope["client"][1] != scope["server"][1] > 0


def test_a_target_that_is_not_ascii_is_left_to_the_library() -> None:
    """HTTP's parser lets none through, in the version of today."""
    headers = [(name.lower(), value) for name, value in USUAL]
    assert is_usual(b"/ws", headers)
    assert not is_usual(b"/\xe9", headers)


words = st.sampled_from(
    [
        b"",
        b"13",
        b"14",
        b"websocket",
        b"Upgrade",
        b"keep-alive",
        b"a",
        b"b c",
        b"\xe9",
        b"dGhlIHNhbXBsZSBub25jZQ==",
    ]
)
values = st.one_of(
    words,
    st.lists(words, min_size=2, max_size=3).map(b", ".join),
    st.from_regex(rb"[A-Za-z0-9+/]{20,24}={0,3}", fullmatch=True),
)
names = st.sampled_from([name.lower() for name, _ in USUAL] + [b"origin", b"sec-websocket-protocol", b"x"])


@given(st.lists(st.tuples(names, values), max_size=3), st.sets(names, max_size=1))
def test_what_is_taken_over_the_library_accepts(more: Pairs, without: set[bytes]) -> None:
    """Never more than the library, and what it leaves out makes no difference to it."""
    extra = dict(more)
    headers = [(name.lower(), extra.pop(name.lower(), value)) for name, value in USUAL]
    headers = [(name, value) for name, value in (*headers, *extra.items()) if name not in without]
    if not is_usual(b"/ws", headers):
        return
    library = ServerProtocol()
    library.receive_data(request(headers))
    [read] = library.events_received()
    assert isinstance(read, Request)
    assert library.accept(read).status_code == 101
