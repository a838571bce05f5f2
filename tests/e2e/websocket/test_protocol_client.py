"""A client written from `docs/protocol.md` alone: the `websockets` package, JSON and HTTP, nothing of Netra."""

import asyncio
import itertools
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

Frame = dict[str, Any]
LIFECYCLE = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]
DEADLINE_S = 20.0
_ids = itertools.count(1)


class Account(Protocol):
    """What a person types to log in."""

    @property
    def email(self) -> str:
        """The address."""

    @property
    def password(self) -> str:
        """The password."""


class Server(Protocol):
    """All that a client knows of a server."""

    url: str


class Wire:
    """One socket; `seen` is everything that came, in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[Frame] = []

    async def send(self, kind: str, payload: Frame | None = None, **fields: Any) -> str:
        """Send a frame; returns its id."""
        fields.setdefault("id", f"own-{next(_ids)}")
        await self.socket.send(json.dumps({"type": kind, "payload": payload or {}, **fields}))
        return str(fields["id"])

    async def ask(self, kind: str, payload: Frame | None = None, **fields: Any) -> Frame:
        """Send a frame; returns its one answer."""
        sent = await self.send(kind, payload, **fields)
        return await self.until(lambda frame: frame.get("reply_to") == sent)

    async def next(self) -> Frame:
        """The next frame."""
        frame: Frame = json.loads(await asyncio.wait_for(self.socket.recv(), DEADLINE_S))
        self.seen.append(frame)
        return frame

    async def until(self, wanted: Callable[[Frame], bool]) -> Frame:
        """The first frame of all, seen or to come, that is wanted."""
        for frame in self.seen:
            if wanted(frame):
                return frame
        async with asyncio.timeout(DEADLINE_S):
            while not wanted(frame := await self.next()):
                pass
        return frame

    async def end_of(self, run_id: str) -> Frame:
        """The run's last event."""
        return await self.until(lambda f: f["type"] == "agent_completed" and f["run_id"] == run_id)

    async def close_code(self) -> int:
        """Read until the server closes."""
        with pytest.raises(ConnectionClosed):
            await self.until(lambda frame: False)
        return self.socket.close_code or 0

    def durable(self) -> list[Frame]:
        """What carries a number, each once, in order."""
        return [frame for frame in self.seen if "seq" in frame]


def post(url: str, body: Frame) -> tuple[Frame, str]:
    """POST JSON; returns the answer and the cookie it sets, as `name=value`."""
    request = urllib.request.Request(  # noqa: S310 - http to the server under test
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:  # noqa: S310 - as above
        return json.load(answer), (answer.headers["Set-Cookie"] or "").partition(";")[0]


async def login(server: Server, person: Account) -> tuple[str, str]:
    """The access token and the cookie of a login with e-mail address and password."""
    credentials = {"email": person.email, "password": person.password}
    answer, cookie = await asyncio.to_thread(post, f"{server.url}/auth/login", credentials)
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] > 0
    return answer["access_token"], cookie


@asynccontextmanager
async def opened(server: Server, *, query: str = "", **headers: str) -> AsyncIterator[Wire]:
    """A socket to the server that has said nothing yet."""
    address = server.url.replace("http", "ws", 1) + "/ws" + query
    async with connect(address, additional_headers=headers, max_size=None) as socket:
        yield Wire(socket)


@asynccontextmanager
async def logged_in(server: Server, token: str) -> AsyncIterator[Wire]:
    """A socket that was authenticated on the upgrade and has been greeted."""
    async with opened(server, Authorization=f"Bearer {token}") as wire:
        assert (await wire.next())["type"] == "connected"
        yield wire


