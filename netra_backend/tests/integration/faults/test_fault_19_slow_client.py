"""Fault 19: a client that stops reading is sent away, and its resume makes every life complete.

That memory stays flat under many of them: `gateway/test_slow_clients.py`.
"""

import asyncio

from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.tests.integration.faults.clients import PATIENCE_S, Users, server, verdict

LARGE = "x" * 40_000
"""Characters of one message; its run repeats them in four events and in live text."""
MESSAGES = 40


async def test_fault_19_a_slow_client_gets_every_life_complete_after_its_resume(
    settings: Settings, addresses: Addresses
) -> None:
    """Closed past the cap, not before; nothing durable is missing afterwards, and nobody else waits for it."""
    patient = settings.model_copy(update={"close_patience_s": 0.5, "outbox_bytes": 262_144, "heartbeat_s": 2})
    async with server(patient, addresses) as running, asyncio.timeout(2 * PATIENCE_S):
        people = Users(running.parts)
        ada = await people.add()
        slow_closes = running.parts.metrics.slow_closes
        async with people.client(ada, [running.url]) as slow, people.client(ada, [running.url]) as quick:
            await asyncio.gather(slow.connected(), quick.connected())
            slow.stop_reading()
            thread_id = None
            for _ in range(MESSAGES):
                sent = await quick.say(LARGE, thread_id=thread_id)
                thread_id = sent.thread_id
                await quick.ended(sent.run_id)
            assert slow_closes.value == 1
            read = slow.position
            slow.read_on()
            result = await verdict(addresses, [slow, quick])
            assert result.ok, result
            assert slow.position == quick.position > read
            assert len(quick.recording.spans) == 1
            assert slow.recording.spans[0].code in (4008, 1006)  # told, or cut before it could be
            assert slow_closes.value == 1
