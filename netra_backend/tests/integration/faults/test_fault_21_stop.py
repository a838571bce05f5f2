"""Fault 21: a stop at every stage of a run, twice, at the moment of its end, and by somebody else.

Between two users on the wire, and while queued: also `websocket/test_message_handler_event_delivery.py`.
"""

import asyncio
import random  # noqa: TID251 - seeded, so that a failure can be repeated
from collections.abc import Sequence
from typing import Any

import asyncpg

from netra_backend.agents.context import Context
from netra_backend.agents.llm import model_agent
from netra_backend.chaos.recording import RecordingClient, Sent
from netra_backend.domain.ids import Owner
from netra_backend.domain.threads import Message, Thread
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.tests.integration.agents.provider_server import falls_silent, provider
from netra_backend.tests.integration.faults.agents import steered
from netra_backend.tests.integration.faults.clients import PATIENCE_S, Users, facts, server, until, verdict

RACES = 30


async def nothing(owner: Owner, words: str, limit: int) -> Sequence[tuple[Thread, Message]]:
    """A search that finds nothing."""
    return []


async def end_of(addresses: Addresses, client: RecordingClient, sent: Sent) -> dict[str, Any]:
    """The payload of the run's one end, as the database has it."""
    found = await facts(addresses)
    (end,) = [
        event.payload
        for event in found[client.recording.owner].events
        if event.run_id == sent.run_id and event.type == "agent_completed"
    ]
    return end


async def test_fault_21_stop_in_the_model_call_closes_the_providers_stream(
    settings: Settings, addresses: Addresses
) -> None:
    """What was written is kept; the provider is not left writing for nobody."""
    gone = asyncio.Event()
    async with provider(falls_silent("Hel", "lo", gone=gone)) as scripted:
        model = model_agent("scripted", base_url=scripted.base_url, api_key="none", search=nothing)
        async with server(settings, addresses, {"model": model}) as running, asyncio.timeout(PATIENCE_S):
            people = Users(running.parts)
            async with people.client(await people.add(), [running.url]) as client:
                sent = await client.say("hi", agent="model")
                await client.until(lambda: "lo" in written(client))
                stop = await client.stop(sent.run_id)
                assert stop.refused is None
                await gone.wait()
                await client.ended(sent.run_id)
                end = await end_of(addresses, client, sent)
                assert (end["status"], end["message"]["content"]) == ("stopped", "Hello")
                result = await verdict(addresses, [client])
                assert result.ok, result
        await model.aclose()


def written(client: RecordingClient) -> str:
    """All live text that came."""
    return "".join(entry.raw for entry in client.recording.entries if '"message_delta"' in entry.raw)


async def test_fault_21_stop_while_queued_in_a_tool_twice_and_by_another_user(
    settings: Settings, addresses: Addresses
) -> None:
    """Somebody else's stop is as one of nonsense; the first own one ends the run, further ones change nothing."""
    async with server(settings, addresses) as running, asyncio.timeout(PATIENCE_S):
        people = Users(running.parts)
        async with (
            people.client(await people.add(), [running.url]) as client,
            people.client(await people.add(), [running.url]) as colleague,
        ):
            in_tool = await client.say("hi", agent="waiting")
            await client.until(lambda: any('"tool_executing"' in e.raw for e in client.recording.entries))
            queued = await client.say("and then", thread_id=in_tool.thread_id)
            for run_id in (in_tool.run_id, queued.run_id):
                foreign = await colleague.stop(run_id)
                assert foreign.refused == "not_found"
            assert (await client.stop(queued.run_id)).refused is None
            await client.ended(queued.run_id)
            stops = await asyncio.gather(*(client.stop(in_tool.run_id) for _ in range(3)))
            await client.ended(in_tool.run_id)
            late = await client.stop(in_tool.run_id)
            assert [each.refused for each in (*stops, late)] == [None] * 4
            result = await verdict(addresses, [client, colleague])
            assert result.ok, result
            ends = [await end_of(addresses, client, each) for each in (in_tool, queued)]
            assert [(end["status"], end["attempts"]) for end in ends] == [("stopped", 1), ("stopped", 0)]
            tools = [
                event.payload["status"]
                for event in (await facts(addresses))[client.recording.owner].events
                if event.type == "tool_completed"
            ]
            assert tools == ["cancelled"]


async def test_fault_21_stop_while_completing(settings: Settings, addresses: Addresses) -> None:
    """Whichever comes first at the stream's lock, there is one end, and the stop is answered."""
    gates: dict[str, asyncio.Event] = {}

    async def gated(ctx: Context) -> str:
        await gates[ctx.text.split()[0]].wait()
        return "done"

    async with server(settings, addresses, {"gated": gated}) as running, asyncio.timeout(PATIENCE_S):
        people = Users(running.parts)
        async with people.client(await people.add(), [running.url]) as client:
            admin = await asyncpg.connect(addresses.owner_url)
            try:
                for first in ("end", "stop"):
                    gates[first] = asyncio.Event()
                    sent = await client.say(first, agent="gated")
                    hold = admin.transaction()
                    await hold.start()
                    await admin.execute(
                        "SELECT FROM streams WHERE user_id = $1 FOR UPDATE", client.recording.owner.user_id
                    )
                    if first == "end":
                        gates[first].set()
                        await waiting_for_locks(addresses, 1)
                    stopping = asyncio.create_task(client.stop(sent.run_id))
                    await waiting_for_locks(addresses, 2 if first == "end" else 1)
                    gates[first].set()
                    await waiting_for_locks(addresses, 2)
                    await hold.rollback()
                    assert (await stopping).refused is None
                    await client.ended(sent.run_id)
                    assert (await end_of(addresses, client, sent))["status"] == "completed"
            finally:
                await admin.close()
            result = await verdict(addresses, [client])
            assert result.ok, result


async def waiting_for_locks(addresses: Addresses, count: int) -> None:
    """Wait until so many sessions of the database wait for a lock."""
    watcher = await asyncpg.connect(addresses.owner_url)
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    async def enough() -> bool:
        return bool(await watcher.fetchval(query) >= count)

    try:
        await until(enough, turn=lambda: asyncio.sleep(0))
    finally:
        await watcher.close()


async def test_fault_21_stops_at_any_moment(settings: Settings, addresses: Addresses) -> None:
    """Many short runs, each stopped somewhere on its way: each ends once, with every tool call closed."""
    luck = random.Random(21)  # noqa: S311 - to be repeated, not to be secret
    async with server(settings, addresses, {"steered": steered}) as running, asyncio.timeout(PATIENCE_S):
        people = Users(running.parts)
        async with people.client(await people.add(), [running.url]) as client:

            async def race() -> None:
                sent = await client.say(luck.choice(["speak 2", "question"]), agent="steered")
                for _ in range(luck.randrange(60)):
                    await asyncio.sleep(0)
                await asyncio.gather(client.stop(sent.run_id), client.ended(sent.run_id))

            for _ in range(RACES):
                await race()
            result = await verdict(addresses, [client])
            assert result.ok, result
            ends = [
                event.payload["status"]
                for event in (await facts(addresses))[client.recording.owner].events
                if event.type == "agent_completed"
            ]
            assert len(ends) == RACES
            assert set(ends) == {"completed", "stopped"}
