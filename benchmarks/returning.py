"""The crowd of a reconnect storm: connected to one gateway, it comes back to another when that one dies."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from secrets import SystemRandom
from urllib.parse import urlsplit

from benchmarks.guest import Guest, Visit
from benchmarks.jobs import Job, Outcome, Phase, Report

BASE_S, CAP_S = 0.5, 30.0
"""Full jitter, as `docs/protocol.md` asks of clients."""
SPEAKERS = 10
"""Every so manieth guest has just sent a message when the gateway dies."""
MISSED = 5
"""Events that each guest has missed when it comes back: the end of a run."""
SOURCES = 64
CONNECTING_AT_ONCE = 50
"""Before the storm; in the storm there is no such courtesy."""
_luck = SystemRandom().random


class Storm:
    """The guests of one job. `report` takes a line for the benchmark."""

    def __init__(self, job: Job, report: Callable[[Report], None]) -> None:
        self._job = job
        self._report = report
        series = os.urandom(4).hex()
        self._guests = [
            Guest(token, f"{series}-{n}".encode(), says=True) for n, token in enumerate(job.tokens)
        ]
        self._numbers = {id(guest): n for n, guest in enumerate(self._guests)}
        self._visits: dict[int, Visit] = {}
        self._returns: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def run(self) -> Outcome:
        """Do the job, in its time."""
        try:
            async with asyncio.timeout(self._job.patience_s):
                await self._work()
        except TimeoutError:
            back = sum(guest.back_s is not None for guest in self._guests)
            served = sum(guest.served for guest in self._guests)
            text = f"not done in time: {back} came back, {served} served, of {len(self._guests)}"
            return Outcome(wrong=[text, *self._wrong()])
        return Outcome(
            firsts=[guest.back_s for guest in self._guests if guest.back_s is not None],
            wrong=self._wrong(),
            connections=sum(not visit.gone for visit in self._visits.values()),
        )

    def leave(self) -> None:
        """Close every connection."""
        for visit in self._visits.values():
            visit.leave()

    async def _work(self) -> None:
        turns = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def arrive(guest: Guest) -> None:
            async with turns:
                await self._connect(guest, self._job.url)

        await asyncio.gather(*(arrive(guest) for guest in self._guests))
        await self._until(lambda: all(guest.served for guest in self._guests))
        for number, guest in enumerate(self._guests):
            guest.miss(MISSED, says=number % SPEAKERS == 0)
        self._report(Phase("held"))
        await asyncio.to_thread(sys.stdin.readline)
        for visit in self._visits.values():
            visit.speak()
        self._report(Phase("begin"))
        await self._until(lambda: all(guest.back_s is not None and guest.served for guest in self._guests))
        for visit in self._visits.values():
            visit.ping()
        await self._until(lambda: all(guest.head >= 0 for guest in self._guests))
        for guest in self._guests:
            if guest.head > guest.seq:
                guest.wrong.append(f"events {guest.seq + 1} to {guest.head} are lost")

    async def _connect(self, guest: Guest, url: str) -> None:
        address, number = urlsplit(url), self._numbers[id(guest)]
        _, visit = await asyncio.get_running_loop().create_connection(
            lambda: Visit(address.netloc, guest, lost=self._lost, news=self._changed.set),
            address.hostname or "",
            address.port or 0,
            local_addr=(f"127.0.0.{number % SOURCES + 1}", 0),
        )
        self._visits[number] = visit
        await visit.ready

    def _lost(self, guest: Guest) -> None:
        if guest.lost_at is None:
            guest.lost_at = time.perf_counter()
            task = asyncio.create_task(self._return(guest))
            self._returns.add(task)
            task.add_done_callback(self._returns.discard)

    async def _return(self, guest: Guest) -> None:
        tries = 0
        while guest.back_s is None:
            await asyncio.sleep(_luck() * min(BASE_S * 2**tries, CAP_S))
            tries += 1
            try:
                await self._connect(guest, self._job.next_url)
            except OSError:
                continue  # turned away or cut off: again, later

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    def _wrong(self) -> list[str]:
        return [what for guest in self._guests for what in guest.wrong][:20]
