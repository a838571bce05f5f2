"""Commands to Valkey, each to the server that has its key; never waited for and never raising.

Commands of one owner keep their order, for an owner's keys and channel share one slot. What cannot
be delivered is dropped and counted as doubt: PostgreSQL holds the truth.
"""

import asyncio
from typing import Any

from netra_backend.events.lane import Item, Lane, Reply
from netra_backend.events.link import PATIENCE_S
from netra_backend.events.topology import Topology


class Outlet:
    """See the module."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    @property
    def lost(self) -> int:
        """Commands that were lost since all was well."""
        return sum(server.lane.lost for server in self._topology.servers)

    @property
    def waiting(self) -> int:
        """Commands that were not sent yet."""
        return sum(server.lane.waiting for server in self._topology.servers)

    def send(self, *command: Any, reply: Reply | None = None) -> None:
        """Queue a command; `reply` gets its answer, if one comes."""
        self._topology.lane_of(command).send((command, reply, None, 0))

    def send_once(self, *command: Any) -> None:
        """Queue a command unless the same one is waiting already."""
        self._topology.lane_of(command).send_once(command)

    async def ask(self, *command: Any) -> Any:
        """The answer to a command, in its turn; None if there is none in time."""
        return await _answer(self._topology.lane_of(command), command)

    async def answers(self) -> bool:
        """Whether every server answers just now."""
        lanes = [server.lane for server in self._topology.servers]
        return None not in await asyncio.gather(*(_answer(lane, ("PING",)) for lane in lanes))

    async def settle(self) -> None:
        """Wait until everything queued was answered or dropped."""
        while busy := [server.lane for server in self._topology.servers if not server.lane.idle]:
            for lane in busy:
                await lane.settle()


async def _answer(lane: Lane, command: tuple[Any, ...]) -> Any:
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def answered(value: Any = None) -> None:
        if not answer.done():
            answer.set_result(value)

    item: Item = (command, answered, answered, 0)
    lane.send(item)
    await asyncio.wait([answer], timeout=PATIENCE_S)
    return answer.result() if answer.done() else None
