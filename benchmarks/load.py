"""The load generator's process: reads one job from standard input, reports on standard output.

It shares the machine with the server, so that it does as little as it can for each frame.
"""

import asyncio
import os
import sys
import time
from urllib.parse import urlsplit

import msgspec
import uvloop

from benchmarks.jobs import Job, Outcome, Phase, Report
from benchmarks.returning import Storm
from benchmarks.user import Run, User

HOST = "127.0.0.1"
CONNECTING_AT_ONCE = 50
SOURCES = 64
"""Loopback addresses that connections come from, so that ports do not run out."""
SPIN_S = 0.0015
"""A timer of uvloop is exact to a millisecond: the last bit is waited for in the loop itself."""
GOLDEN = 0.6180339887498949
"""Multiples of it, modulo 1, spread evenly without a rhythm: arrivals are irregular and the same each time."""


class Crowd:
    """The users of one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._users: list[User] = []
        self._started = 0
        self._ended = 0
        self._began = 0.0
        self._measured: list[Run] = []
        self._late = 0.0
        self._series = os.urandom(4).hex().encode() + b"-"
        self._settled = asyncio.Event()
        self._failed = asyncio.Event()

    async def run(self) -> Outcome:
        """Do the job; anything that goes wrong ends it at once."""
        work = asyncio.create_task(self._work())
        failed = asyncio.create_task(self._failed.wait())
        done, left = await asyncio.wait(
            (work, failed), timeout=self._job.patience_s, return_when=asyncio.FIRST_COMPLETED
        )
        for task in left:
            task.cancel()
        await asyncio.wait((work, failed))
        if not done:
            return Outcome(wrong=[self._unfinished(), *self._wrong()])
        if failed in done:
            return Outcome(wrong=self._wrong())
        work.result()
        return self._outcome()

    async def _work(self) -> None:
        await self._connect()
        await {"closed": self._closed, "paced": self._paced, "idle": self._idle}[self._job.mode]()

    async def _connect(self) -> None:
        turns = asyncio.Semaphore(CONNECTING_AT_ONCE)
        address = urlsplit(self._job.url)
        loop = asyncio.get_running_loop()

        async def one(number: int, token: str) -> User:
            async with turns:
                _, user = await loop.create_connection(
                    lambda: User(
                        address.netloc,
                        token,
                        completed=self._completed,
                        failed=self._failed.set,
                        series=self._series,
                        verify_every=self._job.verify_every,
                    ),
                    address.hostname or HOST,
                    address.port or 0,
                    local_addr=(f"127.0.0.{number % SOURCES + 1}", 0),
                )
                self._users.append(user)
                await user.ready
                return user

        await asyncio.gather(*(one(number, token) for number, token in enumerate(self._job.tokens)))

    async def _closed(self) -> None:
        for user in self._users:
            self._next(user)
        await self._settled.wait()

    async def _paced(self) -> None:
        """Times are fixed before the first message: a slow answer delays no later message."""
        count, interval = len(self._users), self._job.interval_s
        total = self._job.warmup + self._job.runs
        begin = time.perf_counter() + 0.2
        due = sorted(
            (begin + (turn + ((turn * count + number) * GOLDEN) % 1.0) * interval, number)
            for turn in range(total // count)
            for number in range(count)
        )
        for when, number in due:
            await _until(when)
            self._late = max(self._late, time.perf_counter() - when)
            self._started += 1
            self._users[number].say(when)
        await self._settled.wait()

    async def _idle(self) -> None:
        report(Phase("held"))
        await asyncio.to_thread(sys.stdin.readline)
        for user in self._users:
            user.ping()
        await asyncio.gather(*(user.pong for user in self._users))
        report(Phase("answered"))

    def _next(self, user: User) -> None:
        if self._started < self._job.warmup + self._job.runs + len(self._users):
            self._started += 1
            user.say(time.perf_counter())

    def _completed(self, user: User, run: Run) -> None:
        self._ended += 1
        job = self._job
        if self._ended == max(job.warmup, 1):
            report(Phase("begin"))
            self._began = time.perf_counter()
        elif job.warmup < self._ended <= job.warmup + job.runs:
            self._measured.append(run)
        if self._ended == job.warmup + job.runs:
            report(Phase("end"))
        elif job.mode == "closed":
            self._next(user)
        if self._ended == self._started >= job.warmup + job.runs:
            self._settled.set()

    def _unfinished(self) -> str:
        connected = sum(user.ready.done() for user in self._users)
        return (
            f"not done after {self._job.patience_s:.0f} s: {connected} of {len(self._job.tokens)} connected, "
            f"{self._ended} of {self._started} runs ended"
        )

    def _wrong(self) -> list[str]:
        return [what for user in self._users for what in user.wrong][:20]

    def _outcome(self) -> Outcome:
        runs = self._measured
        frames = sum(user.frames - 1 for user in self._users)  # without `connected`
        alive = sum(not user.gone for user in self._users)
        return Outcome(
            elapsed_s=max((run.completed for run in runs), default=0.0) - self._began,
            firsts=[run.started - run.due for run in runs],
            wholes=[run.completed - run.due for run in runs],
            late_s=self._late,
            frames=frames / max(self._ended, 1),
            verified=sum(user.verified for user in self._users),
            wrong=self._wrong(),
            connections=alive,
        )

    def leave(self) -> None:
        """Close every connection."""
        for user in self._users:
            user.leave()


async def _until(when: float) -> None:
    wait = when - time.perf_counter() - SPIN_S
    if wait > 0:
        await asyncio.sleep(wait)
    while time.perf_counter() < when:  # noqa: ASYNC110 - no event tells the time
        await asyncio.sleep(0)


def report(what: Report) -> None:
    """One line for the benchmark."""
    print(msgspec.json.encode(what).decode(), flush=True)


async def work(job: Job) -> None:
    """Do `job`, report, close."""
    crowd = Storm(job, report) if job.mode == "storm" else Crowd(job)
    report(await crowd.run())
    crowd.leave()


def main() -> None:
    """Read the job and do it."""
    job = msgspec.json.decode(sys.stdin.readline(), type=Job)
    uvloop.run(work(job))


if __name__ == "__main__":
    main()
