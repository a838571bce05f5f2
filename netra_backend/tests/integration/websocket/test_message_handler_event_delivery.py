"""Suite 3 of the test plan: every message is answered once, runs report their whole life, nothing is lost."""

import asyncio
import json
import uuid
from contextlib import suppress
from typing import Any

import pytest

from netra_backend.domain.events import Fenced
from netra_backend.protocol.messages import CLIENT_TYPES
from netra_backend.testing.client import LIFECYCLE, Client, Frame
from netra_backend.tests.integration.websocket.invariants import (
    check_frames,
    check_stored,
    history_after,
)
from netra_backend.tests.outcomes import fails_before
from netra_backend.tests.subject import Account, Subject

NONSENSE = str(uuid.UUID(int=7))
NOT_FOUND = {"code": "not_found", "message": "There is no such thing for this user.", "retryable": False}


def kinds(frames: list[Frame]) -> list[str]:
    """The types, in order."""
    return [frame["type"] for frame in frames]


def payload_of(frames: list[Frame], kind: str) -> dict[str, Any]:
    """The payload of the one frame of a type."""
    (frame,) = [frame for frame in frames if frame["type"] == kind]
    payload: dict[str, Any] = frame["payload"]
    return payload


async def answer_to(client: Client, run_id: str) -> str:
    """The answer that the run's last event brings."""
    content: str = payload_of(await client.finished(run_id), "agent_completed")["message"]["content"]
    return content


async def started(client: Client, text: str, *, agent: str = "waiting", **where: Any) -> Frame:
    """Send a message and wait until its run is inside its tool."""
    accepted = await client.say(text, agent=agent, **where)
    run_id = accepted["run_id"]
    await client.until(lambda frame: frame["type"] == "tool_executing" and frame["run_id"] == run_id)
    return accepted


async def come(client: Client, kind: str, run_id: str) -> Frame | None:
    """The run's frame of a type, or None where it never comes, which takes as long as the client has patience."""
    with suppress(AssertionError, TimeoutError):
        return await client.until(lambda frame: frame["type"] == kind and frame.get("run_id") == run_id)
    return None


async def answer_of(client: Client, frame_id: str) -> Frame:
    """The answer to a frame that was sent before."""
    return await client.until(lambda frame: frame.get("reply_to") == frame_id)


async def history(client: Client, thread_id: str, **page: Any) -> dict[str, Any]:
    """The payload of `thread_history`."""
    answer = await client.ask("get_thread_history", page, thread_id=thread_id)
    assert answer["type"] == "thread_history", answer
    assert answer["thread_id"] == thread_id, (
        "history is that of the user's latest thread, not of the one asked for"
    )
    payload: dict[str, Any] = answer["payload"]
    return payload


@fails_before("of the five lifecycle events only agent_completed came")
async def test_agent_message_event_sequence(subject: Subject) -> None:
    """A run reports all five events in order, numbered without gap, alike on both tabs of its user."""
    alice = await subject.account()
    async with subject.connect(alice) as first, subject.connect(alice) as second:
        await second.ask("ping")
        accepted = await first.say("Hello")
        run_id, thread_id = accepted["run_id"], accepted["thread_id"]
        seen, also_seen = await first.finished(run_id), await second.finished(run_id)
        came = kinds(seen)
        assert came == list(LIFECYCLE), f"of the five lifecycle events only {', '.join(came)} came"
        assert kinds(first.durable()) == ["message_created", *LIFECYCLE]
        assert first.durable() == second.durable()
        assert seen == also_seen
        check_frames(first.frames)
        assert {(frame["run_id"], frame["thread_id"]) for frame in first.durable()} == {(run_id, thread_id)}
        began, thought, tool, tool_ended, ended = (frame["payload"] for frame in seen)
    answer_id, call = began["message_id"], tool["tool_call_id"]
    assert began == {"agent": "echo", "attempt": 1, "message_id": answer_id}
    assert thought == {"text": "Repeating it."}
    assert tool == {"tool_call_id": call, "tool": "echo", "arguments": {"text": "Hello"}}
    assert tool_ended == {
        "tool_call_id": call,
        "tool": "echo",
        "status": "ok",
        "result": {"text": "Hello"},
        "duration_ms": tool_ended["duration_ms"],
    }
    assert ended == {
        "status": "completed",
        "message": {
            "id": answer_id,
            "role": "assistant",
            "content": "You said: Hello",
            "created_at": ended["message"]["created_at"],
            "run_id": run_id,
        },
        "duration_ms": ended["duration_ms"],
        "attempts": 1,
    }
    stored = await subject.stored(alice)
    check_stored(stored, [accepted])
    assert [event["payload"] for event in stored.of_run(run_id)] == [frame["payload"] for frame in seen]


