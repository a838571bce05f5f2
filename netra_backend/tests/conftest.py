"""Real PostgreSQL (5434) and Valkey (6381) for all tests, a database of its own for each test."""

import asyncio
import fcntl
import itertools
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from netra_backend.app import Core, core
from netra_backend.embedded import EmbeddedPostgres, EmbeddedValkey
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.store.database import Database
from netra_backend.store.schema import upgrade
from netra_backend.tests.legacy_subject import started
from netra_backend.tests.outcomes import Comparison, Fails, comparison, difference, expected, phase
from netra_backend.tests.subject import Subject
from netra_backend.tests.valkey_servers import ValkeyCluster

POSTGRES_PORT = 5434
VALKEY_PORT = 6381
TEMPLATE = "netra_template"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Servers:
    """The servers of a test session; `owner_url` and `app_url` lack the database's name."""

    owner_url: str
    app_url: str
    valkey_url: str


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Both servers, started once, with a template database that has the schema."""
    folder = tmp_path_factory.mktemp("stores")
    with asyncio.Runner() as runner:
        with _one_session_at_a_time():
            postgres = EmbeddedPostgres(folder / "postgres", port=_if_free(POSTGRES_PORT))
            valkey = EmbeddedValkey(folder / "valkey", port=_if_free(VALKEY_PORT))
            address = runner.run(postgres.start())
            valkey_url = runner.run(valkey.start()).url
        try:
            owner_url, app_url = _base(address.owner_url), _base(address.app_url)
            runner.run(_make_template(owner_url))
            yield Servers(owner_url, app_url, valkey_url)
        finally:
            runner.run(valkey.stop())
            runner.run(postgres.stop())


@pytest.fixture(scope="session")
def valkey_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyCluster]:
    """A Valkey Cluster for all tests that leave it as they found it."""
    servers = ValkeyCluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield asyncio.run(servers.start())
    finally:
        servers.kill()


@pytest.fixture
async def addresses(servers: Servers) -> AsyncIterator[Addresses]:
    """A database of this test alone, with the schema, and the shared Valkey."""
    async with new_database(servers) as made:
        yield made


@asynccontextmanager
async def new_database(servers: Servers) -> AsyncIterator[Addresses]:
    """A database with the schema, dropped afterwards, and the shared Valkey."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    admin = await asyncpg.connect(f"{servers.owner_url}/postgres")
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        yield Addresses(
            app_url=f"{servers.app_url}/{name}",
            owner_url=f"{servers.owner_url}/{name}",
            valkey_url=servers.valkey_url,
        )
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
def database_url(addresses: Addresses) -> str:
    """The test's database as the schema's owner."""
    return addresses.owner_url


@pytest.fixture
async def database(addresses: Addresses) -> AsyncIterator[Database]:
    """The test's database under the application role."""
    opened = Database(addresses.app_url, size=5)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Defaults, with everything in the test's folder."""
    return Settings(data_dir=tmp_path, port=0)


@pytest.fixture
async def parts(settings: Settings, addresses: Addresses) -> AsyncIterator[Core]:
    """All real adapters on the test's stores."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    async with core(settings, addresses) as opened:
        yield opened


@contextmanager
def _one_session_at_a_time() -> Iterator[None]:
    """Sessions that start together take turns, so that only one of them finds the ports free."""
    lock = Path(tempfile.gettempdir()) / f"netra-tests-{os.geteuid()}.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _if_free(port: int) -> int | None:
    """The port, or None (any other) while another session of these tests has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return None
    return port


def _base(url: str) -> str:
    return url.rpartition("/")[0]


async def _make_template(owner_url: str) -> None:
    admin = await asyncpg.connect(f"{owner_url}/postgres")
    try:
        # Thrown away after the session, so nothing needs to survive a power cut: a third of the time.
        await admin.execute("ALTER SYSTEM SET fsync = off")
        await admin.execute("SELECT pg_reload_conf()")
        await admin.execute(f"CREATE DATABASE {TEMPLATE}")
    finally:
        await admin.close()
    await upgrade(f"{owner_url}/{TEMPLATE}")


@pytest.fixture
async def subject(settings: Settings, addresses: Addresses) -> AsyncIterator[Subject]:
    """The application under test: that of the phase."""
    async with started(phase(), settings, addresses) as running_subject:
        yield running_subject


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Compare what a test did with what it says that it does in this phase; see `outcomes`."""
    report = yield
    wanted = expected(getattr(item, "function", None), phase())
    ends_here = report.when == "call" or (report.when == "setup" and report.failed)
    if comparison() is None or wanted is None or not ends_here:
        return report
    failure = call.excinfo.exconly() if call.excinfo is not None else None
    differs = difference(wanted, failure)
    report.user_properties += [
        ("phase", phase().value),
        ("expected", type(wanted).__name__.lower()),
        ("reason", wanted.reason if isinstance(wanted, Fails) else ""),
        ("met", str(differs is None).lower()),
    ]
    if comparison() is Comparison.COMPARE:
        report.outcome = "passed" if differs is None else "failed"
        report.longrepr = differs
    return report
