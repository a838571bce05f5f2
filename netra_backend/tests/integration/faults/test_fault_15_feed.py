"""Fault 15: feed messages that come twice, in the wrong order or never; clients see none of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from netra_backend.chaos.recording import RecordingClient
from netra_backend.embedded.wiring import Addresses
from netra_backend.tests.integration.faults.clients import (
    AGENTS,
    PATIENCE_S,
    Users,
    processes,
    users,
    verdict,
)
from netra_backend.tests.integration.faults.unreliable_feed import UnreliableFeed

ENVIRON = {"NETRA_HEARTBEAT_S": "0.5"}
"""What was lost last is noticed at the next heartbeat."""
ROUNDS = 8


async def talk(client: RecordingClient, rounds: int) -> None:
    """Some answers at once, some written word by word."""
    thread_id: str | None = None
    for number in range(rounds):
        text = f"speak {number + 3}" if number % 2 else f"question {number}"
        sent = await client.say(text, thread_id=thread_id)
        thread_id = sent.thread_id
        await client.ended(sent.run_id)


def numbers(client: RecordingClient) -> list[int]:
    """Of all durable events that came."""
    frames = [json.loads(entry.raw) for entry in client.recording.entries if not entry.sent]
    return [frame["seq"] for frame in frames if "seq" in frame]


def holes_in_texts(client: RecordingClient) -> list[str]:
    """Live text that did not continue what this client had been sent of it."""
    texts: dict[str, str] = {}
    found = []
    for entry in client.recording.entries:
        frame = json.loads(entry.raw)
        payload = frame.get("payload", {})
        if frame["type"] == "message_snapshot":
            texts[payload["message_id"]] = payload["text"]
        elif frame["type"] == "message_delta":
            had = texts.get(payload["message_id"], "")
            if payload["offset"] != len(had):
                found.append(f"{payload['offset']} after {len(had)}")
            texts[payload["message_id"]] = had + payload["text"]
    return found


Tampered = Callable[[int], AbstractAsyncContextManager[tuple[UnreliableFeed, str, Users]]]


@pytest.fixture
def tampered(addresses: Addresses, tmp_path: Path) -> Tampered:
    """A gateway behind a feed that tampers by a seed; the feed, the gateway's address, users."""

    @asynccontextmanager
    async def start(seed: int) -> AsyncIterator[tuple[UnreliableFeed, str, Users]]:
        async with (
            UnreliableFeed(addresses.valkey_url, seed=seed) as feed,
            processes(
                addresses, tmp_path, agent=f"{AGENTS}:steered", environ=ENVIRON, gateways_valkey=feed.url
            ) as stack,
            users(stack.settings(), addresses) as people,
        ):
            yield feed, stack.gateways[0].url, people

    return start


async def test_fault_15_duplicate_reordered_and_dropped_feed_messages(
    tampered: Tampered, addresses: Addresses
) -> None:
    """Every client gets every event, in order, over one connection, and twice only what it asked for again."""
    async with tampered(15) as (feed, url, people):
        ada, eve = await people.add(), await people.add(tenant="globex")
        async with (
            people.client(ada, [url]) as one,
            people.client(ada, [url]) as two,
            people.client(eve, [url]) as three,
            asyncio.timeout(PATIENCE_S),
        ):
            await asyncio.gather(*(each.connected() for each in (one, two, three)))
            await asyncio.gather(talk(one, ROUNDS), talk(three, ROUNDS))
            assert min(feed.deeds[name] for name in ("dropped", "repeated", "swapped")) > 10
            result = await verdict(addresses, [one, two, three])
            assert result.ok, result
            for client in (one, two, three):
                assert set(numbers(client)) == set(range(1, client.position + 1))
                assert len(client.recording.spans) == 1
                assert holes_in_texts(client) == []


async def test_fault_15_a_gap_at_the_end_is_signalled_by_the_heartbeat(
    tampered: Tampered, addresses: Addresses
) -> None:
    """When the feed brings nothing at all and nothing comes after it, the log is asked all the same."""
    async with (
        tampered(1) as (feed, url, people),
        people.client(await people.add(), [url]) as client,
        asyncio.timeout(PATIENCE_S),
    ):
        await client.connected()
        feed.deaf = True
        sent = await client.say("question")
        await client.ended(sent.run_id)
        assert feed.deeds["dropped"] > 0
        result = await verdict(addresses, [client])
        assert result.ok, result
