"""Runs a product's server and the load on it, and reads the meters. Ends everything that it started."""

import asyncio
import contextlib
import re
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import asyncpg
import httpx
import msgspec
import psutil

from benchmarks.jobs import Job, Outcome
from benchmarks.peers.comparison import Row
from benchmarks.peers.load import PeerJob
from benchmarks.peers.products import APPS, LOCK, PASSWORD, Product
from benchmarks.percentiles import Spread
from benchmarks.processes import ROOT, BenchmarkError, Load, Server, checked, environment, server

LINE_BYTES: Final = 64 * 1024 * 1024
STILL_S: Final = 3.0
"""A store that got nothing new for so long gets nothing more of this load."""
POLL_S: Final = 0.1
END_S: Final = 10.0
LOGINS_AT_ONCE: Final = 10


class Scale(NamedTuple):
    """How much is measured: runs before the measurement, and in it."""

    users: int
    warmup: int
    runs: int

    @property
    def total(self) -> int:
        """Runs that are started: one more a user, so that the load is full to the end of the measurement."""
        return self.warmup + self.runs + self.users


class Measured(NamedTuple):
    """An outcome, and seconds of processor time that the server and the store spent on it."""

    outcome: Outcome
    server_s: float
    store_s: float


async def measure(product: Product, owner_url: str, scales: tuple[Scale, ...]) -> list[Row]:
    """The product under each load, on one server with a database of its own.

    Args:
        product: which.
        owner_url: of a PostgreSQL server in which databases may be made.
        scales: the loads, one after the other.

    Raises:
        BenchmarkError: it does not start, or something that it did was wrong.
    """
    database = await _database(product, owner_url)
    rows: list[Row] = []
    answers = 0
    with tempfile.TemporaryDirectory(prefix="netra-peer-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        env = product.environ(database=database, port=_free_port(), home=home)
        async with server(product.command, cwd=home, env=env) as running:
            tokens = await _tokens(product, running.url, max(scale.users for scale in scales))
            for scale in scales:
                job = _job(product, running, tokens, scale)
                found = await metered(running, job, "benchmarks.peers.load")
                answers += scale.total
                stored, behind = await _settled(product, database, answers)
                rows.append(_row(product, scale, found, stored=stored / answers, behind=behind))
    return rows


async def _database(product: Product, owner_url: str) -> str:
    """A new database; its address."""
    connection = await asyncpg.connect(owner_url)
    await connection.execute(f'create database "{product.key}"')
    await connection.close()
    address = urlsplit(owner_url)._replace(path=f"/{product.key}").geturl()
    if product.schema:
        connection = await asyncpg.connect(address)
        await connection.execute((APPS / product.schema).read_text(encoding="utf-8"))
        await connection.close()
    return address


async def _tokens(product: Product, url: str, count: int) -> list[str]:
    """What each user shows: a name, or the cookie of a login."""
    names = [f"person-{number}" for number in range(count)]
    if not product.login:
        return names
    turns = asyncio.Semaphore(LOGINS_AT_ONCE)

    async def one(name: str) -> str:
        async with turns, httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
            answer = await client.post("/login", data={"username": name, "password": PASSWORD})
            if answer.is_error:
                raise BenchmarkError(f"{product.name} refused a login with {answer.status_code}.")
            return "; ".join(f"{key}={value}" for key, value in client.cookies.items())

    return list(await asyncio.gather(*(one(name) for name in names)))


def _job(product: Product, running: Server, tokens: list[str], scale: Scale) -> Job:
    return PeerJob(
        mode="closed",
        url=running.url,
        tokens=tokens[: scale.users],
        warmup=scale.warmup,
        runs=scale.runs,
        visitor=product.visitor,
    )


async def metered(running: Server, job: Job, generator: str) -> Measured:
    """Run `job` by the module `generator`; also what the processes spent while it was measured."""
    async with _generating(job, generator) as load:
        if not await load.until("begin"):
            checked(load.outcome)
        before = _meters(running)
        if not await load.until("end"):
            checked(load.outcome)
        after = _meters(running)
        _stays_here(running)
        await load.until(None)
        outcome = checked(load.outcome)
    return Measured(outcome, after[0] - before[0], after[1] - before[1])


@asynccontextmanager
async def _generating(job: Job, module: str) -> AsyncIterator[Load]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module),
        cwd=ROOT,
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=LINE_BYTES,
        start_new_session=True,  # a Ctrl-C reaches the benchmark only, which ends its processes in order
    )
    assert process.stdin is not None
    try:
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        await process.stdin.drain()
        yield Load(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.communicate(), END_S)