async def test_a_run_that_fails_still_ends_with_one_event(subject: Subject) -> None:
    """Failure is `agent_completed` with a code and what was written, no inside detail, and the thread goes on."""
    alice = await subject.account()
    async with subject.connect(alice) as client:
        for agent, code, content in (
            ("failing", "test_failure", "So far: "),
            ("crashing", "internal", None),
            ("nobody", "unknown_agent", None),
        ):
            accepted = await client.say("Hello", agent=agent)
            frames = await client.finished(accepted["run_id"])
            assert kinds(frames) == ["agent_started", "agent_completed"]
            ended = frames[-1]["payload"]
            assert (ended["status"], ended["error"]["code"]) == ("failed", code)
            assert ended.get("message", {}).get("content") == content
            after = await client.say("And now?", thread_id=accepted["thread_id"])
            assert await answer_to(client, after["run_id"]) == "You said: And now?"
        assert "secret" not in str(client.frames)
    check_stored(await subject.stored(alice), client.of_type("accepted"))


@fails_before("no live text came while the agent wrote")
async def test_user_message_processing_pipeline(subject: Subject) -> None:
    """A message is stored once with its run and events; the live text is the answer; a repeat changes nothing."""
    alice = await subject.account()
    async with subject.connect(alice) as client:
        sent = {"text": "Hello **you** \N{SNOWMAN}", "references": ["doc-1", {"page": 2}]}
        accepted = await client.ask("user_message", sent, id="m-1")
        run_id, thread_id = accepted["run_id"], accepted["thread_id"]
        message_id = accepted["payload"]["message_id"]
        assert accepted == {
            "type": "accepted",
            "reply_to": "m-1",
            "thread_id": thread_id,
            "run_id": run_id,
            "payload": {"message_id": message_id, "duplicate": False, "queue_position": 0},
        }
        answer = await answer_to(client, run_id)
        assert answer == f"You said: {sent['text']}"
        live = live_text(client.frames, thread_id)
        assert live != "", "no live text came while the agent wrote"
        assert live == answer

        await client.send("user_message", sent, id="m-1")
        again = await client.until(lambda frame: frame.get("reply_to") == "m-1" and frame is not accepted)
        assert again == accepted | {"payload": accepted["payload"] | {"duplicate": True}}
        page = await history(client, thread_id)
        created = payload_of(client.frames, "message_created")["message"]
        ended = payload_of(client.frames, "agent_completed")["message"]
        assert page == {"messages": [created, ended], "has_more": False}
        assert created == {
            "id": message_id,
            "role": "user",
            "content": sent["text"],
            "created_at": created["created_at"],
            "run_id": run_id,
            "client_id": "m-1",
            "references": sent["references"],
        }
    await stored_once(subject, alice, accepted, answer)


async def stored_once(subject: Subject, account: Account, accepted: Frame, answer: str) -> None:
    """One row for the message, one for its answer, one run, six events."""
    stored = await subject.stored(account)
    run_id, message_id = accepted["run_id"], accepted["payload"]["message_id"]
    assert [(row["id"], row["role"], row["run_id"], row["client_id"]) for row in stored.messages] == [
        (message_id, "user", run_id, "m-1"),
        (stored.runs[0]["answer_id"], "assistant", run_id, None),
    ]
    assert stored.messages[1]["content"] == answer
    assert [(run["id"], run["message_id"], run["status"], run["attempt"]) for run in stored.runs] == [
        (run_id, message_id, "completed", 1)
    ]
    assert [event["type"] for event in stored.events] == ["message_created", *LIFECYCLE]
    check_stored(stored, [accepted])


def live_text(frames: list[Frame], thread_id: str) -> str:
    """The text that a client has that applies deltas and snapshots as the protocol says."""
    text = ""
    for frame in frames:
        if frame.get("thread_id") != thread_id:
            continue
        if frame["type"] == "message_snapshot":
            text = frame["payload"]["text"]
        elif frame["type"] == "message_delta":
            assert frame["payload"]["offset"] == len(text)
            text += frame["payload"]["text"]
    return text


