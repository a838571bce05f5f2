"""`netra` as people run it: real processes on real stores, started, stopped, killed, asked by command."""

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from netra_backend.testing.client import LIFECYCLE, Client, connected
from tests.conftest import Start, Template
from tests.people import Person, add_person, token_of
from tests.processes import Netra, run_netra

Frame = dict[str, Any]
SECRET_WORDS = "the walrus sings at midnight"
REASONABLE_S = 10.0
"""What a simple question to the real model may take (mission.md, Success figures)."""

REVOKED_S = 5.0
"""In which every process must have heard of it (protocol.md, Authentication)."""


async def history(url: str, token: str, thread_id: str) -> list[Frame]:
    """A thread's messages, asked over HTTP."""
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
        answer = await client.get(f"{url}/api/threads/{thread_id}/messages")
    answer.raise_for_status()
    messages: list[Frame] = answer.json()["messages"]
    return messages


async def close_code(client: Client) -> int:
    """Read until the server closes."""
    with pytest.raises(ConnectionClosed):
        await client.until(lambda frame: False)
    return client.socket.close_code or 0


def one_sentence(stderr: str) -> str:
    """What a refused start says: one line, meant for people."""
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("netra: ")
    assert "Traceback" not in lines[0]
    return lines[0]


def test_second_start_is_measured(template: Template, start: Start, request: pytest.FixtureRequest) -> None:
    """The ready line names an address that answers, and a start on a folder that exists is measured."""
    began = time.monotonic()
    server = start("serve", "--port", "0")
    request.node.user_properties += [
        ("first_start_s", round(template.first_start_s, 2)),
        ("second_start_s", round(time.monotonic() - began, 2)),
    ]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.url)
    assert httpx.get(f"{server.url}/healthz").status_code == 200
    assert httpx.get(f"{server.url}/readyz").json()["status"] == "ready"
    secret = server.login_link().partition("#login=")[2]
    assert secret
    assert secret not in server.log.text


async def test_sigterm_with_open_sockets_and_a_run(start: Start) -> None:
    """SIGTERM tells clients to reconnect, closes with 1012, lets the run end, and exits 0."""
    server = start("serve", "--port", "0")
    token = await token_of(server, await add_person(server))
    async with connected(server.url, token) as client, connected(server.url, token) as idle:
        run = await client.say("count slowly to 12")
        await client.until(lambda frame: frame["type"] == "message_delta")
        server.terminate()
        assert tuple(await asyncio.gather(close_code(client), close_code(idle))) == (1012, 1012)
        assert len(client.of_type("reconnect")) == len(idle.of_type("reconnect")) == 1
    assert await asyncio.to_thread(server.ended) == 0
    again = start("serve", "--port", "0")
    messages = await history(again.url, token, run["thread_id"])
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert messages[1]["content"].endswith("nobody stopped me.\n")


def test_taken_port(house: Netra, tmp_path: Path) -> None:
    """A port that is in use is named in one plain sentence, exit code 2, before anything is started."""
    refused = run_netra("serve", "--port", str(house.port), "--data-dir", "data", cwd=tmp_path)
    assert refused.returncode == 2
    assert str(house.port) in one_sentence(refused.stderr)
    assert refused.stdout == ""
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("NETRA_LEASE_S", "soon"), ("NETRA_HEARTBEAT_S", "-3"), ("NETRA_LOG_LEVEL", "loud")]
)
def test_bad_setting(tmp_path: Path, name: str, value: str) -> None:
    """A setting that cannot be is named in one plain sentence, exit code 2."""
    refused = run_netra("serve", "--port", "0", cwd=tmp_path, environ={name: value})
    assert refused.returncode == 2
    assert name in one_sentence(refused.stderr)


def test_half_shared_stores(tmp_path: Path) -> None:
    """A gateway that shares only some of what gateways must share is refused, naming the rest."""
    environ = {"NETRA_VALKEY_URL": "redis://127.0.0.1:1/0"}
    refused = run_netra("gateway", "--port", "0", cwd=tmp_path, environ=environ)
    assert refused.returncode == 2
    sentence = one_sentence(refused.stderr)
    assert "NETRA_DATABASE_URL" in sentence
    assert "NETRA_SIGNING_KEY" in sentence