async def refused(server: Server, *, query: str = "", **headers: str) -> int:
    """The HTTP status with which an upgrade is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with opened(server, query=query, **headers):
            pytest.fail("The upgrade was not refused.")
    return caught.value.response.status_code


def error_of(frame: Frame) -> tuple[str, str | None]:
    """Code and path of an `error` frame, whose other fields are as they must be."""
    assert frame["type"] == "error", frame
    payload = frame["payload"]
    assert isinstance(payload["retryable"], bool)
    assert payload["message"]
    return payload["code"], payload.get("path")


def run_types(wire: Wire, run_id: str) -> list[str]:
    """The types of a run's events, in order, without the message that began it."""
    own = [frame["type"] for frame in wire.durable() if frame.get("run_id") == run_id]
    return [kind for kind in own if kind != "message_created"]


async def test_golden_path(house: Server, person: Account) -> None:
    """Login, upgrade with a bearer token, a message, five events in order, the answer, the history."""
    token, _ = await login(house, person)
    async with opened(house, Authorization=f"Bearer {token}") as wire:
        hello = await wire.next()
        assert hello["type"] == "connected"
        assert set(hello["payload"]) == {
            "user_id", "tenant_id", "connection_id", "epoch", "head", "heartbeat_s", "max_frame_bytes",
            "server_version",
        }  # fmt: skip
        assert hello["payload"]["head"] == 0
        accepted = await wire.ask("user_message", {"text": "What is 12 * (3 + 4)?"}, id="first")
        assert accepted["type"] == "accepted"
        assert accepted["payload"]["duplicate"] is False
        run_id, thread_id = accepted["run_id"], accepted["thread_id"]
        end = await wire.end_of(run_id)
        assert run_types(wire, run_id) == LIFECYCLE
        assert [frame["seq"] for frame in wire.durable()] == list(range(1, len(wire.durable()) + 1))
        assert end["payload"]["status"] == "completed"
        assert "84" in end["payload"]["message"]["content"]
        created = wire.durable()[0]
        assert created["type"] == "message_created"
        assert created["payload"]["message"]["client_id"] == "first"
        history = await wire.ask("get_thread_history", {}, thread_id=thread_id)
        assert history["type"] == "thread_history"
        assert [(m["role"], m["content"]) for m in history["payload"]["messages"]] == [
            ("user", "What is 12 * (3 + 4)?"),
            ("assistant", end["payload"]["message"]["content"]),
        ]


async def test_authenticate_in_the_first_frame(house: Server, person: Account) -> None:
    """Without a header the first frame brings the token, and is answered by `connected`."""
    token, _ = await login(house, person)
    async with opened(house) as wire:
        assert (await wire.ask("authenticate", {"token": token}))["type"] == "connected"
        assert (await wire.ask("ping"))["type"] == "pong"


async def test_bad_token_is_closed_with_4401(house: Server) -> None:
    """A wrong token gets one `unauthenticated` and close 4401."""
    async with opened(house) as wire:
        assert error_of(await wire.ask("authenticate", {"token": "a.b.c"})) == ("unauthenticated", None)
        assert await wire.close_code() == 4401


async def test_token_in_the_url_is_refused(house: Server, person: Account) -> None:
    """A valid token does not count in the address, where proxies log it."""
    token, _ = await login(house, person)
    assert await refused(house, query=f"?token={token}") == 403
    assert await refused(house, query=f"?access_token={token}", Authorization=f"Bearer {token}") == 403


async def test_cookie_needs_an_origin(house: Server, person: Account) -> None:
    """A cookie is taken from the server's own page only: no Origin, `null` or another one is refused."""
    _, cookie = await login(house, person)
    assert await refused(house, Cookie=cookie) == 403
    for origin in ("null", "https://evil.example", f"{house.url}.evil.example"):
        assert await refused(house, Cookie=cookie, Origin=origin) == 403
    async with opened(house, Cookie=cookie, Origin=house.url) as wire:
        assert (await wire.next())["type"] == "connected"