async def test_one_client_id_at_the_same_moment_is_one_message(subject: Subject) -> None:
    """The same id from two tabs and within one burst is stored once, and every frame gets the same answer."""
    alice = await subject.account()
    async with subject.connect(alice) as first, subject.connect(alice) as second:
        burst = {"text": "Once"}
        for client in (first, second, first, second):
            await client.send("user_message", burst, id="same")
        for client in (first, second):
            await client.ask("ping")
        answers = [*first.of_type("accepted"), *second.of_type("accepted")]
        assert len(answers) == 4
        assert len({(f["thread_id"], f["run_id"], f["payload"]["message_id"]) for f in answers}) == 1
        assert sorted(frame["payload"]["duplicate"] for frame in answers) == [False, True, True, True]
        await first.finished(answers[0]["run_id"])
    stored = await subject.stored(alice)
    assert [row["role"] for row in stored.messages] == ["user", "assistant"]
    check_stored(stored, answers[:1])


async def test_a_client_id_is_each_users_own(subject: Subject) -> None:
    """Two users who choose the same id have two messages."""
    alice, bob = await subject.account(), await subject.account()
    async with subject.connect(alice) as her, subject.connect(bob) as his:
        answers = [await client.ask("user_message", {"text": "Hi"}, id="c-1") for client in (her, his)]
        assert [answer["payload"]["duplicate"] for answer in answers] == [False, False]
        assert answers[0]["run_id"] != answers[1]["run_id"]


@fails_before("history is that of the user's latest thread, not of the one asked for")
async def test_thread_history_handler_integration(subject: Subject) -> None:
    """A named thread is read page by page, oldest first, and what is not the user's is as if it were not."""
    alice, bob = await subject.account(), await subject.account()
    async with subject.connect(alice) as client, subject.connect(bob) as other:
        first = await client.say("Question 0")
        thread_id = first["thread_id"]
        await client.finished(first["run_id"])
        for number in range(1, 5):
            await client.finished((await client.say(f"Question {number}", thread_id=thread_id))["run_id"])
        latest = await client.say("Elsewhere")  # the latest thread is another one
        await client.finished(latest["run_id"])

        whole = await history(client, thread_id)
        said = [text for n in range(5) for text in (f"Question {n}", f"You said: Question {n}")]
        assert [message["content"] for message in whole["messages"]] == said
        assert [message["role"] for message in whole["messages"]] == ["user", "assistant"] * 5
        assert await paged(client, thread_id, limit=4) == [
            whole["messages"][i:j] for i, j in ((6, 10), (2, 6), (0, 2))
        ]
        oldest = whole["messages"][0]["id"]
        assert await history(client, thread_id, before=oldest) == {"messages": [], "has_more": False}
        assert await history(client, thread_id, limit=10) == whole
        await foreign_history(client, other, thread_id, message_of=latest)
        listed = (await client.ask("list_threads"))["payload"]
        assert [(each["id"], each["title"]) for each in listed["threads"]] == [
            (latest["thread_id"], "Elsewhere"),
            (thread_id, "Question 0"),
        ]
        for limit in (0, 201):
            refused = await client.ask("get_thread_history", {"limit": limit}, thread_id=thread_id)
            assert (refused["payload"]["code"], refused["payload"]["path"]) == (
                "bad_message",
                "$.payload.limit",
            )


async def paged(client: Client, thread_id: str, *, limit: int) -> list[list[Frame]]:
    """All pages, newest first, each asked for with `before`."""
    pages: list[list[Frame]] = []
    more: dict[str, Any] = {}
    while not pages or more:
        page = await history(client, thread_id, limit=limit, **more)
        pages.append(page["messages"])
        more = {"before": page["messages"][0]["id"]} if page["has_more"] else {}
    return pages


