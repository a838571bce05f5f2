"""The load generator's process for other products: the crowd of `benchmarks.load`, of visitors instead of users."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec
import uvloop

from benchmarks.jobs import Job
from benchmarks.load import CONNECTING_AT_ONCE, HOST, Crowd, report
from benchmarks.peers.agno_visitor import AgnoVisitor, QueueingVisitor
from benchmarks.peers.chainlit_visitor import ChainlitVisitor
from benchmarks.peers.visitor import Visitor

VISITORS: Final[Mapping[str, type[Visitor]]] = {
    "agno": AgnoVisitor,
    "agno-queue": QueueingVisitor,
    "chainlit": ChainlitVisitor,
}


class PeerJob(Job, frozen=True, kw_only=True):
    """A load on another product; `visitor` is a name of `VISITORS`."""

    visitor: str


class PeerCrowd(Crowd):
    """Connects visitors; when they send and what is measured stays as it is for Netra."""

    def __init__(self, job: PeerJob) -> None:
        super().__init__(job)
        self._visitor = VISITORS[job.visitor]

    async def _connect(self) -> None:
        turns = asyncio.Semaphore(CONNECTING_AT_ONCE)
        address = urlsplit(self._job.url)
        loop = asyncio.get_running_loop()

        def visitor(token: str) -> Visitor:
            return self._visitor(address.netloc, token, completed=self._completed, failed=self._failed.set)

        async def one(token: str) -> None:
            async with turns:
                _, user = await loop.create_connection(lambda: visitor(token), HOST, address.port or 0)
                self._users.append(user)
                await user.ready

        await asyncio.gather(*(one(token) for token in self._job.tokens))


async def work(job: PeerJob) -> None:
    """Do `job`, report, close."""
    crowd = PeerCrowd(job)
    report(await crowd.run())
    crowd.leave()


if __name__ == "__main__":
    uvloop.run(work(msgspec.json.decode(sys.stdin.readline(), type=PeerJob)))
