"""Fault 24: what a model's provider does wrong, as clients see it: one end, with a code, and nothing after it.

Every kind of fault at the agent alone, with its retries: `agents/test_llm.py`.
"""

import asyncio
import json
from collections.abc import Sequence

from netra_backend.agents.llm import model_agent
from netra_backend.domain.ids import Owner
from netra_backend.domain.threads import Message, Thread
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.tests.integration.agents.provider_server import (
    Exchange,
    Reply,
    breaks_off,
    calls,
    falls_silent,
    provider,
    refuses,
    says,
)
from netra_backend.tests.integration.faults.clients import PATIENCE_S, Users, facts, server, verdict

STALL_S = 0.5
"""Longest silence in an answer; a minute by default."""


async def nothing(owner: Owner, words: str, limit: int) -> Sequence[tuple[Thread, Message]]:
    """A search that finds nothing."""
    return []


def cut_in_a_letter() -> Reply:
    """Streams a piece, then half of a frame, which ends between the two bytes of a letter."""

    async def reply(exchange: Exchange) -> None:
        await exchange.start()
        await exchange.delta(content="caf")
        frame = json.dumps({"choices": [{"index": 0, "delta": {"content": "é"}}]}, ensure_ascii=False)
        half = f"data: {frame}".encode()
        await exchange.send(half[: half.index("é".encode()) + 1])
        exchange.writer.transport.abort()

    return reply


async def test_fault_24_a_model_stalls_refuses_breaks_off_and_cannot_spell(
    settings: Settings, addresses: Addresses
) -> None:
    """Each run ends once; what was written is kept; the next question in the same thread is answered."""
    gone = asyncio.Event()
    cases: list[tuple[list[Reply], str, str]] = [
        ([falls_silent("So ", gone=gone)], "model_timeout", "So "),
        ([refuses("429 Too Many Requests")] * 3, "model_rate_limited", ""),
        ([breaks_off("The ans")], "model_unavailable", "The ans"),
        ([cut_in_a_letter()], "model_unavailable", "caf"),
        ([calls("calculator", '{"expression": ')] * 3, "model_error", ""),
        ([calls("calculator", '["6 * 7"]'), says("Never mind.")], "", "Never mind."),
        ([says("All is well.")], "", "All is well."),
    ]
    replies = [reply for each, _, _ in cases for reply in each]
    async with provider(*replies) as scripted:
        model = model_agent(
            "scripted",
            base_url=scripted.base_url,
            api_key="none",
            search=nothing,
            timeout_s=STALL_S,
            first_retry_s=0.01,
        )
        async with server(settings, addresses, {"model": model}) as running, asyncio.timeout(PATIENCE_S):
            people = Users(running.parts)
            async with people.client(await people.add(), [running.url]) as client:
                thread_id = None
                for _ in cases:
                    sent = await client.say("hi", agent="model", thread_id=thread_id)
                    thread_id = sent.thread_id
                    await client.ended(sent.run_id)
                await gone.wait()
                result = await verdict(addresses, [client])
                assert result.ok, result
                ends = [
                    event.payload
                    for event in (await facts(addresses))[client.recording.owner].events
                    if event.type == "agent_completed"
                ]
        await model.aclose()
    found = [
        (end.get("error", {}).get("code", ""), end.get("message", {}).get("content", "")) for end in ends
    ]
    assert found == [(code, text) for _, code, text in cases]
    assert len(scripted.requests) == len(replies)