async def foreign_history(client: Client, other: Client, thread_id: str, *, message_of: Frame) -> None:
    """Somebody else's thread, a message of another thread and nonsense get the same answer."""
    elsewhere = message_of["payload"]["message_id"]
    answers = [
        await other.ask("get_thread_history", thread_id=thread_id),
        await other.ask("get_thread_history", thread_id=NONSENSE),
        await client.ask("get_thread_history", thread_id=NONSENSE),
        await client.ask("get_thread_history", {"before": elsewhere}, thread_id=thread_id),
        await client.ask("get_thread_history", {"before": NONSENSE}, thread_id=thread_id),
    ]
    assert [(each["type"], each["payload"]) for each in answers] == [("error", NOT_FOUND)] * 5


async def test_history_and_later_events_give_fresh_history(subject: Subject) -> None:
    """I8: a client that loaded history in the middle of a run and applies what follows has what is stored."""
    alice = await subject.account()
    async with subject.connect(alice) as client:
        first = await client.say("One")
        thread_id = first["thread_id"]
        await client.finished(first["run_id"])
        running = await started(client, "Two", thread_id=thread_id)
        early = (await history(client, thread_id))["messages"]
        assert [message["content"] for message in early] == ["One", "You said: One", "Two"]
        last = await client.say("Three", thread_id=thread_id)
        await client.ask("stop_agent", {"run_id": running["run_id"]})
        await client.finished(last["run_id"])
        fresh = (await history(client, thread_id))["messages"]
        assert history_after(early, client.durable(), thread_id) == fresh
        assert [message["content"] for message in fresh] == [
            *("One", "You said: One", "Two", "Three", "So far: ", "You said: Three")
        ]


@fails_before("stop_agent stopped nothing: the run never ended")
async def test_agent_termination_handler(subject: Subject) -> None:
    """Stopping a run in its tool cancels the tool, keeps the text, ends it once as stopped; again says duplicate."""
    alice = await subject.account()
    async with subject.connect(alice) as client, subject.connect(alice) as tab:
        await tab.ask("ping")
        accepted = await client.say("Wait", agent="waiting")
        run_id, thread_id = accepted["run_id"], accepted["thread_id"]
        told = await come(client, "tool_executing", run_id)
        stop = await client.ask("stop_agent", {"run_id": run_id})
        end = await come(client, "agent_completed", run_id)
        assert end is not None, "stop_agent stopped nothing: the run never ended"
        assert told is not None
        assert stop == {
            "type": "accepted",
            "reply_to": stop["reply_to"],
            "thread_id": thread_id,
            "run_id": run_id,
            "payload": {
                "message_id": accepted["payload"]["message_id"],
                "duplicate": False,
                "queue_position": 0,
            },
        }
        assert (await subject.stored(alice)).run(run_id)["stop_requested"]
        frames = await client.finished(run_id)
        assert kinds(frames) == ["agent_started", "tool_executing", "tool_completed", "agent_completed"]
        assert payload_of(frames, "tool_completed")["status"] == "cancelled"
        ended = payload_of(frames, "agent_completed")
        assert (ended["status"], ended["message"]["content"]) == ("stopped", "So far: ")
        assert "error" not in ended
        assert client.frames.index(stop) < client.frames.index(frames[-1])

        again = await client.ask("stop_agent", {"run_id": run_id})
        assert again["payload"] == stop["payload"] | {"duplicate": True}
        after = await client.say("Still there?", thread_id=thread_id)
        assert await answer_to(client, after["run_id"]) == "You said: Still there?"
        await tab.finished(after["run_id"])
        assert tab.of_run(run_id) == client.of_run(run_id) == frames
        contents = [each["content"] for each in (await history(client, thread_id))["messages"]]
        assert contents == ["Wait", "So far: ", "Still there?", "You said: Still there?"]
    check_stored(await subject.stored(alice), [accepted, after])


async def test_stop_while_queued(subject: Subject) -> None:
    """A run that waits for its thread ends at once with a whole life, and the run before it goes on."""
    alice = await subject.account()
    async with subject.connect(alice) as client:
        running = await started(client, "First")
        waiting = await client.say("Second", thread_id=running["thread_id"])
        stop = await client.ask("stop_agent", {"run_id": waiting["run_id"]})
        assert (stop["type"], stop["payload"]["duplicate"]) == ("accepted", False)
        frames = await client.finished(waiting["run_id"])
        assert kinds(frames) == ["agent_started", "agent_completed"]
        assert frames[-1]["payload"] == {"status": "stopped", "duration_ms": 0, "attempts": 0}
        assert (await subject.stored(alice)).run(running["run_id"])["status"] == "running"
        await client.ask("stop_agent", {"run_id": running["run_id"]})
        await client.finished(running["run_id"])
    stored = await subject.stored(alice)
    assert [run["status"] for run in stored.runs] == ["stopped", "stopped"]
    check_stored(stored, [running, waiting])


