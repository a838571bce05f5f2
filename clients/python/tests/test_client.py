"""The client on a real socket: each call, its frame, its answer."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from netra_client import (
    AgentCompleted,
    AuthenticationFailed,
    ClientClosed,
    ConnectFailed,
    ConnectionClosedForGood,
    FrameTooLarge,
    MalformedFrame,
    MessageDelta,
    MessageId,
    NetraClient,
    Options,
    Position,
    ResyncRequired,
    RunId,
    ServerError,
    ThreadId,
)
from netra_client.testing import PATIENCE_S, ScriptedServer

Make = Callable[..., NetraClient]
THREAD = ThreadId("t")


async def next_event(events: Any, kind: str) -> Any:
    """Return the next event whose class is called `kind`, passing over others."""
    async with asyncio.timeout(PATIENCE_S):
        async for event in events:
            if type(event).__name__ == kind:
                return event
    raise AssertionError(f"the events ended without {kind}")


async def test_the_token_is_a_header_and_never_in_the_address(
    server: ScriptedServer, client_of: Make
) -> None:
    """The token is a header and never in the address."""
    async with client_of(token="secret"):
        peer = await server.accept()

    assert peer.authorization == "Bearer secret"


async def test_the_token_may_be_the_first_frame(server: ScriptedServer, options: Options) -> None:
    """The token may be the first frame."""
    greeting, server.greeting = server.greeting, None
    client = NetraClient(server.url, token="secret", options=replace(options, auth="frame"))
    entering = asyncio.create_task(client.__aenter__())
    peer = await server.accept()

    assert (await peer.receive("authenticate"))["payload"] == {"token": "secret"}
    await peer.send("connected", greeting)
    await entering
    await client.__aexit__()


async def test_send_returns_when_accepted_and_carries_the_callers_id(
    server: ScriptedServer, client_of: Make
) -> None:
    """Send returns when accepted and carries the callers id."""
    async with client_of() as client:
        peer = await server.accept()
        sending = asyncio.create_task(
            client.send("hi", thread_id=THREAD, client_id="mine", if_running="reject")
        )
        frame = await peer.receive("user_message")
        await peer.accept(frame, duplicate=True, queue_position=2)
        accepted = await sending

    assert frame == {
        "type": "user_message",
        "id": "mine",
        "thread_id": "t",
        "payload": {"text": "hi", "if_running": "reject"},
    }
    assert (accepted.thread_id, accepted.run_id) == ("t", "r")
    assert (accepted.payload.duplicate, accepted.payload.queue_position) == (True, 2)


async def test_an_error_answer_is_raised_where_the_call_was_made(
    server: ScriptedServer, client_of: Make
) -> None:
    """An error answer is raised where the call was made."""
    async with client_of() as client:
        peer = await server.accept()
        stopping = asyncio.create_task(client.stop(RunId("x")))
        frame = await peer.receive("stop_agent")
        payload = {"code": "busy", "message": "later", "retryable": True, "retry_after_ms": 50, "path": "$.a"}
        await peer.send("error", payload, reply_to=frame["id"])
        with pytest.raises(ServerError, match="busy: later") as raised:
            await stopping

    error = raised.value
    assert (error.code, error.retryable, error.retry_after_ms, error.path) == ("busy", True, 50, "$.a")


async def test_history_threads_follow_ping_and_start_agent(server: ScriptedServer, client_of: Make) -> None:
    """History threads follow ping and start agent."""
    async with client_of() as client:
        peer = await server.accept()

        asking: asyncio.Task[Any] = asyncio.create_task(
            client.history(THREAD, limit=2, before=MessageId("z"))
        )
        frame = await peer.receive("get_thread_history")
        assert (frame["thread_id"], frame["payload"]) == ("t", {"limit": 2, "before": "z"})
        message = {"id": "m", "role": "user", "content": "hi", "created_at": "now"}
        await peer.send("thread_history", {"messages": [message], "has_more": True}, reply_to=frame["id"])
        page = await asking
        assert ([m.content for m in page.messages], page.has_more) == (["hi"], True)

        asking = asyncio.create_task(client.threads())
        frame = await peer.receive("list_threads")
        await peer.send(
            "threads", {"threads": [{"id": "t", "title": "T"}], "has_more": False}, reply_to=frame["id"]
        )
        assert [t.title for t in (await asking).threads] == ["T"]

        for call, sent, answer in [
            (client.follow(THREAD), "follow", "followed"),
            (client.unfollow(THREAD), "unfollow", "unfollowed"),
        ]:
            asking = asyncio.create_task(call)
            frame = await peer.receive(sent)
            await peer.send(answer, {}, reply_to=frame["id"], thread_id="t")
            await asking

        asking = asyncio.create_task(client.ping())
        await peer.send("pong", {"head": 0}, reply_to=(await peer.receive("ping"))["id"])
        assert await asking == 0

        asking = asyncio.create_task(client.start_agent("q", input_={"a": 1}))
        frame = await peer.receive("start_agent")
        assert frame["payload"] == {"query": "q", "input": {"a": 1}}
        await peer.accept(frame)
        assert (await asking).run_id == "r"

        client.typing(THREAD, active=True)
        assert (await peer.receive("typing"))["payload"] == {"active": True}


async def test_a_run_yields_its_own_events_and_text_and_ends(server: ScriptedServer, client_of: Make) -> None:
    """A run yields its own events and text and ends."""
    async with client_of() as client:
        peer = await server.accept()

        async def collect() -> list[Any]:
            return [event async for event in client.run("2+2?")]

        collecting = asyncio.create_task(collect())
        frame = await peer.receive("user_message")
        # The agent may be faster than the answer to its message.
        await peer.event(1, "agent_started", agent="demo", attempt=1, message_id="a")
        await peer.accept(frame)
        await peer.send("agent_thinking", {"text": "other"}, seq=2, run_id="other", thread_id="o")
        await peer.send("message_delta", {"message_id": "a", "offset": 0, "text": "4"}, thread_id="t")
        await peer.send("message_delta", {"message_id": "b", "offset": 0, "text": "x"}, thread_id="o")
        await peer.event(3, "tool_executing", tool_call_id="c", tool="calculator", arguments={"e": "2+2"})
        await peer.event(4, "tool_completed", tool_call_id="c", tool="calculator", status="ok", duration_ms=1)
        await peer.event(5, "agent_completed", status="completed", attempts=1, duration_ms=9)
        async with asyncio.timeout(PATIENCE_S):
            events = await collecting

    assert [type(event).__name__ for event in events] == [
        "AgentStarted",
        "MessageDelta",
        "ToolExecuting",
        "ToolCompleted",
        "AgentCompleted",
    ]
    assert isinstance(events[1], MessageDelta)
    assert isinstance(events[-1], AgentCompleted)


async def test_a_resync_ends_a_run_plainly(server: ScriptedServer, client_of: Make) -> None:
    """A resync ends a run plainly."""
    async with client_of() as client:
        peer = await server.accept()

        async def consume() -> None:
            async for _ in client.run("hi"):
                pass

        consuming = asyncio.create_task(consume())
        await peer.accept(await peer.receive("user_message"))
        await peer.send("resync", {"reason": "retention", "head": 90})
        with pytest.raises(ResyncRequired, match="retention"):
            await consuming


async def test_a_frame_that_the_server_would_refuse_for_its_size_is_not_sent(
    server: ScriptedServer, client_of: Make
) -> None:
    """A frame that the server would refuse for its size is not sent."""
    server.greet(max_frame_bytes=100)
    async with client_of() as client:
        with pytest.raises(FrameTooLarge):
            await client.send("x" * 100)


async def test_a_caller_that_stops_waiting_takes_its_frame_back(
    server: ScriptedServer, client_of: Make
) -> None:
    """A message that was given up must not be sent by itself an hour later."""
    async with client_of() as client:
        peer = await server.accept()
        sending = asyncio.create_task(client.send("hi", client_id="gone"))
        await peer.receive("user_message")
        sending.cancel()
        await asyncio.wait({sending})
        await peer.close(4000)

        peer = await server.accept()
        await peer.receive("resume")
        asking = asyncio.create_task(client.ping())
        frame = await peer.receive("ping")
        await peer.send("pong", {"head": 0}, reply_to=frame["id"])
        await asking


async def test_one_id_is_sent_once_and_answers_all_who_wait(server: ScriptedServer, client_of: Make) -> None:
    """One id is sent once and answers all who wait."""
    async with client_of() as client:
        peer = await server.accept()
        first = asyncio.create_task(client.send("hi", client_id="same"))
        frame = await peer.receive("user_message")
        second = asyncio.create_task(client.send("hi", client_id="same"))
        with pytest.raises(ValueError, match="in use"):
            await client.send("something else", client_id="same")
        await peer.accept(frame)

        assert await first == await second


async def test_a_gap_is_filled_and_unknown_types_count(server: ScriptedServer, client_of: Make) -> None:
    """A gap is filled and unknown types count."""
    async with client_of() as client:
        events = client.events()
        peer = await server.accept()
        await peer.event(1, title="1")
        await peer.send("thread_dreamt", {}, seq=2)
        await peer.event(4, title="4")
        frame = await peer.receive("resume")
        assert frame["payload"] == {"epoch": 1, "after": 2}
        await peer.event(3, title="3")
        await peer.event(4, title="4")
        await peer.event(4, title="4")
        await peer.send("resumed", {"head": 4}, reply_to=frame["id"])
        await peer.event(5, title="5")
        titles = [(await next_event(events, "ThreadUpdated")).payload.title for _ in range(4)]

    assert titles == ["1", "3", "4", "5"]
    assert client.position == Position(1, 5)


@pytest.mark.parametrize("kind", ["heartbeat", "pong"])
async def test_a_head_beyond_ours_is_asked_for(kind: str, server: ScriptedServer, client_of: Make) -> None:
    """A head beyond ours is asked for."""
    async with client_of():
        peer = await server.accept()
        await peer.send(kind, {"head": 2})

        assert (await peer.receive("resume"))["payload"] == {"epoch": 1, "after": 0}


async def test_a_delta_at_the_wrong_offset_asks_follow_again(server: ScriptedServer, client_of: Make) -> None:
    """A delta at the wrong offset asks follow again."""
    async with client_of() as client:
        events = client.events()
        peer = await server.accept()
        await peer.send("message_delta", {"message_id": "a", "offset": 2, "text": "c"}, thread_id="t")
        frame = await peer.receive("follow")
        await peer.send("followed", {}, reply_to=frame["id"], thread_id="t")
        await peer.send("message_snapshot", {"message_id": "a", "text": "abc"}, thread_id="t")
        await peer.send("message_delta", {"message_id": "a", "offset": 3, "text": "d"}, thread_id="t")
        await next_event(events, "MessageDelta")

        assert client.live_text == {"a": "abcd"}


async def test_resume_by_hand_delivers_again(server: ScriptedServer, client_of: Make) -> None:
    """Resume by hand delivers again."""
    server.greet(head=2)
    async with client_of() as client:
        events = client.events()
        peer = await server.accept()
        resuming = asyncio.create_task(client.resume(1, 1))
        frame = await peer.receive("resume")
        assert frame["payload"] == {"epoch": 1, "after": 1}
        await peer.event(2, title="2")
        await peer.send("resumed", {"head": 2}, reply_to=frame["id"])

        assert (await resuming).payload.head == 2
        assert (await next_event(events, "ThreadUpdated")).seq == 2


async def test_a_reader_that_falls_behind_is_told_to_reload(server: ScriptedServer, options: Options) -> None:
    """A reader that falls behind is told to reload."""
    async with NetraClient(server.url, token="jwt", options=replace(options, event_buffer=3)) as client:
        slow, probe = client.events(), client.events()
        peer = await server.accept()
        for seq in range(1, 6):
            await peer.event(seq)
            await next_event(probe, "ThreadUpdated")

        # Three fill the buffer; the fourth empties it.
        assert (await anext(slow)).payload.reason == "slow_reader"  # type: ignore[union-attr]  # said by the test
        assert [(await anext(slow)).seq for _ in range(2)] == [4, 5]  # type: ignore[union-attr]  # same


async def test_closing_ends_readers_and_fails_callers(server: ScriptedServer, client_of: Make) -> None:
    """Closing ends readers and fails callers."""
    client = client_of()
    async with client:
        events = client.events()
        peer = await server.accept()
        sending = asyncio.create_task(client.send("hi"))
        await peer.receive("user_message")

    with pytest.raises(ClientClosed):
        await sending
    assert await peer.closed() == 1000
    assert [event async for event in events] == []
    with pytest.raises(ClientClosed):
        await client.ping()


async def test_a_client_that_is_not_open_says_so(client_of: Make) -> None:
    """A client that is not open says so."""
    with pytest.raises(ClientClosed, match="async with"):
        await client_of().ping()


async def test_a_malformed_frame_ends_the_client_with_one_error(
    server: ScriptedServer, client_of: Make
) -> None:
    """A malformed frame ends the client with one error."""
    async with client_of() as client:
        peer = await server.accept()
        events = client.events()
        await peer.say('{"type":"heartbeat","payload":{"head":"many"}}')
        with pytest.raises(MalformedFrame, match="heartbeat"):
            await next_event(events, "never")
        with pytest.raises(MalformedFrame):
            await client.ping()


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, AuthenticationFailed), (403, ConnectionClosedForGood), (404, ConnectFailed), (503, ConnectFailed)],
)
async def test_a_refused_first_connection_is_raised(
    status: int, error: type[Exception], server: ScriptedServer, client_of: Make
) -> None:
    """A refused first connection is raised."""
    server.refusals = [status]
    with pytest.raises(error):
        await client_of().__aenter__()


async def test_an_address_where_nothing_listens_is_one_error(options: Options) -> None:
    """An address where nothing listens is one error."""
    client = NetraClient("http://127.0.0.1:1", token="t", options=options)
    with pytest.raises(ConnectFailed, match="Is the server up"):
        await client.__aenter__()


async def test_a_server_that_never_greets_is_given_up(server: ScriptedServer, options: Options) -> None:
    """A server that never greets is given up."""
    server.greeting = None
    client = NetraClient(server.url, token="t", options=replace(options, connect_timeout_s=0.05))
    with pytest.raises(ConnectFailed, match=r"0\.05 s"):
        await client.__aenter__()


async def test_the_client_never_imports_the_server() -> None:
    """It is installed and used where there is no server."""
    script = "import sys, netra_client, netra_client.terminal; sys.exit(any(m.startswith('netra_backend') for m in sys.modules))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    assert await process.wait() == 0
