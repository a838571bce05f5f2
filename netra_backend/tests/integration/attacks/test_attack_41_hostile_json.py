"""Attack 41: text that is almost JSON, or JSON that nobody should send; on the socket and over HTTP."""

import json

import pytest

from netra_backend.settings import Settings
from netra_backend.tests.integration.attacks.conftest import CANARY, Unharmed
from netra_backend.tests.integration.attacks.raw import BINARY, TEXT, frame, raw_user
from netra_backend.tests.subject import Subject

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEPTH = 100_000
BAD_UTF8 = 1007


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    """Room for 100,000 brackets, so that what is tested is the nesting and not the size."""
    return settings.model_copy(update={"max_frame_bytes": 4_194_304, "bad_frames_limit": 1000})


def message(value: str) -> str:
    """A frame that would be good but for this value."""
    return (
        f'{{"type": "start_agent", "id": "x", "payload": {{"query": "{CANARY}", "input": {{"a": {value}}}}}}}'
    )


HOSTILE = [
    pytest.param("[" * DEPTH + "]" * DEPTH, id="100,000 brackets alone"),
    pytest.param("[" * DEPTH, id="100,000 brackets unclosed"),
    pytest.param('{"a":' * DEPTH + "1" + "}" * DEPTH, id="100,000 braces"),
    pytest.param(message("[" * DEPTH + "]" * DEPTH), id="100,000 inside a good frame"),
    pytest.param(message("NaN"), id="NaN"),
    pytest.param(message("-Infinity"), id="Infinity"),
    pytest.param(message("1e999999"), id="a float without end"),
    pytest.param(message('"\\ud800"'), id="half a character"),
    pytest.param(message("1}}, {"), id="two texts"),
    pytest.param(message("1").replace('"id": "x"', '"id": "x", "id": "y"'), id="the same key twice"),
    pytest.param(message('{"k": 1, "k": 2}'), id="the same key twice, deep"),
    pytest.param('{"type": "get_thread_history", "payload": {"limit": 1e400}}', id="a huge limit"),
    pytest.param(
        f'{{"type": "resume", "payload": {{"epoch": "x", "after": {"9" * 50_000}}}}}', id="50,000 digits"
    ),
    pytest.param(f'{{"type": "{CANARY}"}}', id="an unknown type"),
    pytest.param(f'{{"type": ["{CANARY}"]}}', id="a type that is no text"),
    pytest.param(f'"{CANARY}"', id="a text alone"),
    pytest.param("\ufeff{}", id="a byte order mark"),
    pytest.param("", id="nothing"),
    pytest.param(
        f'{{"type": "user_message", "id": "x", "payload": {{"text": "{CANARY}\\u0000"}}}}', id="U+0000"
    ),
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_attack_41_hostile_json_is_one_typed_error(
    subject: Subject, unharmed: Unharmed, text: str
) -> None:
    """The socket says what is wrong, lives, and has stored nothing; so does a route (CVE-2020-36518)."""
    alice = await subject.account()
    async with unharmed():
        async with subject.connect(alice) as client:
            await client.send_raw(text)
            await client.until(lambda frame: frame["type"] == "error")
            await client.ask("ping")
            codes = [frame["payload"]["code"] for frame in client.of_type("error")]
            assert len(codes) == 1
            assert codes[0] in ("bad_message", "unknown_type", "bad_resume", "too_large")
        answer = await subject.request(
            None, "POST", "/auth/login", content=text.encode(), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in (400, 413)
        assert CANARY not in answer.text
        assert (await subject.stored(alice)).messages == []


async def test_attack_41_deep_input_within_the_limit_is_fine(subject: Subject) -> None:
    """The limit is 32: below it `input` is taken as it is."""
    alice = await subject.account()
    async with subject.connect(alice) as client:
        await client.send_raw(message("[" * 20 + "]" * 20))
        assert (await client.until(lambda frame: frame.get("reply_to") == "x"))["type"] == "accepted"


@pytest.mark.parametrize(
    "data", [b"\xff\xfe", b'{"type": "\xc0\xaf"}', b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"]
)
async def test_attack_41_invalid_utf8_is_closed_with_1007(
    subject: Subject, unharmed: Unharmed, data: bytes
) -> None:
    """As RFC 6455 asks, section 8.1."""
    alice = await subject.account()
    async with unharmed(), raw_user(subject.url, alice.token) as socket:
        await socket.write(frame(TEXT, CANARY.encode() + data))
        assert await socket.ending() == ([], BAD_UTF8)
        answer = await subject.request(
            None, "POST", "/auth/login", content=data, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 400


async def test_attack_41_binary_is_a_typed_error(subject: Subject, unharmed: Unharmed) -> None:
    """The wire is text."""
    alice = await subject.account()
    async with unharmed(), raw_user(subject.url, alice.token) as socket:
        await socket.write(frame(BINARY, json.dumps({"type": "ping", "id": CANARY}).encode()))
        assert (await socket.until("error"))["payload"]["code"] == "bad_message"
        await socket.say("ping")
        await socket.until("pong")