async def test_stop_by_another_user(subject: Subject) -> None:
    """Another user, of the same tenant or not, hears `not_found` as for nonsense, and the run goes on."""
    alice, bob, eve = [await subject.account(tenant=name) for name in ("acme", "acme", "other")]
    async with subject.connect(alice) as client, subject.connect(bob) as his, subject.connect(eve) as hers:
        run_id = (await started(client, "Mine"))["run_id"]
        for other in (his, hers):
            for target in (run_id, NONSENSE):
                answer = await other.ask("stop_agent", {"run_id": target})
                assert (answer["type"], answer["payload"]) == ("error", NOT_FOUND)
        run = (await subject.stored(alice)).run(run_id)
        assert (run["status"], run["stop_requested"]) == ("running", False)
        stopped = await subject.request(alice, "POST", f"/api/runs/{run_id}/stop")
        assert (stopped.status_code, stopped.json()["duplicate"]) == (202, False)
        assert payload_of(await client.finished(run_id), "agent_completed")["status"] == "stopped"
    check_stored(await subject.stored(alice))


def one_of_each(
    head: Frame, token: str, thread_id: str, run_id: str
) -> dict[str, tuple[dict[str, Any], str]]:
    """A valid frame of every type, without its id, and the type of its answer."""
    return {
        "authenticate": ({"payload": {"token": token}}, "connected"),
        "resume": ({"payload": {"epoch": head["payload"].get("epoch", "none"), "after": 0}}, "resumed"),
        "user_message": ({"payload": {"text": "Hi"}}, "accepted"),
        "start_agent": ({"payload": {"query": "Hi", "agent": "whoami", "input": {"n": 1}}}, "accepted"),
        "stop_agent": ({"payload": {"run_id": run_id}}, "accepted"),
        "get_thread_history": ({"thread_id": thread_id}, "thread_history"),
        "list_threads": ({"payload": {"limit": 3}}, "threads"),
        "follow": ({"thread_id": thread_id, "payload": {}}, "followed"),
        "unfollow": ({"thread_id": thread_id, "payload": {}}, "unfollowed"),
        "typing": ({"thread_id": thread_id, "payload": {"active": True}}, ""),
        "ping": ({}, "pong"),
    }


MALFORMED: list[tuple[str, str, str]] = [
    ('{"type": "authenticate", "id": "x", "payload": {}}', "bad_message", "$.payload"),
    (
        '{"type": "resume", "id": "x", "payload": {"epoch": "e", "after": "1"}}',
        "bad_message",
        "$.payload.after",
    ),
    (
        '{"type": "resume", "id": "x", "payload": {"epoch": "e", "after": -1}}',
        "bad_resume",
        "$.payload.after",
    ),
    ('{"type": "user_message", "id": "x", "payload": {"text": 7}}', "bad_message", "$.payload.text"),
    ('{"type": "user_message", "payload": {"text": "no id"}}', "bad_message", "$"),
    ('{"type": "user_message", "id": "", "payload": {"text": "a"}}', "bad_message", "$.id"),
    (
        '{"type": "user_message", "id": "x", "payload": {"text": "a", "if_running": "no"}}',
        "bad_message",
        "$.payload.if_running",
    ),
    ('{"type": "user_message", "id": "x", "payload": {"text": "a"}, "user_id": "u"}', "bad_message", "$"),
    (
        '{"type": "start_agent", "id": "x", "payload": {"query": "a", "input": []}}',
        "bad_message",
        "$.payload.input",
    ),
    ('{"type": "stop_agent", "id": "x", "payload": {"run_id": "r"}}', "bad_message", "$.payload.run_id"),
    ('{"type": "get_thread_history", "id": "x", "payload": {}}', "bad_message", "$"),
    ('{"type": "list_threads", "id": "x", "payload": {"limit": 1.5}}', "bad_message", "$.payload.limit"),
    ('{"type": "follow", "id": "x", "thread_id": "t"}', "bad_message", "$.thread_id"),
    ('{"type": "unfollow", "id": "x", "payload": {}}', "bad_message", "$"),
    (
        f'{{"type": "typing", "id": "x", "thread_id": "{NONSENSE}", "payload": {{}}}}',
        "bad_message",
        "$.payload",
    ),
    ('{"type": "ping", "id": "x", "payload": {"a": 1}}', "bad_message", "$.payload"),
    ('{"type": "agent_completed", "id": "x", "payload": {}}', "unknown_type", "$.type"),
    ('{"type": "ping", "id": "x"', "bad_message", "$"),
    (
        '{"type": "start_agent", "id": "x", "payload": {"query": "a", "input": {"a": NaN}}}',
        "bad_message",
        "$",
    ),
    ('{"type": "ping", "id": "x", "payload": %s}' % ('{"a":' * 40 + "1" + "}" * 40), "bad_message", "$"),
    ("[]", "bad_message", "$"),
]


