"""Fault 16: a resume from where no stream is gets one answer that says so, and costs nothing else."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from netra_backend.domain.ids import Owner
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.testing.client import Client, connected
from netra_backend.testing.server import RunningServer
from netra_backend.tests.integration.faults.clients import Users, server, verdict

NOWHERE: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"after": "head+1"}, ("resync", "ahead")),
    ({"after": 10**9}, ("resync", "ahead")),
    ({"after": 2**63 - 1}, ("resync", "ahead")),
    ({"after": -1}, ("error", "bad_resume")),
    ({"after": -(2**63)}, ("error", "bad_resume")),
    ({"after": 2**63}, ("error", "bad_resume")),
    ({"after": 2**64}, ("error", "bad_resume")),
    ({"after": 10**400}, ("error", "bad_resume")),
    ({"after": 1.5}, ("error", "bad_message")),
    ({"after": True}, ("error", "bad_message")),
    ({"epoch": "another"}, ("resync", "epoch")),
    ({"epoch": ""}, ("resync", "epoch")),
    ({"epoch": "another", "after": "head+1"}, ("resync", "epoch")),
    ({"epoch": "another", "after": -1}, ("error", "bad_resume")),
    ({"epoch": None}, ("error", "bad_message")),
]
"""Positions that no stream has, and the type and the code or reason of the answer."""


@asynccontextmanager
async def a_user(running: RunningServer) -> AsyncIterator[tuple[Owner, Client, str]]:
    """A user who asked once, a connection that has not spoken yet, and the epoch."""
    people = Users(running.parts)
    owner = await people.add()
    token = await people.token(owner)
    async with connected(running.url, token) as client:
        await client.finished((await client.say("one"))["run_id"])
    async with connected(running.url, token) as client:
        greeting = client.of_type("connected")[0]["payload"]
        yield owner, client, greeting["epoch"]


async def test_fault_16_resume_from_nowhere(settings: Settings, addresses: Addresses) -> None:
    """One answer; the socket lives, gets what happens next, and a right resume still works."""
    async with server(settings, addresses) as running:
        for position, answer in NOWHERE:
            async with a_user(running) as (owner, client, epoch):
                await resume_from(position, answer, client, epoch)
            async with Users(running.parts).client(owner, [running.url]) as watcher:
                result = await verdict(addresses, [watcher])
                assert result.ok, result


async def resume_from(position: dict[str, Any], answer: tuple[str, str], client: Client, epoch: str) -> None:
    """Ask for a position, and then do what clients do."""
    head = client.of_type("connected")[0]["payload"]["head"]
    payload = {"epoch": epoch, "after": head} | position
    payload["after"] = head + 1 if payload["after"] == "head+1" else payload["after"]
    found = await client.ask("resume", payload)
    body = found["payload"]
    assert (found["type"], body.get("reason", body.get("code"))) == answer, position
    assert body.get("head", head) == head
    assert client.durable() == []
    await client.finished((await client.say("two"))["run_id"])
    assert [frame["seq"] for frame in client.durable()] == list(range(head + 1, 2 * head + 1))
    right = await client.ask("resume", {"epoch": epoch, "after": 0})
    assert right["payload"] == {"head": 2 * head}
    assert [frame["seq"] for frame in client.durable()][head:] == list(range(1, 2 * head + 1))


@pytest.mark.parametrize("kept", [3, 0], ids=["some are left", "none are left"])
async def test_fault_16_resume_past_retention(settings: Settings, addresses: Addresses, kept: int) -> None:
    """Who asks for events that the log does not have any more is told to reload, and goes on from there."""
    async with server(settings, addresses) as running, a_user(running) as (owner, client, epoch):
        head = client.of_type("connected")[0]["payload"]["head"]
        admin = await asyncpg.connect(addresses.owner_url)
        try:
            await admin.execute(
                "DELETE FROM events WHERE user_id = $1 AND seq <= $2", owner.user_id, head - kept
            )
        finally:
            await admin.close()
        found = await client.ask("resume", {"epoch": epoch, "after": 1})
        assert (found["type"], found["payload"]) == ("resync", {"reason": "retention", "head": head})
        assert client.durable() == []
        accepted = await client.say("two")
        await client.finished(accepted["run_id"])
        assert [frame["seq"] for frame in client.durable()] == list(range(head + 1, 2 * head + 1))
        what_is_there = await client.ask("resume", {"epoch": epoch, "after": head - kept})
        assert (what_is_there["type"], what_is_there["payload"]) == ("resumed", {"head": 2 * head})
        assert [frame["seq"] for frame in client.durable()][head:] == list(
            range(head - kept + 1, 2 * head + 1)
        )
        assert json.dumps(client.frames).count("retention") == 1
