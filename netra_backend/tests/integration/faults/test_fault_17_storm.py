"""Fault 17: all clients of a gateway come back at once to the one that is left, and each has missed something.

The full storm, with its times: `python -m benchmarks storm`.
"""

import asyncio
from contextlib import suppress
from pathlib import Path

from netra_backend.domain.runs import Submission
from netra_backend.embedded.wiring import Addresses
from netra_backend.tests.integration.faults.clients import (
    AT_ONCE,
    PATIENCE_S,
    Users,
    facts,
    processes,
    users,
    verdict,
)
from netra_backend.tests.integration.faults.light import LightClient

CROWD = 300
SAMPLE = 6


async def connect(token: str, url: str, number: int) -> LightClient:
    """A connection that has resumed from the start."""
    client = LightClient(number)
    assert await client.open(url, token) == 101
    greeting = (await client.of_type("connected"))["payload"]
    client.send("resume", {"epoch": greeting["epoch"], "after": 0})
    await client.of_type("resumed")
    return client


async def come_back(client: LightClient, token: str, url: str, number: int) -> list[int]:
    """What the client is shown after its connection broke, up to `resumed`."""
    with suppress(ConnectionError):
        await client.of_type("nothing of this name")
    client.drop()
    again = LightClient(number)
    assert await again.open(url, token) == 101
    greeting = (await again.of_type("connected"))["payload"]
    again.send("resume", {"epoch": greeting["epoch"], "after": max(client.numbers(), default=0)})
    answer = await again.of_type("resumed")
    assert answer["payload"]["head"] >= greeting["head"]
    again.drop()
    return again.numbers()


async def accept(people: Users, said: list[Submission]) -> None:
    """Have all of them accepted, a few at once."""
    for start in range(0, len(said), AT_ONCE):
        await asyncio.gather(*(people.parts.store.accept(each) for each in said[start : start + AT_ONCE]))


async def test_fault_17_a_storm_of_reconnects_on_one_gateway(addresses: Addresses, tmp_path: Path) -> None:
    """Every one resumes at its first attempt, with all that it missed; the runs of a sample lose nothing."""
    environ = {"NETRA_HEARTBEAT_S": "1"}
    async with (
        processes(addresses, tmp_path, gateways=2, workers=1, environ=environ) as stack,
        users(stack.settings(), addresses) as people,
        asyncio.timeout(2 * PATIENCE_S),
    ):
        lost, left = stack.gateways
        owners = await people.crowd(CROWD)
        crowd = await asyncio.gather(*(connect(token, lost.url, n) for n, (_, token) in enumerate(owners)))
        sample = [people.client(owner, [lost.url, left.url]) for owner, _ in owners[:SAMPLE]]
        for client in sample:
            await client.__aenter__()
        try:
            sent = [await client.say("before the storm") for client in sample]
            back = [
                asyncio.create_task(come_back(client, token, left.url, number))
                for number, (client, (_, token)) in enumerate(zip(crowd, owners, strict=True))
            ]
            said = [
                Submission(owner=owner, client_id="storm", text="in the storm", thread_id=None)
                for owner, _ in owners
            ]
            accepting = asyncio.create_task(accept(people, said))
            lost.kill()
            await lost.ended()
            shown = await asyncio.gather(*back)
            await accepting
            for client, each in zip(sample, sent, strict=True):
                await client.ended(each.run_id)
            result = await verdict(addresses, sample)
            assert not result.violations, result
            found = await facts(addresses)
            for (owner, _), guest, after in zip(owners, crowd, shown, strict=True):
                numbers = guest.numbers() + after
                assert numbers == list(range(1, len(numbers) + 1))
                assert "storm" in {message.client_id for message in found[owner].messages}
            assert all(len(client.recording.times_back()) == 1 for client in sample)
        finally:
            for client in sample:
                await client.close()