async def test_stop(house: Server, person: Account) -> None:
    """A stop is accepted, ends the run as `stopped` with what was written, and again is a duplicate."""
    token, _ = await login(house, person)
    async with logged_in(house, token) as wire:
        run = await wire.ask("user_message", {"text": "count slowly to 20"})
        await wire.until(lambda frame: frame["type"] == "message_delta" and "2, " in frame["payload"]["text"])
        stopping = await wire.ask("stop_agent", {"run_id": run["run_id"]})
        assert (stopping["type"], stopping["payload"]["duplicate"]) == ("accepted", False)
        end = await wire.end_of(run["run_id"])
        assert end["payload"]["status"] == "stopped"
        assert "1, 2" in end["payload"]["message"]["content"]
        assert "20" not in end["payload"]["message"]["content"].split("\n")[-1]
        again = await wire.ask("stop_agent", {"run_id": run["run_id"]})
        assert (again["type"], again["payload"]["duplicate"]) == ("accepted", True)


async def test_resume_from_every_position(house: Server, person: Account) -> None:
    """Wherever a client stood, it gets exactly the frames that it missed, then `resumed`."""
    token, _ = await login(house, person)
    async with logged_in(house, token) as wire:
        run = await wire.ask("user_message", {"text": "What is 1 + 1?"})
        await wire.end_of(run["run_id"])
        head = (await wire.ask("ping"))["payload"]["head"]
        original, epoch = wire.durable(), wire.seen[0]["payload"]["epoch"]
    assert [frame["seq"] for frame in original] == list(range(1, head + 1))
    for after in range(head + 1):
        async with logged_in(house, token) as wire:
            resumed = await wire.ask("resume", {"epoch": epoch, "after": after})
            assert (resumed["type"], resumed["payload"]["head"]) == ("resumed", head)
            assert wire.seen[1:-1] == original[after:]


async def test_resume_joins_the_live_stream(house: Server, person: Account) -> None:
    """A client that resumes in the middle of a run gets the rest once, without gap or repetition."""
    token, _ = await login(house, person)
    async with logged_in(house, token) as wire:
        run = await wire.ask("user_message", {"text": "count slowly to 4"})
        await wire.until(lambda frame: frame["type"] == "agent_thinking")
        epoch, position = wire.seen[0]["payload"]["epoch"], wire.durable()[-1]["seq"]
    async with logged_in(house, token) as wire:
        await wire.ask("resume", {"epoch": epoch, "after": position})
        end = await wire.end_of(run["run_id"])
        numbers = [frame["seq"] for frame in wire.durable()]
        assert numbers == list(range(position + 1, end["seq"] + 1))
        assert end["payload"]["status"] == "completed"


async def test_resync(house: Server, person: Account) -> None:
    """Another epoch and a position in the future cannot be continued; a negative one is an error."""
    token, _ = await login(house, person)
    async with logged_in(house, token) as wire:
        epoch = wire.seen[0]["payload"]["epoch"]
        other = await wire.ask("resume", {"epoch": "another", "after": 0})
        assert (other["type"], set(other["payload"])) == ("resync", {"reason", "head"})
        ahead = await wire.ask("resume", {"epoch": epoch, "after": 999})
        assert (ahead["type"], ahead["payload"]["head"]) == ("resync", 0)
        assert error_of(await wire.ask("resume", {"epoch": epoch, "after": -1}))[0] == "bad_resume"


async def test_history_and_threads_in_pages(house: Server, person: Account) -> None:
    """Pages join to the whole: messages oldest first, threads last used first."""
    token, _ = await login(house, person)
    async with logged_in(house, token) as wire:
        first = await wire.ask("user_message", {"text": "What is 1 + 2?"})
        await wire.end_of(first["run_id"])
        second = await wire.ask("user_message", {"text": "What is 3 + 4?"}, thread_id=first["thread_id"])
        await wire.end_of(second["run_id"])
        other = await wire.ask("user_message", {"text": "What is 5 + 6?"})
        await wire.end_of(other["run_id"])
        whole = (await wire.ask("get_thread_history", thread_id=first["thread_id"]))["payload"]
        assert [m["role"] for m in whole["messages"]] == ["user", "assistant"] * 2
        assert whole["has_more"] is False
        pages: list[Frame] = []
        cursor: Frame = {}
        while True:
            asked = {"limit": 3, **cursor}
            page = (await wire.ask("get_thread_history", asked, thread_id=first["thread_id"]))["payload"]
            pages = page["messages"] + pages
            if not page["has_more"]:
                break
            cursor = {"before": page["messages"][0]["id"]}
        assert pages == whole["messages"]
        newest = (await wire.ask("list_threads", {"limit": 1}))["payload"]
        assert [thread["id"] for thread in newest["threads"]] == [other["thread_id"]]
        assert newest["has_more"] is True
        rest = (await wire.ask("list_threads", {"before": other["thread_id"]}))["payload"]
        assert [thread["id"] for thread in rest["threads"]] == [first["thread_id"]]
        assert rest["has_more"] is False


