"""What each message of a client is answered with, whole frames, and what of it reaches the store."""

from typing import Any

import pytest

from netra_backend.domain.ids import RunId
from netra_backend.domain.runs import Lane
from netra_backend.tests.unit.websocket_core.gateways import ADA, MESSAGE, THREAD, Client, Hall

MIB = 1024 * 1024


async def test_the_greeting_says_everything_that_a_client_needs() -> None:
    """Who it is, where the stream stands, and the limits."""
    hall = Hall()
    await hall.commit()
    client = await hall.connected()
    (connection,) = hall.gateway.connections()
    assert client.frames == [
        {
            "type": "connected",
            "payload": {
                "user_id": "ada",
                "tenant_id": "acme",
                "connection_id": connection.context.connection_id,
                "epoch": hall.memory.epoch,
                "head": 1,
                "heartbeat_s": 15.0,
                "max_frame_bytes": 65536,
                "server_version": "0",
            },
        }
    ]
    client.send("authenticate", {"token": "acme/ada#7200"}, id="a")
    renewed = await client.get("connected", 2)
    assert renewed == {**client.frames[0], "reply_to": "a"}
    await client.leave()


async def test_an_accepted_message_is_answered_with_what_was_stored() -> None:
    """The same answer, marked, when it comes again; on top of all lanes but those of people."""
    hall = Hall()
    client = await hall.connected()
    client.send("user_message", {"text": "hi", "agent": "helper", "references": ["r"]}, id="m")
    first = await client.get("accepted")
    (row,) = hall.memory.runs.values()
    assert first == {
        "type": "accepted",
        "reply_to": "m",
        "thread_id": row.thread_id,
        "run_id": row.id,
        "payload": {"message_id": row.message_id, "duplicate": False, "queue_position": 0},
    }
    assert (row.owner, row.text, row.agent, row.lane, row.input) == (ADA, "hi", "helper", Lane.HIGH, {})
    assert hall.memory.messages[0].message.references == ("r",)
    client.send("user_message", {"text": "hi", "agent": "helper", "references": ["r"]}, id="m")
    again = await client.get("accepted", 2)
    assert again == {**first, "payload": {**first["payload"], "duplicate": True}}
    await client.leave()


async def test_a_task_for_an_agent_keeps_its_input_and_its_thread() -> None:
    """In the lane below people's messages; it says how many wait before it."""
    hall = Hall()
    client = await hall.connected()
    client.send("user_message", {"text": "hi"}, id="m")
    thread_id = (await client.get("accepted"))["thread_id"]
    client.send(
        "start_agent", {"query": "do", "agent": "coder", "input": {"n": 1}}, id="s", thread_id=thread_id
    )
    accepted = await client.get("accepted", 2)
    first, row = hall.memory.runs.values()
    assert accepted == {
        "type": "accepted",
        "reply_to": "s",
        "thread_id": thread_id,
        "run_id": row.id,
        "payload": {"message_id": row.message_id, "duplicate": False, "queue_position": 1},
    }
    assert (row.text, row.agent, row.input, row.lane) == ("do", "coder", {"n": 1}, Lane.NORMAL)
    assert (first.agent, row.thread_id) == (None, first.thread_id)
    await client.leave()


@pytest.mark.parametrize(("kind", "text"), [("user_message", "text"), ("start_agent", "query")])
async def test_a_second_run_may_be_refused_while_one_is_open(kind: str, text: str) -> None:
    """If the client asks for that; otherwise it waits."""
    hall = Hall()
    client = await hall.connected()
    client.send(kind, {text: "one"}, id="1")
    thread_id = (await client.get("accepted"))["thread_id"]
    client.send(kind, {text: "two", "if_running": "reject"}, id="2", thread_id=thread_id)
    error = await client.get("error")
    assert (error["reply_to"], error["payload"]["code"]) == ("2", "conflict")
    assert hall.refusals == [("acme", "conflict")]
    assert hall.meter.codes == ["conflict"]
    client.send(kind, {text: "three"}, id="3", thread_id=thread_id)
    assert (await client.get("accepted", 2))["thread_id"] == thread_id
    await client.leave()


async def test_a_stop_is_answered_with_the_run_and_whether_it_had_ended() -> None:
    """To its own frame."""
    hall = Hall()
    client = await hall.connected()
    client.send("user_message", {"text": "hi"}, id="m")
    accepted = await client.get("accepted")
    run_id = RunId(accepted["run_id"])
    stopped = {
        **accepted,
        "reply_to": "x",
        "payload": {**accepted["payload"], "duplicate": False, "queue_position": 0},
    }
    client.send("stop_agent", {"run_id": run_id}, id="x")
    assert await client.get("accepted", 2) == stopped
    hall.memory.runs[run_id].status = "stopped"
    client.send("stop_agent", {"run_id": run_id}, id="x")
    assert (await client.get("accepted", 3))["payload"] == {**stopped["payload"], "duplicate": True}
    await client.leave()


async def said(client: Client, hall: Hall, *texts: str) -> list[dict[str, Any]]:
    """Messages of one thread as the store accepted them."""
    thread: dict[str, Any] = {}
    for number, text in enumerate(texts, 1):
        client.send("user_message", {"text": text}, id=f"m{number}", **thread)
        thread = {"thread_id": (await client.get("accepted", number))["thread_id"]}
    return client.of("accepted")


