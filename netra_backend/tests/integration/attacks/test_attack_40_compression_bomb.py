"""Attack 40: a little that unpacks to very much is never unpacked."""

import gzip
import json
import zlib
from collections.abc import Callable

import pytest

from netra_backend.tests.integration.attacks.conftest import CANARY, Unharmed
from netra_backend.tests.integration.attacks.raw import HANDSHAKE, TEXT, frame, raw, request_head
from netra_backend.tests.subject import PASSWORD, Subject

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROTOCOL_ERROR = 1002
JSON = {"Content-Type": "application/json"}
BOMB_BYTES = 64 * 1024 * 1024


async def test_attack_40_compression_is_not_negotiated_and_a_compressed_frame_is_refused(
    subject: Subject, unharmed: Unharmed
) -> None:
    """Who offers it gets no extension; who sends it all the same is closed with 1002."""
    alice = await subject.account()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(b'{"' + CANARY.encode() + b" " * BOMB_BYTES) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert len(bomb) < 65536 < BOMB_BYTES // 500
    offer = [
        ("Authorization", f"Bearer {alice.token}"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
    ]
    async with unharmed(), raw(subject.url) as socket:
        await socket.write(request_head("/ws", [*HANDSHAKE, *offer]))
        status, head = await socket.head()
        assert status == 101
        assert b"sec-websocket-extensions" not in head.lower()
        await socket.until("connected")
        await socket.write(frame(TEXT, bomb, rsv1=True))
        assert await socket.ending() == ([], PROTOCOL_ERROR)


async def test_attack_40_a_packed_body_is_not_unpacked(subject: Subject, unharmed: Unharmed) -> None:
    """It is read as the bytes that it is, and they are no JSON: not even a login that would be right."""
    alice = await subject.account()
    good = json.dumps({"email": alice.email, "password": PASSWORD}).encode()
    bomb = json.dumps({"email": CANARY, "password": " " * (BOMB_BYTES // 2)}).encode()
    async with unharmed():
        for encoding, pack in PACKED.items():
            for body in (good, bomb):
                assert len(pack(body)) < 65536
                answer = await subject.request(
                    None,
                    "POST",
                    "/auth/login",
                    content=pack(body),
                    headers={**JSON, "Content-Encoding": encoding},
                )
                assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_message")
        plain = await subject.request(None, "POST", "/auth/login", content=good, headers=JSON)
        assert plain.status_code == 200


def twice(body: bytes) -> bytes:
    """A bomb in a bomb."""
    return gzip.compress(gzip.compress(body))


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": gzip.compress,
    "gzip, gzip": twice,
}