@fails_before("dropped without a word: authenticate, resume, list_threads, follow, unfollow")
async def test_message_handler_service_orchestration(subject: Subject) -> None:
    """Every type of the wire gets exactly one answer; a malformed frame one error with its path; the socket lives."""
    alice = await subject.account()
    async with subject.connect(alice) as client:
        before = await client.say("Before")
        await client.finished(before["run_id"])
        table = one_of_each(client.frames[0], alice.token, before["thread_id"], before["run_id"])
        assert set(table) == set(CLIENT_TYPES)
        for kind, (fields, _) in table.items():
            await client.socket.send(frame_of(kind, fields))
            assert (await client.ask("ping", id=f"after-{kind}"))["type"] == "pong"
        got = {
            kind: [frame["type"] for frame in client.frames if frame.get("reply_to") == f"id-{kind}"]
            for kind in table
        }
        silent = [kind for kind, (_, answer) in table.items() if answer and not got[kind]]
        assert silent == [], f"dropped without a word: {', '.join(silent)}"
        assert got == {kind: [answer] if answer else [] for kind, (_, answer) in table.items()}
        runs = [frame["run_id"] for frame in client.of_type("accepted") if not frame["payload"]["duplicate"]]
        for run_id in runs:
            await client.finished(run_id)
        await every_malformed_frame_gets_one_error(client)
    stored = await subject.stored(alice)
    assert [run["id"] for run in stored.runs] == runs
    check_stored(stored)


def frame_of(kind: str, fields: dict[str, Any]) -> str:
    """A frame with an id that names its type."""
    return json.dumps({"type": kind, "id": f"id-{kind}"} | fields)


async def every_malformed_frame_gets_one_error(client: Client) -> None:
    """One after the other, each followed by a valid frame."""
    for number, (text, code, path) in enumerate(MALFORMED):
        seen = len(client.frames)
        await client.send_raw(text)
        await client.ask("ping", id=f"alive-{number}")
        (error,) = [frame for frame in client.frames[seen:] if frame["type"] == "error"]
        assert (error["payload"]["code"], error["payload"]["path"]) == (code, path), text
        assert error.get("reply_to") == ("x" if whole(text) else None), text
        assert error["payload"]["retryable"] is False
        assert len(client.frames) == seen + 2


def whole(text: str) -> bool:
    """Whether a malformed frame still says its id: JSON that is not nested too deeply."""
    return text.endswith("}") and '"id": "x"' in text and "NaN" not in text and text.count("{") < 33


async def test_typing_reaches_the_users_other_tabs_only(subject: Subject) -> None:
    """The one message without an answer is passed on to the same user's other connections."""
    alice, bob = await subject.account(), await subject.account()
    async with subject.connect(alice) as one, subject.connect(alice) as two, subject.connect(bob) as his:
        thread_id = (await one.say("Hello"))["thread_id"]
        await one.send("typing", {"active": True}, thread_id=thread_id)
        notice = await two.until(lambda frame: frame["type"] == "typing")
        assert notice == {"type": "typing", "thread_id": thread_id, "payload": {"active": True}}
        await his.finished((await his.say("Hello"))["run_id"])
        await one.ask("ping")
        assert one.of_type("typing") == his.of_type("typing") == []


