"""Fault 20: the wall clock of one process jumps by an hour, forward, back, and then to where it was."""

import asyncio
import signal
from pathlib import Path

import pytest

from netra_backend.chaos.history import judge
from netra_backend.chaos.recording import RecordingClient
from netra_backend.embedded.wiring import Addresses
from netra_backend.stack import process
from netra_backend.stack.process import NetraProcess
from netra_backend.tests.integration.faults.clients import (
    AGENTS,
    PATIENCE_S,
    Users,
    facts,
    processes,
    users,
    verdict,
)

ENVIRON = {"NETRA_HEARTBEAT_S": "0.2", "NETRA_LEASE_S": "2", "NETRA_TOKEN_TTL_S": "7200"}
"""Tokens that outlive the jump: one that does not has expired for whoever's clock says so."""
FORWARD, BACK = signal.SIGUSR1, signal.SIGUSR2
JUMPS = (FORWARD, BACK, BACK, FORWARD)
"""Where the clock stands after each: an hour ahead, right, an hour behind, right."""


async def jump(netra: NetraProcess, number: signal.Signals) -> None:
    """Let the clock jump; returns when it has."""
    done = netra.output.expect(lambda event: event["event"] == "clock_jumped")
    netra.send(number)
    await done


async def goes_on(client: RecordingClient) -> None:
    """A whole run and a heartbeat, from now on."""
    seen = len(client.recording.entries)
    sent = await client.say("question")
    await client.ended(sent.run_id)
    await client.until(lambda: any('"heartbeat"' in each.raw for each in client.recording.entries[seen:]))


async def test_fault_20_a_clock_jump_of_an_hour_in_one_process(
    addresses: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No socket, lease, limit, heartbeat or order depends on it; a token counts by the clock that checks it."""
    monkeypatch.setattr(process, "PROGRAM", "netra_backend.tests.integration.faults.jumping_netra")
    async with (
        processes(
            addresses, tmp_path, gateways=2, workers=2, agent=f"{AGENTS}:steered", environ=ENVIRON
        ) as stack,
        users(stack.settings(), addresses) as people,
        asyncio.timeout(2 * PATIENCE_S),
    ):
        one, two = (gateway.url for gateway in stack.gateways)
        ada = await people.add()
        async with (
            people.client(ada, [one]) as here,
            people.client(ada, [two]) as there,
            people.client(await people.add(tenant="globex"), [one]) as other,
        ):
            clients = [here, there, other]
            long = [await client.say("speak 150") for client in clients]
            for netra in (*stack.workers, stack.gateways[0]):
                for number in JUMPS:
                    await jump(netra, number)
                    await asyncio.gather(*(goes_on(client) for client in clients))
            for client, sent in zip(clients, long, strict=True):
                await client.ended(sent.run_id)
            late = await newcomers(people, stack.gateways[0], two)
            result = await verdict(addresses, clients)
            assert result.ok, result
            whole = judge([client.recording for client in (*clients, *late)], await facts(addresses))
            assert whole.ok, whole
            assert [len(client.recording.spans) for client in (here, there, other)] == [1, 1, 1]
            assert not any('"error"' in each.raw for client in clients for each in client.recording.entries)
        for found in (await facts(addresses)).values():
            attempts = [event.payload["attempt"] for event in found.events if event.type == "agent_started"]
            assert set(attempts) == {1}


async def newcomers(people: Users, jumping: NetraProcess, right: str) -> list[RecordingClient]:
    """Who comes while the clock of a gateway is wrong: let in there, or by the next one that can tell."""
    found = []
    for number, spans in zip(JUMPS, (1, 1, 2, 1), strict=True):
        await jump(jumping, number)
        async with people.client(await people.add(), [jumping.url, right]) as client:
            await goes_on(client)
            await client.settle()
            assert len(client.recording.spans) == spans
            codes = [span.code for span in client.recording.spans[:-1]]
            assert codes == [4401] * (spans - 1)
            found.append(client)
    return found