async def test_a_history_is_read_page_by_page() -> None:
    """Oldest first in a page; `has_more` says that there are older ones."""
    hall = Hall()
    client = await hall.connected()
    accepted = await said(client, hall, "one", "two", "three")
    thread_id = accepted[0]["thread_id"]
    client.send("get_thread_history", {"limit": 2}, id="h", thread_id=thread_id)
    page = await client.get("thread_history")
    assert (page["reply_to"], page["thread_id"], page["payload"]["has_more"]) == ("h", thread_id, True)
    assert [message["content"] for message in page["payload"]["messages"]] == ["two", "three"]
    before = page["payload"]["messages"][0]["id"]
    client.send("get_thread_history", {"limit": 2, "before": before}, id="h2", thread_id=thread_id)
    older = (await client.get("thread_history", 2))["payload"]
    assert ([message["content"] for message in older["messages"]], older["has_more"]) == (["one"], False)
    await client.leave()


@pytest.mark.parametrize(("size", "fits"), [(MIB // 2, True), (MIB // 2 + 1, False)])
async def test_a_page_of_history_has_at_most_a_mebibyte_of_text(size: int, fits: bool) -> None:
    """What does not fit is on the next page."""
    hall = Hall()
    client = await hall.connected()
    accepted = await said(client, hall, "one", "two")
    hall.memory.messages[:] = [
        type(row)(
            owner=row.owner,
            thread_id=row.thread_id,
            message=type(row.message)(
                id=row.message.id,
                role=row.message.role,
                content="x" * length,
                created_at=row.message.created_at,
                run_id=row.message.run_id,
            ),
            seq=row.seq,
            turn=row.turn,
        )
        for row, length in zip(hall.memory.messages, (MIB // 2, size), strict=True)
    ]
    client.send("get_thread_history", id="h", thread_id=accepted[0]["thread_id"])
    page = (await client.get("thread_history"))["payload"]
    assert (len(page["messages"]), page["has_more"]) == ((2, False) if fits else (1, True))
    await client.leave()


async def test_threads_are_listed_page_by_page() -> None:
    """Last used first."""
    hall = Hall()
    client = await hall.connected()
    for text in ("one", "two", "three"):
        await hall.commit(text=text)
    client.send("list_threads", {"limit": 2}, id="l")
    page = await client.get("threads")
    assert (page["reply_to"], page["payload"]["has_more"]) == ("l", True)
    assert [thread["title"] for thread in page["payload"]["threads"]] == ["three", "two"]
    client.send("list_threads", {"limit": 2, "before": page["payload"]["threads"][1]["id"]}, id="l2")
    older = (await client.get("threads", 2))["payload"]
    assert ([thread["title"] for thread in older["threads"]], older["has_more"]) == (["one"], False)
    await client.leave()


async def test_following_shows_running_messages_only() -> None:
    """One that waits in the queue has no text yet; one that has written nothing is shown empty."""
    hall = Hall()
    client = await hall.connected()
    accepted = await said(client, hall, "one", "two")
    thread_id = accepted[0]["thread_id"]
    running, _ = hall.memory.runs.values()
    running.status = "running"
    watcher = await hall.connected()
    watcher.send("follow", id="f", thread_id=thread_id)
    watcher.send("ping", id="p")
    assert await watcher.get("pong") == {"type": "pong", "reply_to": "p", "payload": {"head": 2}}
    assert await watcher.get("followed") == {"type": "followed", "reply_to": "f", "thread_id": thread_id}
    assert watcher.of("message_snapshot") == [
        {
            "type": "message_snapshot",
            "thread_id": thread_id,
            "payload": {"message_id": running.answer_id, "text": ""},
        }
    ]
    hall.live.write(ADA, thread_id, running.answer_id, text="ab", new=2)
    assert await watcher.get("message_delta") == {
        "type": "message_delta",
        "thread_id": thread_id,
        "payload": {"message_id": running.answer_id, "offset": 0, "text": "ab"},
    }
    watcher.send("unfollow", id="u", thread_id=thread_id)
    assert await watcher.get("unfollowed") == {"type": "unfollowed", "reply_to": "u", "thread_id": thread_id}
    for each in (client, watcher):
        await each.leave()


async def test_typing_names_its_thread_and_may_end() -> None:
    """On the user's other connections."""
    hall = Hall()
    one, two = await hall.connected(), await hall.connected()
    for number, active in enumerate((True, False), 1):
        one.send("typing", {"active": active}, thread_id=THREAD)
        notice = await two.get("typing", number)
        assert notice == {"type": "typing", "thread_id": THREAD, "payload": {"active": active}}
    assert hall.meter.types == ["typing", "typing"]
    for client in (one, two):
        await client.leave()


async def test_merged_deltas_are_one_whole_delta() -> None:
    """Of the same thread and message, from where the first began."""
    hall = Hall()
    client = await hall.connected()
    (connection,) = hall.gateway.connections()
    connection.follow(THREAD)
    connection.on_delta(THREAD, MESSAGE, 0, "a")
    await client.get("message_delta")
    connection.on_delta(THREAD, MESSAGE, 1, "b")
    connection.on_delta(THREAD, MESSAGE, 2, "cd")
    assert await client.get("message_delta", 2) == {
        "type": "message_delta",
        "thread_id": THREAD,
        "payload": {"message_id": MESSAGE, "offset": 1, "text": "bcd"},
    }
    await client.leave()
