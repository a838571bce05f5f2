"""Fault 27: a thousand connects and disconnects leave nothing behind, however they end."""

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import psutil

from netra_backend.embedded.wiring import Addresses
from netra_backend.protocol.resume import Stream
from netra_backend.protocol.session import Session
from netra_backend.settings import Settings
from netra_backend.testing.server import RunningServer
from netra_backend.tests.integration.faults.clients import PATIENCE_S, Users, server, verdict
from netra_backend.tests.integration.faults.light import LightClient
from netra_backend.websocket_core.connection import Connection
from netra_backend.websocket_core.factory import HandlerSet
from netra_backend.websocket_core.outbox import Outbox
from netra_backend.websocket_core.uvicorn_socket import UvicornSocket

WARM_UP = 100
THOUSAND = 1000
AT_ONCE = 20
SETTLE_S = 30.0
"""Seconds in which sockets that were just broken may still be open, on a busy machine; a leak stays longer."""
PEOPLE = 10
OURS = (Connection, HandlerSet, Session, Stream, Outbox, UvicornSocket)
"""What the server keeps for each connection."""

Visit = Callable[[str, str, int], Awaitable[None]]


async def leaves(url: str, token: str, number: int) -> None:
    """Comes in, listens, and closes as the protocol wants it."""
    client = LightClient(number)
    assert await client.open(url, token) == 101
    greeting = (await client.of_type("connected"))["payload"]
    client.send("resume", {"epoch": greeting["epoch"], "after": 0})
    await client.of_type("resumed")
    await client.close()


async def breaks(url: str, token: str, number: int) -> None:
    """Breaks in the middle of an answer."""
    client = LightClient(number)
    assert await client.open(url, token) == 101
    await client.of_type("connected")
    client.send("user_message", {"text": "still there?"}, id=f"breaks{number}")
    await client.of_type("accepted")
    client.drop()


async def gives_up(url: str, token: str, number: int) -> None:
    """Breaks before anything was said."""
    client = LightClient(number)
    assert await client.open(url, None) == 101
    client.drop()


async def is_sent_away(url: str, token: str, number: int) -> None:
    """Brings a token that is none."""
    client = LightClient(number)
    assert await client.open(url, "nonsense") == 101
    await client.of_type("error")
    await client.close()


VISITS: tuple[Visit, ...] = (leaves, breaks, gives_up, is_sent_away)


async def visits(url: str, tokens: list[str], numbers: range) -> None:
    """So many connects and disconnects, of every kind, several at once."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with turns:
            await VISITS[number % len(VISITS)](url, tokens[number % len(tokens)], number)

    async with asyncio.timeout(4 * PATIENCE_S):
        await asyncio.gather(*(one(number) for number in numbers))


async def settled(running: RunningServer) -> None:
    """Wait until the server has noticed that everybody is gone, and all runs have ended."""
    async with asyncio.timeout(PATIENCE_S):
        while any((await running.parts.queue.depth()).values()) or running.parts.feed.owners():
            pass  # each look is a round trip to the store


def is_ours(timer: asyncio.TimerHandle) -> bool:
    """Whether it will fire, and is none of the database driver's, which has one for each cached statement."""
    callback = getattr(timer, "_callback", None)
    return not timer.cancelled() and not getattr(callback, "__module__", "").startswith("asyncpg")


def port_of(url: str) -> int:
    """The port of an address."""
    return int(url.rpartition(":")[2])


def sockets(port: int) -> int:
    """How many are open to and from a port; those to the stores come and go with the pools."""
    found = psutil.Process().net_connections("tcp")
    ends = [(each.laddr, each.raddr) for each in found if each.status != psutil.CONN_LISTEN]
    return len([pair for pair in ends if port in {getattr(end, "port", 0) for end in pair}])


async def held(running: RunningServer) -> dict[str, int]:
    """What there is of everything that a connection may leave behind."""
    await running.parts.feed.outlet.settle()
    gc.collect()
    found = gc.get_objects()
    objects = Counter(type(each) for each in found)
    channels = await running.parts.feed.outlet.ask("PUBSUB", "SHARDCHANNELS")
    return {each.__name__: objects[each] for each in OURS} | {
        "tasks": len(asyncio.all_tasks()),
        "sockets": sockets(port_of(running.url)),
        "sinks": len(running.parts.feed.owners()),
        "channels": len([name for name in channels if b"{" in name]),
        "timers": len([each for each in found if isinstance(each, asyncio.TimerHandle) and is_ours(each)]),
    }


async def test_fault_27_a_thousand_connects_and_disconnects_leave_nothing(
    settings: Settings, addresses: Addresses
) -> None:
    """After a warm-up neither an object of a connection, a task, a socket nor a subscription is left."""
    many = settings.model_copy(update={"worker_slots": 50, "user_frames_burst": 100_000})
    async with server(many, addresses) as running:
        people = Users(running.parts)
        owners = [await people.add(tenant=f"t{n % 3}") for n in range(PEOPLE)]
        tokens = [await people.token(owner) for owner in owners]
        await visits(running.url, tokens, range(WARM_UP))
        await settled(running)
        before = await held(running)
        memory = psutil.Process().memory_info().rss
        await visits(running.url, tokens, range(WARM_UP, WARM_UP + THOUSAND))
        await settled(running)
        after = await held(running)
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                while any(after[name] > before[name] for name in before):
                    after = await held(running)
        grown = psutil.Process().memory_info().rss - memory
        assert {name: after[name] for name in before if after[name] > before[name]} == {}
        assert {after[each.__name__] for each in OURS} == {0}
        assert grown < 20_000_000, f"{grown / THOUSAND:.0f} bytes for each"
        async with people.client(owners[0], [running.url]) as client:
            result = await verdict(addresses, [client])
            assert result.ok, result
