"""Starts and ends the processes that are measured, and reads their meters. Ends no process of anybody else."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil

from benchmarks.jobs import Job, Outcome, Phase, Report

ROOT = Path(__file__).parent.parent
READY_S = 90.0
END_S = 30.0
LINE_BYTES = 64 * 1024 * 1024
"""The load generator's report is one line."""
TAIL = 20
"""Last lines of output that are shown when a process does not start."""


class BenchmarkError(Exception):
    """The benchmark cannot be done; the message says why."""


@dataclass(slots=True)
class Server:
    """A server under test."""

    process: asyncio.subprocess.Process
    url: str
    ready_s: float

    @property
    def socket_url(self) -> str:
        """Where its WebSocket is."""
        return self.url.replace("http://", "ws://", 1) + "/ws"

    def memory(self) -> tuple[int, int]:
        """RSS and PSS in bytes."""
        full = psutil.Process(self.process.pid).memory_full_info()
        return full.rss, full.pss

    def cpu(self) -> dict[str, float]:
        """Seconds of processor time so far, user and system, by kind of process."""
        own = psutil.Process(self.process.pid)
        spent: dict[str, float] = {"server": _cpu(own)}
        for child in own.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                name = child.name()
                kind = next(
                    (kind for kind in ("postgres", "valkey") if name.startswith(kind)), "other children"
                )
                spent[kind] = spent.get(kind, 0.0) + _cpu(child)
        return spent

    def signal(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def machine_busy() -> float:
    """Seconds of processor time that the whole machine has spent so far."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)


@contextlib.asynccontextmanager
async def server(command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> AsyncIterator[Server]:
    """Run a server that says `{"event": "ready", "url": …}`, ended with this block.

    Raises:
        BenchmarkError: it does not become ready.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with _process(command, cwd=cwd, env=env) as process:
        seen: list[str] = []
        try:
            async with asyncio.timeout(READY_S):
                url = await _ready(process, seen)
        except TimeoutError:
            raise BenchmarkError(f"{command[-1]} was not ready in {READY_S:.0f} s.") from None
        started = Server(process, url, loop.time() - began)
        draining = asyncio.create_task(_discard(process))
        try:
            yield started
        finally:
            draining.cancel()
            await asyncio.wait([draining])


async def _ready(process: asyncio.subprocess.Process, seen: list[str]) -> str:
    assert process.stdout is not None
    async for line in process.stdout:
        seen.append(line.decode(errors="replace").rstrip())
        with contextlib.suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict) and said.get("event") == "ready":
                return str(said["url"])
    raise BenchmarkError("The server ended before it was ready:\n" + "\n".join(seen[-TAIL:]))


async def _discard(process: asyncio.subprocess.Process) -> None:
    """Read on, so that a server that logs does not block."""
    assert process.stdout is not None
    while await process.stdout.read(65536):
        continue


@contextlib.asynccontextmanager
async def _process(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=dict(env),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=LINE_BYTES,
        start_new_session=True,  # a Ctrl-C reaches the benchmark only, which ends its processes in order
    )
    try:
        yield process
    finally:
        await asyncio.shield(_end(process))


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.communicate(), END_S)
    except TimeoutError:
        process.kill()
        await process.communicate()


def environment() -> dict[str, str]:
    """The environment of the processes: this one's, without settings of Netra, so that defaults are measured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NETRA_")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


class Load:
    """A running load generator: its phases in order, then its outcome."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.outcome = Outcome()

    async def until(self, name: str | None) -> bool:
        """Wait for the phase of that name, or (None) for the outcome; False if the outcome came first."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if not line.startswith(b"{"):
                raise BenchmarkError("The load generator failed: " + (line + await self._rest()).decode())
            said: Report = msgspec.json.decode(line, type=Report)
            if isinstance(said, Outcome):
                self.outcome = said
                return name is None
            if said == Phase(said.name) and said.name == name:
                return True
        raise BenchmarkError("The load generator ended without a report.")

    async def go_on(self) -> None:
        """Let an idle load ask for its pings."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        return _cpu(psutil.Process(self._process.pid))

    async def _rest(self) -> bytes:
        assert self._process.stdout is not None
        return await self._process.stdout.read(8192)


@contextlib.asynccontextmanager
async def load(job: Job) -> AsyncIterator[Load]:
    """Start a load, ended with this block."""
    async with _process([sys.executable, "-m", "benchmarks.load"], cwd=ROOT, env=environment()) as process:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        await process.stdin.drain()
        yield Load(process)


def checked(outcome: Outcome) -> Outcome:
    """The outcome of a load that may be counted.

    Raises:
        BenchmarkError: something was wrong, so no figure of it counts.
    """
    if outcome.wrong:
        raise BenchmarkError("Void, because of wrong results: " + "; ".join(outcome.wrong[:5]))
    return outcome