@fails_before("answers were mixed up: one run's was sent as another's, or to another user")
async def test_concurrent_message_processing(subject: Subject) -> None:
    """Twenty users with five messages at once each get exactly their own answers, in order, and all is stored."""
    accounts = await asyncio.gather(*(subject.account() for _ in range(20)))
    answers = await asyncio.gather(*(converse(subject, account) for account in accounts))
    for account, accepted in zip(accounts, answers, strict=True):
        stored = await subject.stored(account)
        check_stored(stored, accepted)
        assert [run["id"] for run in stored.runs] == [answer["run_id"] for answer in accepted]
        assert [run["attempt"] for run in stored.runs] == [1] * 5
        assert len(stored.messages) == 10
    assert len({answer["run_id"] for accepted in answers for answer in accepted}) == 100


async def converse(subject: Subject, account: Account) -> list[Frame]:
    """Five messages in one thread, four of them without waiting; each answer says whose it is."""
    async with subject.connect(account) as client:
        first = await client.say("0", agent="whoami")
        thread_id = first["thread_id"]
        ids = [
            await client.send("user_message", {"text": str(n), "agent": "whoami"}, thread_id=thread_id)
            for n in range(1, 5)
        ]
        accepted = [first]
        for frame_id in ids:
            accepted.append(await answer_of(client, frame_id))
        own = [answer["run_id"] for answer in accepted]
        for run_id in own:
            if await come(client, "agent_completed", run_id) is None:
                break
        ended = client.of_type("agent_completed")
        assert [frame["run_id"] for frame in ended] == own, (
            "answers were mixed up: one run's was sent as another's, or to another user"
        )
        tenant, user = account.owner
        assert [frame["payload"]["message"]["content"] for frame in ended] == [
            f"tenant={tenant} user={user} thread={thread_id} text={n}" for n in range(5)
        ]
        check_frames(client.frames)
    return accepted


@fails_before("a thread ran several runs at once: nothing queues its messages")
async def test_message_queue_integration(subject: Subject) -> None:
    """A thread runs one run at a time in order; `if_running` rejects, interrupts or waits as it says."""
    alice = await subject.account()
    async with subject.connect(alice) as client:
        running = await client.say("One", agent="waiting")
        thread_id = running["thread_id"]
        told = await come(client, "tool_executing", running["run_id"])
        queued = [await client.say(text, thread_id=thread_id, agent="whoami") for text in ("Two", "Three")]
        other = await client.say("Beside")  # another thread does not wait
        await client.finished(other["run_id"])
        ended = [frame["run_id"] for frame in client.of_type("agent_completed")]
        assert ended == [other["run_id"]], "a thread ran several runs at once: nothing queues its messages"
        assert told is not None
        stored = await subject.stored(alice)
        assert [(run["id"], run["status"]) for run in stored.runs if run["thread_id"] == thread_id] == [
            (running["run_id"], "running"),
            *((each["run_id"], "queued") for each in queued),
        ]
        rejected = await client.ask(
            "user_message", {"text": "Four", "if_running": "reject"}, thread_id=thread_id
        )
        assert (rejected["type"], rejected["payload"]["code"]) == ("error", "conflict")
        assert (await subject.stored(alice)).head == stored.head

        last = await client.say("Five", thread_id=thread_id, if_running="interrupt")
        assert await answer_to(client, last["run_id"]) == "You said: Five"
        ends = [frame for frame in client.of_type("agent_completed") if frame["thread_id"] == thread_id]
        statuses = {frame["run_id"]: frame["payload"]["status"] for frame in ends}
        assert statuses == {each["run_id"]: "stopped" for each in (running, *queued)} | {
            last["run_id"]: "completed"
        }
        assert ends[-1]["run_id"] == last["run_id"]
        accepted = await client.say("Six", thread_id=thread_id, if_running="reject")
        assert await answer_to(client, accepted["run_id"]) == "You said: Six"
    stored = await subject.stored(alice)
    check_stored(stored, [running, *queued, other, last, accepted])
    assert [row["content"] for row in stored.messages if row["role"] == "user"] == [
        *("One", "Two", "Three", "Beside", "Five", "Six")
    ]