def _meters(running: Server) -> tuple[float, float]:
    """Seconds of the server, and of the stores: those that it started, and those that this process did."""
    spent: Mapping[str, float] = running.cpu()
    store = sum(seconds for kind, seconds in spent.items() if kind in ("postgres", "valkey"))
    return spent["server"] + spent.get("other children", 0.0), store + _own_postgres(running.process.pid)


def _own_postgres(server_pid: int) -> float:
    """Its first process also knows what connections spent that are closed by now."""
    total = 0.0
    for child in psutil.Process().children():
        if child.pid != server_pid and child.name().startswith("postgres"):
            for each in (child, *child.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += sum(each.cpu_times()[:4])
    return total


def _stays_here(running: Server) -> None:
    """A product that talks to anybody beyond this machine is not measured: its telemetry is not off."""
    for connection in psutil.Process(running.process.pid).net_connections("inet"):
        address = connection.raddr
        if len(address) and not str(address[0]).startswith("127."):
            raise BenchmarkError(f"The server is connected to {address[0]}; only this machine is meant.")


async def _settled(product: Product, database: str, wanted: int) -> tuple[int, float]:
    """How many answers are stored in the end, and how many seconds after the load the last of them came."""
    loop = asyncio.get_running_loop()
    began = changed = loop.time()
    connection = await asyncpg.connect(database)
    stored, behind = int(await connection.fetchval(product.answers)), 0.0
    while stored < wanted and loop.time() - changed < STILL_S:
        await asyncio.sleep(POLL_S)
        now = int(await connection.fetchval(product.answers))
        if now > stored:
            stored, changed = now, loop.time()
            behind = changed - began
    await connection.close()
    return stored, behind


def _row(product: Product, scale: Scale, found: Measured, *, stored: float, behind: float) -> Row:
    return row_of(
        found,
        scale,
        product=product.name,
        version=_version(product.package),
        durable=product.durable,
        lacks=list(product.lacks),
        stored=stored,
        behind_s=behind,
    )


def row_of(
    found: Measured, scale: Scale, *, stored: float = 1.0, behind_s: float = 0.0, **facts: object
) -> Row:
    """The figures of one load beside the facts of its product.

    Args:
        found: what was measured.
        scale: the load.
        stored: share of the answers that were stored in the end.
        behind_s: seconds from the last answer to its write; the measured runs bear their part of it.
        facts: the other fields of the row.
    """
    outcome, spread = found.outcome, Spread.of(found.outcome.wholes)
    figures = {
        "users": scale.users,
        "runs": scale.runs,
        "runs_per_second": scale.runs / outcome.elapsed_s,
        "durable_per_second": stored * scale.runs / (outcome.elapsed_s + behind_s * scale.runs / scale.total),
        "stored": stored,
        "behind_s": behind_s,
        "p50_ms": spread.p50,
        "p99_ms": spread.p99,
        "frames": outcome.frames,
        "server_us": found.server_s / scale.runs * 1e6,
        "store_us": found.store_s / scale.runs * 1e6,
    }
    return msgspec.convert(figures | facts, Row)


def _version(package: str) -> str:
    found = re.search(rf"^{package}==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else "of unknown version"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