def test_config_show_masks_secrets(tmp_path: Path) -> None:
    """Every setting is shown, and no secret."""
    secrets = {
        "NETRA_DATABASE_URL": "postgresql://app:hunter2@db/netra",
        "NETRA_VALKEY_URL": "redis://:hunter2@cache/0",
        "NETRA_MODEL_API_KEY": "hunter2",
        "NETRA_SIGNING_KEY": "hunter2",
    }
    shown = run_netra("config", "show", cwd=tmp_path, environ={**secrets, "NETRA_LEASE_S": "7"})
    assert shown.returncode == 0
    assert "hunter2" not in shown.stdout + shown.stderr
    settings = json.loads(shown.stdout)
    assert settings["lease_s"] == 7
    assert {settings[name.removeprefix("NETRA_").lower()] for name in secrets} == {"**********"}


async def test_users_and_tokens_beside_a_running_server(house: Netra, tmp_path: Path) -> None:
    """Add a user, issue a token, shut the user out: the running server knows at once."""
    where = ("--data-dir", str(house.data_dir))
    email = "beside@example.com"
    who = (email, "--tenant", "acme", "--password", "long enough 1")
    added = await asyncio.to_thread(run_netra, "user", "add", *who, *where, cwd=tmp_path)
    assert (added.returncode, added.stderr) == (0, "")
    assert email in added.stdout
    twice, issued = await asyncio.gather(
        asyncio.to_thread(run_netra, "user", "add", *who, *where, cwd=tmp_path),
        asyncio.to_thread(run_netra, "token", "issue", email, *where, cwd=tmp_path),
    )
    assert twice.returncode == 1
    assert email in one_sentence(twice.stderr)
    assert issued.returncode == 0
    token = issued.stdout.strip()
    assert len(issued.stdout.splitlines()) == 1
    async with connected(house.url, token) as client:
        run = await client.say("count slowly to 100")
        await client.until(lambda frame: frame["type"] == "message_delta")
        disabling = asyncio.create_task(
            asyncio.to_thread(run_netra, "user", "disable", email, *where, cwd=tmp_path)
        )
        assert await close_code(client) == 4401
        assert (await disabling).returncode == 0
    url, headers = f"{house.url}/api/runs/{run['run_id']}", {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers) as http, asyncio.timeout(REVOKED_S):
        while (await http.get(url)).status_code != 401:  # other processes hear of it within seconds
            pass


def test_doctor(house: Netra, tmp_path: Path) -> None:
    """The doctor finds stores and key in order beside a running server."""
    examined = run_netra("doctor", "--data-dir", str(house.data_dir), cwd=tmp_path)
    assert examined.returncode == 0
    found = set(examined.stdout.splitlines())
    assert {"ok    postgresql", "ok    valkey", "ok    signing key"} <= found


def test_doctor_names_what_is_wrong(tmp_path: Path) -> None:
    """Stores that cannot be reached are said to be so, and the exit code tells it to scripts."""
    nobody = {
        "NETRA_DATABASE_URL": "postgresql://app:x@127.0.0.1:1/netra",
        "NETRA_VALKEY_URL": "redis://127.0.0.1:1/0",
    }
    examined = run_netra("doctor", cwd=tmp_path, environ=nobody)
    assert "FAIL  stores: Setting database_url (NETRA_DATABASE_URL;" in examined.stdout
    assert examined.returncode == 1


async def test_chat_from_a_pipe(house: Netra, person: Person, tmp_path: Path) -> None:
    """A question from a pipe prints the answer and nothing else, and the thread is in history."""
    token = await token_of(house, person)
    asked = await asyncio.to_thread(
        run_netra, "chat", "--url", house.url, "--token", token, cwd=tmp_path, text="What is 2+2?\n"
    )
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "4" in asked.stdout
    assert token not in asked.stdout


async def test_gateway_and_workers_apart(start: Start, tmp_path: Path) -> None:
    """Two gateways and a worker on one data folder: a run asked at one is followed at the other."""
    worker = start("worker")
    first, second = await asyncio.gather(
        asyncio.to_thread(start, "gateway", "--port", "0"), asyncio.to_thread(start, "gateway", "--port", "0")
    )
    assert worker.url == ""
    token = await token_of(first, await add_person(first))
    async with connected(first.url, token) as asking, connected(second.url, token) as watching:
        run = await asking.say("What is 6 * 7?")
        one, two = await asyncio.gather(asking.finished(run["run_id"]), watching.finished(run["run_id"]))
        assert [frame["type"] for frame in one] == list(LIFECYCLE)
        assert one == two
        assert "42" in one[-1]["payload"]["message"]["content"]
    first.stop()
    async with connected(second.url, token) as client:
        after = await client.say("What is 2 * 4?", thread_id=run["thread_id"])
        assert (await client.finished(after["run_id"]))[-1]["payload"]["status"] == "completed"


