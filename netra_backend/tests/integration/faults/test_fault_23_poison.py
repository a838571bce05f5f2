"""Fault 23: a message that kills its worker three times is given up, and takes nobody along."""

import asyncio
from pathlib import Path

from netra_backend.embedded.wiring import Addresses
from netra_backend.tests.integration.faults.clients import (
    AGENTS,
    PATIENCE_S,
    facts,
    processes,
    users,
    verdict,
)

BYSTANDERS = 4


async def test_fault_23_a_message_that_kills_its_worker_three_times_is_a_dead_letter(
    addresses: Addresses, tmp_path: Path
) -> None:
    """Its worker's other runs are tried again and end well, although they were lost with it each time."""
    said: list[str] = []
    environ = {"NETRA_LEASE_S": "1"}
    async with (
        processes(addresses, tmp_path, agent=f"{AGENTS}:steered", environ=environ, say=said.append) as stack,
        users(stack.settings(), addresses) as people,
        people.client(await people.add(), [stack.gateways[0].url]) as victim,
        people.client(await people.add(tenant="globex"), [stack.gateways[0].url]) as other,
    ):
        async with asyncio.timeout(PATIENCE_S):
            innocent = [await other.say("speak 40") for _ in range(BYSTANDERS)]
            poison = await victim.say("kill")
            await victim.ended(poison.run_id)
            for each in innocent:
                await other.ended(each.run_id)
            after = await victim.say("and now?")
            await victim.ended(after.run_id)
        result = await verdict(addresses, [victim, other])
        assert result.ok, result
        found = await facts(addresses)
        (end,) = [
            event.payload
            for event in found[victim.recording.owner].events
            if event.run_id == poison.run_id and event.type == "agent_completed"
        ]
        assert (end["status"], end["error"]["code"], end["attempts"]) == ("failed", "dead_letter", 3)
        assert len([line for line in said if "was ended by SIGKILL" in line]) == 3
        states = {run.id: run.status for run in found[other.recording.owner].runs}
        assert {states[each.run_id] for each in innocent} == {"completed"}
