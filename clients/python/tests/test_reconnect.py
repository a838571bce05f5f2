"""Losing the connection: who comes back, when, and with what as first frames."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from netra_client import (
    AuthenticationFailed,
    ConnectionClosedForGood,
    NetraClient,
    Position,
    ThreadId,
)
from netra_client.testing import PATIENCE_S, Peer, ScriptedServer

Make = Callable[..., NetraClient]


async def next_event(events: Any, kind: str) -> Any:
    """Return the next event whose class is called `kind`, passing over others."""
    async with asyncio.timeout(PATIENCE_S):
        async for event in events:
            if type(event).__name__ == kind:
                return event
    raise AssertionError(f"the events ended without {kind}")


async def resumed(server: ScriptedServer, *, after: int) -> Peer:
    """Accept a connection whose first frame is `resume` after `after`."""
    peer = await server.accept()
    assert (await peer.receive("resume"))["payload"] == {"epoch": 1, "after": after}
    return peer


@pytest.mark.parametrize("code", [1001, 1012, 4000, 4008, 4009, 4029, 4499, 1006])
async def test_it_comes_back_and_resumes_first(
    code: int, server: ScriptedServer, client_of: Make, delays: list[float]
) -> None:
    """It comes back and resumes first."""
    async with client_of() as client:
        events = client.events()
        peer = await server.accept()
        await peer.event(1)
        await next_event(events, "ThreadUpdated")
        if code == 1006:
            peer.abort()
        else:
            await peer.close(code)
        peer = await resumed(server, after=1)
        lost = await next_event(events, "ConnectionChanged")
        back = await next_event(events, "ConnectionChanged")

    assert (lost.state, lost.code, lost.retry_in_s, back.state) == ("waiting", code, 0.5, "open")
    assert delays == [0.5]


@pytest.mark.parametrize("code", [4500, 4503, 4513, 4999])
async def test_it_does_not_come_back_when_told_not_to(
    code: int, server: ScriptedServer, client_of: Make, delays: list[float]
) -> None:
    """It does not come back when told not to."""
    async with client_of() as client:
        events = client.events()
        peer = await server.accept()
        sending = asyncio.create_task(client.send("hi"))
        await peer.receive("user_message")
        await peer.close(code, "no")
        for waiting in (sending, next_event(events, "never"), client.ping()):
            with pytest.raises(ConnectionClosedForGood, match=f"{code}: no"):
                await waiting

    assert (server.waiting, delays) == (0, [])


async def test_unanswered_commands_are_sent_again_with_the_same_id(
    server: ScriptedServer, client_of: Make
) -> None:
    """Promise 2: the server stores them once, so sending again is the safe thing."""
    async with client_of() as client:
        peer = await server.accept()
        first = asyncio.create_task(client.send("one", client_id="a"))
        sent = await peer.receive("user_message")
        second = asyncio.create_task(client.send("two", client_id="b"))
        await peer.receive("user_message")
        peer.abort()

        peer = await resumed(server, after=0)
        again = await peer.receive("user_message")
        assert again == sent
        await peer.accept(again, duplicate=True)
        await peer.accept(await peer.receive("user_message"))

        assert [(await task).payload.duplicate for task in (first, second)] == [True, False]


async def test_what_is_sent_while_away_goes_out_after_resume_and_follow(
    server: ScriptedServer, client_of: Make
) -> None:
    """What is sent while away goes out after resume and follow."""
    async with client_of() as client:
        events = client.events()
        peer = await server.accept()
        first = asyncio.create_task(client.send("one"))
        await peer.accept(await peer.receive("user_message"))
        await first
        server.refusals = [503]
        peer.abort()
        await next_event(events, "ConnectionChanged")
        second = asyncio.create_task(client.send("two", client_id="later"))

        peer = await resumed(server, after=0)
        assert (await peer.receive("follow"))["thread_id"] == "t"
        frame = await peer.receive("user_message")
        assert (frame["id"], frame["payload"]) == ("later", {"text": "two"})
        await peer.accept(frame)
        await second


async def test_an_unfollowed_thread_is_not_followed_again(server: ScriptedServer, client_of: Make) -> None:
    """An unfollowed thread is not followed again."""
    async with client_of() as client:
        peer = await server.accept()
        for call, kind in ((client.follow, "follow"), (client.unfollow, "unfollow")):
            asking = asyncio.create_task(call(ThreadId("t")))
            frame = await peer.receive(kind)
            await peer.send(f"{kind}ed", {}, reply_to=frame["id"], thread_id="t")
            await asking
        peer.abort()
        peer = await resumed(server, after=0)
        pinging = asyncio.create_task(client.ping())
        await peer.send("pong", {"head": 0}, reply_to=(await peer.receive("ping"))["id"])
        await pinging


async def test_delays_grow_until_a_heartbeat_proves_the_connection(
    server: ScriptedServer, client_of: Make, delays: list[float]
) -> None:
    """Delays grow until a heartbeat proves the connection."""
    async with client_of() as client:
        events = client.events()
        peer = await server.accept()
        server.refusals = [503, 502]
        peer.abort()
        peer = await resumed(server, after=0)
        await peer.close(4008)
        peer = await resumed(server, after=0)
        await peer.send("heartbeat", {"head": 0})
        await peer.close(4008)
        await resumed(server, after=0)
        await next_event(events, "ConnectionChanged")

    assert delays == [0.5, 1.0, 2.0, 4.0, 0.5]


async def test_the_server_may_say_when_to_come_back(
    server: ScriptedServer, client_of: Make, delays: list[float]
) -> None:
    """The server may say when to come back."""
    async with client_of() as client:
        events = client.events()
        peer = await server.accept()
        await peer.send("reconnect", {"retry_after_ms": 1500})
        assert (await next_event(events, "Reconnect")).payload.retry_after_ms == 1500
        await peer.close(1012)
        await resumed(server, after=0)

    assert delays == [1.5]


async def test_a_resync_is_an_event_and_the_stream_goes_on_after_its_head(
    server: ScriptedServer, client_of: Make
) -> None:
    """A database restored to an older state has another epoch, and `seq` that were given out before."""
    server.greet(head=50)
    async with client_of() as client:
        events = client.events()
        peer = await server.accept()
        server.greet(epoch=2, head=10)
        peer.abort()
        peer = await resumed(server, after=50)
        await peer.send("resync", {"reason": "epoch", "head": 10}, reply_to="1")
        await peer.event(11, title="new")

        assert (await next_event(events, "Resync")).payload.reason == "epoch"
        assert (await next_event(events, "ThreadUpdated")).payload.title == "new"
        assert client.position == Position(2, 11)


async def test_a_refused_resume_is_a_resync_too(server: ScriptedServer, client_of: Make) -> None:
    """A refused resume is a resync too."""
    server.greet(head=7)
    async with client_of(resume_from=Position(1, 99)) as client:
        events = client.events()
        peer = await server.accept()
        frame = await peer.receive("resume")
        await peer.send(
            "error", {"code": "bad_resume", "message": "", "retryable": False}, reply_to=frame["id"]
        )

        resync = await next_event(events, "Resync")
        assert (resync.payload.reason, resync.payload.head, client.position) == (
            "bad_resume",
            7,
            Position(1, 7),
        )


async def test_a_stored_position_is_resumed_by_a_new_process(server: ScriptedServer, client_of: Make) -> None:
    """A stored position is resumed by a new process."""
    async with client_of(resume_from=Position(1, 3)) as client:
        events = client.events()
        peer = await resumed(server, after=3)
        await peer.event(4)

        assert (await next_event(events, "ThreadUpdated")).seq == 4


async def test_silence_of_two_and_a_half_heartbeats_is_a_dead_connection(
    server: ScriptedServer, client_of: Make
) -> None:
    """Silence of two and a half heartbeats is a dead connection."""
    server.greet(heartbeat_s=0.02)
    async with client_of() as client:
        events = client.events()
        peer = await server.accept()
        server.greet(heartbeat_s=15)
        await resumed(server, after=0)
        lost = await next_event(events, "ConnectionChanged")

    assert (lost.code, lost.reason) == (1006, "no heartbeat for 0.05 s")
    assert await peer.closed() is None


async def test_silence_after_the_first_frames_counts_too(server: ScriptedServer, client_of: Make) -> None:
    """Most connections die long after their greeting."""
    server.greet(heartbeat_s=0.02)
    async with client_of() as client:
        events = client.events()
        peer = await server.accept()
        await peer.event(1)
        await next_event(events, "ThreadUpdated")
        server.greet(heartbeat_s=15)
        await resumed(server, after=1)


async def test_any_frame_is_a_sign_of_life(server: ScriptedServer, client_of: Make) -> None:
    """A server that is busy streaming may be late with its heartbeat."""
    server.greet(heartbeat_s=0.2)
    loop = asyncio.get_running_loop()
    async with client_of() as client:
        peer = await server.accept()
        until = loop.time() + 0.2 * 2.5 * 1.5
        while loop.time() < until:
            pinging = asyncio.create_task(client.ping())
            await peer.send("pong", {"head": 0}, reply_to=(await peer.receive("ping"))["id"])
            await pinging

        assert server.waiting == 0


async def test_4401_asks_the_provider_and_uses_the_new_token(server: ScriptedServer, client_of: Make) -> None:
    """4401 asks the provider and uses the new token."""
    tokens = iter(["first", "second"])

    async def provide() -> str:
        return next(tokens)

    async with client_of(token_provider=provide):
        peer = await server.accept()
        assert peer.authorization == "Bearer first"
        await peer.close(4401)
        peer = await resumed(server, after=0)
        assert peer.authorization == "Bearer second"


async def test_4401_twice_in_a_row_is_the_end(server: ScriptedServer, client_of: Make) -> None:
    """4401 twice in a row is the end."""
    asked: list[str] = []

    async def provide() -> str:
        asked.append("token")
        return f"token {len(asked)}"

    async with client_of(token_provider=provide) as client:
        events = client.events()
        peer = await server.accept()
        server.refusals = [401]
        await peer.close(4401)
        with pytest.raises(AuthenticationFailed):
            await next_event(events, "never")

    assert len(asked) == 2


async def test_4401_without_a_provider_is_the_end(server: ScriptedServer, client_of: Make) -> None:
    """4401 without a provider is the end."""
    async with client_of() as client:
        events = client.events()
        await (await server.accept()).close(4401)
        with pytest.raises(AuthenticationFailed, match="log in again"):
            await next_event(events, "never")


async def test_an_expiring_token_is_renewed_on_the_open_socket(
    server: ScriptedServer, client_of: Make
) -> None:
    """An expiring token is renewed on the open socket."""
    tokens = iter(["first", "second"])

    async def provide() -> str:
        return next(tokens)

    async with client_of(token_provider=provide) as client:
        events = client.events()
        peer = await server.accept()
        await peer.send("token_expiring", {"seconds": 60})
        frame = await peer.receive("authenticate")
        assert frame["payload"] == {"token": "second"}
        # The answer is a `connected` that must not be taken for a new connection.
        await peer.send("connected", {**(server.greeting or {}), "head": 40}, reply_to=frame["id"])
        await peer.event(1)
        await next_event(events, "ThreadUpdated")
        peer.abort()

        assert (await resumed(server, after=1)).authorization == "Bearer second"


async def test_a_provider_that_fails_leaves_the_connection_alone(
    server: ScriptedServer, client_of: Make
) -> None:
    """A provider that fails leaves the connection alone."""

    async def provide() -> str:
        raise RuntimeError("no issuer")

    async with client_of(token="jwt", token_provider=provide) as client:
        peer = await server.accept()
        await peer.send("token_expiring", {"seconds": 60})
        pinging = asyncio.create_task(client.ping())
        await peer.send("pong", {"head": 0}, reply_to=(await peer.receive("ping"))["id"])

        assert await pinging == 0
