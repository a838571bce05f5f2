"""Fault 18: a connection whose other end is gone without a word; both ends notice, and the run goes on."""

import asyncio
from pathlib import Path

from netra_backend.chaos.proxy import FaultProxy, upstream_of
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.tests.integration.faults.clients import (
    AGENTS,
    PATIENCE_S,
    metric,
    processes,
    until,
    users,
    verdict,
)

ENVIRON = {"NETRA_PING_INTERVAL_S": "1", "NETRA_HEARTBEAT_S": "1"}
"""A twentieth of the default, and of the 40 s that it promises."""
PROMISED_S = 40.0


def test_fault_18_the_defaults_keep_the_promise() -> None:
    """The next ping goes out within one interval, and may take one to be answered; a client waits no longer."""
    settings = Settings()
    assert 2 * settings.ping_interval_s <= PROMISED_S
    assert 2.5 * settings.heartbeat_s <= PROMISED_S


async def test_fault_18_half_open_tcp_is_noticed_and_the_run_goes_on(
    addresses: Addresses, tmp_path: Path
) -> None:
    """The gateway lets go of the dead connection; its client comes back by another way and misses nothing."""
    loop = asyncio.get_running_loop()
    async with (
        processes(addresses, tmp_path, agent=f"{AGENTS}:steered", environ=ENVIRON) as stack,
        users(stack.settings(), addresses) as people,
        FaultProxy(upstream_of(stack.gateways[0].url)) as proxy,
    ):
        url = stack.gateways[0].url
        ways = [proxy.through(url), url]
        async with people.client(await people.add(), ways) as client, asyncio.timeout(PATIENCE_S):
            sent = await client.say("speak 150")
            began = client.position
            await client.until(lambda: client.position > began)
            assert await metric(url, "netra_connections") == 1
            proxy.blackhole()
            dead_at = loop.time()
            await client.until(lambda: len(client.recording.spans) == 2 and client.whole)
            noticed_s = loop.time() - dead_at
            await until(lambda: _is(url, 1), turn=lambda: metric(url, "netra_connections"))
            gone_s = loop.time() - dead_at
            assert max(noticed_s, gone_s) < PROMISED_S / 20 * 3
            await client.ended(sent.run_id)
            result = await verdict(addresses, [client])
            assert result.ok, result
            assert result.accepted == 1
            assert client.recording.spans[0].reason == "no heartbeat"


async def _is(url: str, count: int) -> bool:
    return await metric(url, "netra_connections") == count