async def test_queued_runs_start_by_lane_and_age(subject: Subject) -> None:
    """A message overtakes a task sent just before it, not one that has waited, and never its own thread's order."""
    alice = await subject.account()
    async with subject.connect(alice) as client:
        async with subject.workers_away() as worker:
            old = await client.ask("start_agent", {"query": "Old task"})
            task = await client.ask("start_agent", {"query": "Task"})
            same = await client.say("Same thread", thread_id=task["thread_id"])
            message = await client.say("Message")
            await subject.rows(
                "UPDATE runs SET due_at = due_at - interval '10 seconds' WHERE id = $1",
                uuid.UUID(old["run_id"]),
            )
            order = [await worker.take() for _ in range(4)]
            assert order == [[old["run_id"]], [message["run_id"]], [task["run_id"]], []]
            await worker.vanish()
        for answer in (old, message, task, same):
            await client.finished(answer["run_id"])
    check_stored(await subject.stored(alice), [old, task, same, message])


async def test_a_run_whose_worker_vanished_is_tried_again(subject: Subject) -> None:
    """The second attempt closes the open tool as unknown and starts anew; the lost worker can write no more."""
    alice = await subject.account()
    async with subject.connect(alice) as client:
        async with subject.workers_away() as worker:
            accepted = await client.say("Hello")
            run_id = accepted["run_id"]
            assert await worker.take() == [run_id]
            answer_id = (await subject.stored(alice)).run(run_id)["answer_id"]
            started_first = {"agent": "echo", "attempt": 1, "message_id": answer_id}
            call = {"tool_call_id": "call-1", "tool": "search", "arguments": {}}
            await worker.report(run_id, ("agent_started", started_first), ("tool_executing", call))
            assert await worker.take() == []  # its lease stands
            await worker.vanish()
        frames = await client.finished(run_id)
        assert kinds(frames) == ["agent_started", "tool_executing", "tool_completed", *LIFECYCLE]
        assert frames[2]["payload"] == {
            "tool_call_id": "call-1",
            "tool": "search",
            "status": "unknown",
            "duration_ms": 0,
        }
        assert frames[3]["payload"] == started_first | {"attempt": 2}
        assert (frames[-1]["payload"]["status"], frames[-1]["payload"]["attempts"]) == ("completed", 2)
        with pytest.raises(Fenced):
            await worker.report(run_id, ("agent_thinking", {"text": "too late"}))
        check_frames(client.frames)
    stored = await subject.stored(alice)
    assert (stored.run(run_id)["attempt"], stored.run(run_id)["deaths"]) == (2, 1)
    check_stored(stored, [accepted])


async def test_a_run_that_lost_three_workers_is_a_dead_letter(subject: Subject) -> None:
    """It is not tried a fourth time but ends as failed, with one terminal event, and its thread goes on."""
    alice = await subject.account()
    async with subject.connect(alice) as client:
        async with subject.workers_away() as worker:
            accepted = await client.say("Deadly")
            run_id = accepted["run_id"]
            for _ in range(3):
                assert await worker.take() == [run_id]
                await worker.vanish()
        frames = await client.finished(run_id)
        assert kinds(frames) == ["agent_started", "agent_completed"]
        ended = frames[-1]["payload"]
        assert (ended["status"], ended["error"]["code"]) == ("failed", "dead_letter")
        assert "message" not in ended
        after = await client.say("Next", thread_id=accepted["thread_id"])
        assert await answer_to(client, after["run_id"]) == "You said: Next"
    check_stored(await subject.stored(alice), [accepted, after])


async def test_a_worker_that_slept_past_its_lease_runs_nothing_twice(subject: Subject) -> None:
    """A worker that takes back its own lapsed run gives up the first execution, and still stops the second."""
    alice = await subject.account()
    async with subject.connect(alice) as client:
        accepted = await started(client, "Wait")
        run_id = accepted["run_id"]
        await subject.rows(
            "UPDATE runs SET lease_until = now() - interval '1 second' WHERE status = 'running'"
        )
        other = await client.say("Wakes the worker")
        await client.finished(other["run_id"])
        await client.until(
            lambda frame: (
                frame["type"] == "tool_executing"
                and frame["run_id"] == run_id
                and frame["payload"]["tool_call_id"].endswith("-2")
            )
        )
        await client.ask("stop_agent", {"run_id": run_id})
        frames = await client.finished(run_id)
        assert [frame["payload"]["status"] for frame in frames if frame["type"] == "tool_completed"] == [
            "unknown",
            "cancelled",
        ]
    check_stored(await subject.stored(alice), [accepted, other])
    waiting = [task for task in asyncio.all_tasks() if task.get_name() == f"run-{run_id}"]
    assert waiting == []
