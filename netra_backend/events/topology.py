"""Which server has which hash slot: one server has them all, the servers of a Cluster share them.

Finds that out by itself and keeps up with it. Each server is one `Lane` for commands and one
`Listening` for channels. Nothing here is the truth: what is in doubt is said to be in doubt.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

import hiredis
import structlog
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from netra_backend.events.lane import Item, Lane
from netra_backend.events.link import Address, Command, linked
from netra_backend.events.listening import Listening

log = structlog.get_logger(__name__)

LEARN_S = 0.5
"""Seconds between looks at who has which slot, while that is in doubt."""
SUBSCRIBE_TIMEOUT = 2.0
"""Seconds to wait for a subscription before the connection goes on with the log alone."""
MAX_HOPS = 5
"""Times that a command is sent elsewhere: servers that disagree must not play ball with it."""


class Server:
    """One server as this process uses it."""

    def __init__(self, address: Address, topology: "Topology") -> None:
        self.address = address
        self.lane = Lane(address, topology)
        self.listening = Listening(address, topology)
        self.tasks: list[asyncio.Task[None]] = []

    @property
    def healthy(self) -> bool:
        """Whether it takes commands, and messages of all its channels arrive."""
        return self.listening.complete and not self.lane.lost

    def start(self) -> None:
        """Connect."""
        if not self.tasks:
            for part, name in ((self.lane, "valkey-lane"), (self.listening, "valkey-listening")):
                self.tasks.append(asyncio.create_task(part.run(), name=name))

    def stop(self) -> None:
        """Disconnect."""
        for task in self.tasks:
            task.cancel()


class Topology:
    """See the module. Also the `Owner` of the lanes and the `Hearer` of the channels.

    Args:
        address: of the server, or of any one of a Cluster.
        deliver: gets a channel's name and a message.
        doubt: called when messages may have been missed.
        recovered: called when commands were lost, and the server answers again.
    """

    def __init__(
        self,
        address: Address,
        *,
        deliver: Callable[[bytes, bytes], None],
        doubt: Callable[[], None],
        recovered: Callable[[], None],
    ) -> None:
        self._address = address
        self.deliver = deliver
        self.doubt = doubt
        self.recovered = recovered
        self._servers: dict[str, Server] = {}
        self._places: dict[bytes, Server] = {}
        self._pending: dict[bytes, list[asyncio.Future[None]]] = {}
        self._suspicion = asyncio.Event()
        self._learner: asyncio.Task[None] | None = None
        self._only: Server | None = self._at(address)
        self._slots = [self._only] * REDIS_CLUSTER_HASH_SLOTS

    @property
    def servers(self) -> Collection[Server]:
        """All that are in use."""
        return tuple(self._servers.values())

    async def open(self) -> None:
        """Find the servers and connect; goes on trying if they are away."""
        if not await self._learn():
            self.suspect()
        self._learner = asyncio.create_task(self._keep_learning(), name="valkey-topology")
        for server in self.servers:
            server.start()
        for server in self.servers:
            await server.listening.tried.wait()

    async def close(self) -> None:
        """Disconnect."""
        tasks = [task for server in self.servers for task in server.tasks]
        tasks += [self._learner] if self._learner else []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def server_of(self, key: bytes) -> Server:
        """Which server has this key or channel."""
        return self._only or self._slots[key_slot(key)]

    def lane_of(self, command: Command) -> Lane:
        """Where a command goes: by its key or channel, of which it has one, or several of one slot."""
        return (self._only or self._slots[key_slot(_key(command))]).lane

    async def subscribe(self, name: bytes) -> None:
        """Listen to a channel; returns once messages arrive, or when that cannot be had at once."""
        if name not in self._places:
            self._pending[name] = []
            server = self._places[name] = self.server_of(name)
            server.listening.add(name, renewed=False)
        pending = self._pending.get(name)
        if pending is not None and self._places[name].listening.connected:
            await _settled(pending, SUBSCRIBE_TIMEOUT)

    def unsubscribe(self, name: bytes) -> None:
        """Listen no longer."""
        server = self._places.pop(name, None)
        self.subscribed(name)  # who still waits need not
        if server is not None:
            server.listening.discard(name)

    def subscribed(self, name: bytes) -> None:
        """See `Hearer`."""
        for waiter in self._pending.pop(name, ()):
            _settle(waiter)

    def suspect(self) -> None:
        """See `Owner` and `Hearer`."""
        self._suspicion.set()

    def redirect(self, item: Item, refusal: str, address: Address) -> bool:
        """See `Owner`."""
        self.suspect()
        command, reply, dropped, hops = item
        if hops >= MAX_HOPS:
            return False
        kind, _, place = refusal.split(" ")[:3]
        host, _, port = place.rpartition(":")
        lane = self._at(address.elsewhere(host, int(port))).lane
        if kind == "ASK":
            lane.send((("ASKING",), None, None, 0))
        lane.send((command, reply, dropped, hops + 1))
        return True

    async def _keep_learning(self) -> None:
        while True:
            await self._suspicion.wait()
            self._suspicion.clear()
            try:
                learned = await self._learn()
            except Exception:
                log.exception("topology_failed")  # an answer that is none; it must go on learning
                learned = False
            if not learned:
                self.suspect()
            await asyncio.sleep(LEARN_S)

    async def _learn(self) -> bool:
        """Ask one server after the other for the map, those that are well first; False if none answers."""
        known = sorted(self.servers, key=lambda server: not server.healthy)
        for address in (*(server.address for server in known), self._address):
            with suppress(OSError, TimeoutError):
                async with linked(address) as link:
                    [answer] = await link.exchange([("CLUSTER", "SLOTS")])
                if isinstance(answer, list) and answer:
                    self._arrange(_slots(answer, address))
                    return True
                if isinstance(answer, hiredis.ReplyError) and not str(answer).startswith("LOADING"):
                    self._arrange([(0, REDIS_CLUSTER_HASH_SLOTS, self._address)])
                    return True
        return False

    def _arrange(self, ranges: Sequence[tuple[int, int, Address]]) -> None:
        for start, end, address in ranges:
            self._slots[start:end] = [self._at(address)] * (end - start)
        used = set(self._slots)
        self._only = self._slots[0] if len(used) == 1 else None
        for name, before in list(self._places.items()):
            server = self._places[name] = self.server_of(name)
            if server is not before:
                before.listening.discard(name)
            server.listening.add(name, renewed=True)
        for server in set(self.servers) - used:
            self._leave(server)

    def _leave(self, server: Server) -> None:
        """The server has no slot any more; what it did not take goes to the others."""
        del self._servers[server.address.name]
        server.stop()
        for item in server.lane.leave():
            self.lane_of(item[0]).send(item)
        if server.tasks:
            log.info("valkey_left", server=server.address.name)
            self.recovered()  # something may have been on its way

    def _at(self, address: Address) -> Server:
        server = self._servers.get(address.name)
        if server is None:
            server = self._servers[address.name] = Server(address, self)
            if self._learner is not None:
                server.start()
        return server


async def _settled(waiters: "list[asyncio.Future[None]]", timeout_s: float) -> None:
    """Wait among them. `asyncio.wait` takes 12 us more, and a client that connects waits here once."""
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()
    waiters.append(waiter)
    timer = loop.call_later(timeout_s, _settle, waiter)
    try:
        await waiter
    finally:
        timer.cancel()


def _settle(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


def _key(command: Command) -> bytes:
    key = command[3] if command[0] == "EVAL" else command[1]
    return key if isinstance(key, bytes) else str(key).encode("utf-8", "surrogatepass")


def _slots(answer: list[Any], asked: Address) -> list[tuple[int, int, Address]]:
    """The ranges of `CLUSTER SLOTS`, ends excluded. A server without a host is on the one that was asked."""
    return [
        (start, end + 1, asked.elsewhere((primary[0] or b"").decode(), primary[1]))
        for start, end, primary, *_ in answer
    ]