async def test_kill_and_restart(start: Start) -> None:
    """After `kill -9` in the middle of a run everything accepted is there, and the run ends once."""
    server = start("serve", "--port", "0", NETRA_LEASE_S="1")
    token = await token_of(server, await add_person(server))
    async with connected(server.url, token) as client:
        done = await client.say("What is 10 + 5?")
        await client.finished(done["run_id"])
        cut = await client.say("count slowly to 6", thread_id=done["thread_id"])
        await client.until(
            lambda frame: frame["type"] == "message_delta" and "1, " in frame["payload"]["text"]
        )
        epoch = client.frames[0]["payload"]["epoch"]
        before = client.durable()
        await asyncio.to_thread(server.kill)
    again = await asyncio.to_thread(start, "serve", "--port", "0", NETRA_LEASE_S="1")
    async with connected(again.url, token) as client:
        await client.ask("resume", {"epoch": epoch, "after": 0})
        events = await client.finished(cut["run_id"])
        assert client.durable()[: len(before)] == before
        assert [frame["seq"] for frame in client.durable()] == list(range(1, len(client.durable()) + 1))
        assert [frame["type"] for frame in events].count("agent_completed") == 1
        assert events[-1]["type"] == "agent_completed"
        assert events[-1]["payload"]["status"] == "completed"
        assert events[-1]["payload"]["attempts"] == 2
    messages = await history(again.url, token, done["thread_id"])
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2
    assert messages[2]["content"] == "count slowly to 6"


async def test_logs_hold_no_token_and_no_message(start: Start) -> None:
    """At the most talkative level no token, password, link or word of a conversation is logged."""
    server = start("serve", "--port", "0", NETRA_LOG_LEVEL="debug")
    person = await add_person(server)
    credentials = {"email": person.email, "password": person.password}
    async with httpx.AsyncClient(base_url=server.url) as http:
        token = (await http.post("/auth/login", json=credentials)).json()["access_token"]
        await http.post("/auth/login", json={**credentials, "password": SECRET_WORDS})
        await http.get("/api/threads", params={"token": token})
        await http.get("/api/threads", headers={"Authorization": f"Bearer {token}x"})
    async with connected(server.url, token) as client:
        run = await client.say(f"What is 3 * 3? {SECRET_WORDS}")
        await client.finished(run["run_id"])
        await client.send_raw(json.dumps({"type": SECRET_WORDS, "payload": {"text": SECRET_WORDS}}))
        await client.until(lambda frame: frame["type"] == "error")
    server.stop()
    written = server.log.text + server.errors.text
    link = server.login_link().partition("#login=")[2]
    for secret in (token, token.rpartition(".")[2], person.password, SECRET_WORDS):
        assert secret not in written
    assert link not in server.log.text
    requests = [event for event in server.events() if event["event"] == "request"]
    assert {"/auth/login", "/api/threads"} <= {event["path"] for event in requests}
    assert all(event["request_id"] for event in requests)


@pytest.mark.model
async def test_small_real_model(start: Start) -> None:
    """A real model answers through everything: five events, text as it is written, the answer in history."""
    server = start("serve", "--port", "0", "--model", "local")
    token = await token_of(server, await add_person(server))
    async with connected(server.url, token) as client:
        asked_at = time.monotonic()
        run = await client.say("What is the capital of France?")
        events = await client.finished(run["run_id"])
        took = time.monotonic() - asked_at
        kinds = [frame["type"] for frame in events]
        assert set(kinds) == set(LIFECYCLE)
        assert (kinds[0], kinds[-1]) == ("agent_started", "agent_completed")
        end = events[-1]["payload"]
        assert end["status"] == "completed"
        content = end["message"]["content"]
        assert len(content) > 1
        deltas = [frame["payload"]["text"] for frame in client.of_type("message_delta")]
        assert len(deltas) > 1
        assert content.startswith("".join(deltas)[:20])
        assert took < REASONABLE_S, f"{took:.1f} s"
    messages = await history(server.url, token, run["thread_id"])
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert messages[1]["content"] == content