async def test_follow_gives_a_snapshot_and_what_comes_after(house: Server, person: Account) -> None:
    """A second socket that follows in the middle builds the same text from snapshot and deltas."""
    token, _ = await login(house, person)
    async with logged_in(house, token) as writer, logged_in(house, token) as reader:
        run = await writer.ask("user_message", {"text": "count slowly to 6"})
        await writer.until(lambda frame: frame["type"] == "message_delta")
        assert (await reader.ask("follow", thread_id=run["thread_id"]))["type"] == "followed"
        snapshot = await reader.until(lambda frame: frame["type"] == "message_snapshot")
        end = await reader.end_of(run["run_id"])
        text: str = snapshot["payload"]["text"]
        assert text
        deltas = [frame["payload"] for frame in reader.seen if frame["type"] == "message_delta"]
        assert deltas
        for delta in deltas:
            assert delta["message_id"] == snapshot["payload"]["message_id"]
            assert delta["offset"] == len(text)
            text += delta["text"]
        assert text == end["payload"]["message"]["content"]
        assert (await reader.ask("unfollow", thread_id=run["thread_id"]))["type"] == "unfollowed"


async def test_typing_reaches_the_other_connection_only(house: Server, person: Account) -> None:
    """`typing` has no answer and goes to the user's other sockets."""
    token, _ = await login(house, person)
    async with logged_in(house, token) as writer, logged_in(house, token) as other:
        run = await writer.ask("user_message", {"text": "What is 2 + 2?"})
        await writer.end_of(run["run_id"])
        await writer.send("typing", {"active": True}, thread_id=run["thread_id"])
        notice = await other.until(lambda frame: frame["type"] == "typing")
        assert (notice["thread_id"], notice["payload"]) == (run["thread_id"], {"active": True})
        await writer.ask("ping")
        assert [frame for frame in writer.seen if frame["type"] == "typing"] == []


async def test_same_id_again_is_the_same_message(house: Server, person: Account) -> None:
    """A repeated id gets the first answer, marked as duplicate, and is stored once."""
    token, _ = await login(house, person)
    async with logged_in(house, token) as wire:
        first = await wire.ask("user_message", {"text": "What is 7 * 7?"}, id="once")
        await wire.end_of(first["run_id"])
    async with logged_in(house, token) as wire:
        second = await wire.ask("user_message", {"text": "What is 7 * 7?"}, id="once")
        assert second["payload"]["duplicate"] is True
        same = ("thread_id", "run_id")
        assert [second[name] for name in same] == [first[name] for name in same]
        assert second["payload"]["message_id"] == first["payload"]["message_id"]
        history = await wire.ask("get_thread_history", thread_id=first["thread_id"])
        assert len(history["payload"]["messages"]) == 2


