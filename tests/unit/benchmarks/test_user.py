import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from benchmarks import bare
from benchmarks.bare import EXCHANGE
from benchmarks.frames import type_of
from benchmarks.report import Figure
from benchmarks.user import LIFECYCLE, Run, User, check
from netra_backend.serving import FRAME_HEADROOM
from netra_backend.settings import load


def exchange() -> list[bytes]:
    """The frames of a good run, as the bare server sends them."""
    frames = [frame.replace("RUN", "r1").replace('"ID"', '"0"') for frame in EXCHANGE]
    seqs = iter(range(1, 100))
    return [
        (frame.replace('"SEQ"', str(next(seqs))) if '"SEQ"' in frame else frame).encode() for frame in frames
    ]


@dataclass
class Seen:
    """What a user made of the frames that it got."""

    user: User
    ended: list[Run] = field(default_factory=list)


async def played(payloads: list[bytes]) -> Seen:
    """A user who says one thing to a real server, which answers with `payloads` and a `pong`."""

    async def answer(socket: ServerConnection) -> None:
        await socket.send('{"type":"connected","payload":{}}')
        await socket.recv()
        for payload in (*payloads, b'{"type":"pong","payload":{}}'):
            await socket.send(payload.decode())
        await socket.wait_closed()

    ended: list[Run] = []
    async with serve(answer, "127.0.0.1", 0, compression=None) as server:
        host, port = next(iter(server.sockets)).getsockname()
        _, user = await asyncio.get_running_loop().create_connection(
            lambda: User(
                f"{host}:{port}",
                "token",
                completed=lambda _, run: ended.append(run),
                failed=lambda: None,
                verify_every=1,
            ),
            host,
            port,
        )
        await user.ready
        user.say(1.0)
        await asyncio.wait([user.pong], timeout=10)
        user.leave()
    return Seen(user, ended)


async def test_a_good_run_ends_once_and_is_checked_in_full() -> None:
    """The bare server's exchange is one that the checks accept, so that both are held to the same."""
    seen = await played(exchange())
    assert (len(seen.ended), seen.user.verified, seen.user.wrong) == (1, 1, [])


async def test_events_may_overtake_the_acceptance() -> None:
    """They come by another way than the answer."""
    accepted, *events = exchange()
    seen = await played([*events, accepted])
    assert (len(seen.ended), seen.user.wrong) == (1, [])


async def test_a_duplicate_is_void() -> None:
    """Its run would never come, or be an old one."""
    seen = await played(
        [payload.replace(b'"duplicate":false', b'"duplicate":true') for payload in exchange()]
    )
    assert seen.user.wrong == ["a message was taken for a duplicate"]


@pytest.mark.parametrize("missing", LIFECYCLE)
async def test_a_run_without_one_of_its_events_is_void(missing: bytes) -> None:
    """Whichever is missing: either the order shows it, or the run never ends and the load gives up."""
    seen = await played([payload for payload in exchange() if type_of(payload) != missing])
    assert seen.user.wrong or seen.ended == []


async def test_a_run_that_failed_is_void() -> None:
    """Five events of a failed run are no golden path."""
    failed = [payload.replace(b'"completed","duration', b'"failed","duration') for payload in exchange()]
    seen = await played(failed)
    assert "did not complete" in seen.user.wrong[0]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (b"Paris is the capital", b"Rome is the capital", "answer"),
        (b'"seq":3', b'"seq":4', "sequence numbers"),
        (b'"reply_to":"0"', b'"reply_to":"1"', "no `accepted`"),
        (b'"type":"agent_thinking"', b'"type":"agent_started"', "events"),
    ],
)
def test_the_full_check_names_what_is_wrong(old: bytes, new: bytes, complaint: str) -> None:
    """One fault, one complaint of it."""
    found = check([payload.replace(old, new) for payload in exchange()], "r1", client_id="0")
    assert any(what.startswith(complaint) for what in found), found
    assert check(exchange(), "r1", client_id="0") == []


def test_the_bare_server_has_the_settings_of_netra() -> None:
    """It loads nothing of Netra, so its figures stand there a second time."""
    defaults = load({}, environ={})
    assert defaults.max_frame_bytes * FRAME_HEADROOM == bare.FRAME_BYTES
    assert defaults.ping_interval_s == bare.PING_S


@pytest.mark.parametrize(
    ("value", "more_is_better", "met"),
    [(9.0, True, False), (10.0, True, True), (9.0, False, True), (11.0, False, False)],
)
def test_a_target_is_a_floor_or_a_ceiling(value: float, more_is_better: bool, met: bool) -> None:
    """And a ratio is to the bare server."""
    fields: dict[str, Any] = {"name": "x", "unit": "s", "load": 0.0}
    figure = Figure(value=value, target=10.0, more_is_better=more_is_better, bare=2.0, **fields)
    assert (figure.met, figure.ratio) == (met, value / 2)