@pytest.mark.parametrize(
    ("frame", "code", "path"),
    [
        ({"type": "user_message", "payload": {"text": 5}}, "bad_message", "$.payload.text"),
        ({"type": "user_message", "payload": {}}, "bad_message", "$.payload"),
        ({"type": "user_message", "payload": {"text": "x", "role": "system"}}, "bad_message", "$.payload"),
        ({"type": "ping", "payload": {}, "user_id": "somebody"}, "bad_message", "$"),
        ({"type": "get_thread_history", "payload": {"limit": 0}}, "bad_message", "$.payload.limit"),
        ({"type": "stop_agent", "payload": {"run_id": "x"}}, "bad_message", "$.payload.run_id"),
        ({"type": "no_such_type", "payload": {}}, "unknown_type", "$.type"),
    ],
)
async def test_bad_frames_get_one_error_with_a_path(
    house: Server, person: Account, frame: Frame, code: str, path: str
) -> None:
    """Each mistake is answered once, with the place of the mistake, and the socket lives on."""
    token, _ = await login(house, person)
    async with logged_in(house, token) as wire:
        thread = {"thread_id": str(uuid.UUID(int=1))} if frame["type"] == "get_thread_history" else {}
        await wire.socket.send(json.dumps({"id": "bad", **thread, **frame}))
        answer = await wire.until(lambda f: f["type"] == "error")
        assert error_of(answer) == (code, path)
        assert (await wire.ask("ping"))["type"] == "pong"
        assert len([f for f in wire.seen if f["type"] == "error"]) == 1


async def test_frames_that_are_no_json_or_too_large(house: Server, person: Account) -> None:
    """Text that is no JSON, NaN, deep nesting and too many bytes are errors, and the socket lives on."""
    token, _ = await login(house, person)
    deep = (
        '{"type":"start_agent","id":"d","payload":{"query":"x","input":'
        + '{"a":' * 40
        + "1"
        + "}" * 40
        + "}}"
    )
    limit = 65536
    wrong = {
        "{": "bad_message",
        '{"type":"ping","payload":{"x":NaN}}': "bad_message",
        deep: "bad_message",
        json.dumps({"type": "user_message", "id": "big", "payload": {"text": "x" * limit}}): "too_large",
    }
    async with logged_in(house, token) as wire:
        assert wire.seen[0]["payload"]["max_frame_bytes"] == limit
        for text, code in wrong.items():
            await wire.socket.send(text)
            assert error_of(await wire.next())[0] == code
        assert (await wire.ask("ping"))["type"] == "pong"


async def test_what_is_not_yours_is_not_found(house: Server, person: Account) -> None:
    """A thread and a run that do not exist are `not_found`."""
    token, _ = await login(house, person)
    nothing = "01920000-0000-7000-8000-000000000000"
    async with logged_in(house, token) as wire:
        assert error_of(await wire.ask("get_thread_history", thread_id=nothing))[0] == "not_found"
        assert error_of(await wire.ask("follow", thread_id=nothing))[0] == "not_found"
        assert error_of(await wire.ask("stop_agent", {"run_id": nothing}))[0] == "not_found"
        assert error_of(await wire.ask("user_message", {"text": "x"}, thread_id=nothing))[0] == "not_found"


async def test_one_run_at_a_time_in_a_thread(house: Server, person: Account) -> None:
    """`reject` is refused with `conflict` while a run goes on; `interrupt` stops it and runs next."""
    token, _ = await login(house, person)
    async with logged_in(house, token) as wire:
        slow = await wire.ask("user_message", {"text": "count slowly to 20"})
        await wire.until(lambda frame: frame["type"] == "message_delta")
        thread = slow["thread_id"]
        rejected = await wire.ask(
            "user_message", {"text": "What is 1+1?", "if_running": "reject"}, thread_id=thread
        )
        assert error_of(rejected)[0] == "conflict"
        quick = await wire.ask(
            "user_message", {"text": "What is 2+3?", "if_running": "interrupt"}, thread_id=thread
        )
        assert (await wire.end_of(slow["run_id"]))["payload"]["status"] == "stopped"
        assert (await wire.end_of(quick["run_id"]))["payload"]["status"] == "completed"


async def test_wrong_password_is_401(house: Server, person: Account) -> None:
    """A wrong password and an unknown address get the same answer."""
    answers = []
    for email in (person.email, "nobody@example.com"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            await asyncio.to_thread(
                post, f"{house.url}/auth/login", {"email": email, "password": "wrong wrong"}
            )
        with caught.value as answer:
            answers.append((answer.code, json.load(answer)))
    assert answers[0][0] == 401
    assert answers[0] == answers[1]
