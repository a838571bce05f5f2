"""The HTTP application without stores: what it answers when the database is away."""

import itertools
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from netra_backend.auth.wiring import create_auth
from netra_backend.domain.ids import uuid7
from netra_backend.events.enquiry import Enquiry, ProcessName
from netra_backend.events.feed import ValkeyFeed
from netra_backend.events.link import Address
from netra_backend.events.log import PostgresEventLog
from netra_backend.events.operations import Operations
from netra_backend.http.app import create_http
from netra_backend.http.dependencies import HttpDependencies
from netra_backend.observability.figures import Figures
from netra_backend.observability.metrics import create_metrics
from netra_backend.observability.trace import Trace
from netra_backend.queue.postgres import PostgresQueue
from netra_backend.settings import Settings
from netra_backend.store.database import Database
from netra_backend.store.postgres import PostgresStore
from netra_backend.store.retries import Retries
from netra_backend.testing.fake_clock import FakeClock
from netra_backend.tests.integration.auth.conftest import CutOffs
from netra_backend.tests.unit.observability.conftest import logged

__all__ = ["logged"]


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """The folder of the page; empty."""
    return tmp_path / "static"


@pytest.fixture
def readiness() -> dict[str, bool]:
    """What the stores say; tests change it."""
    return {"postgresql": True, "valkey": True}


@pytest.fixture
def deps(tmp_path: Path, static: Path, readiness: dict[str, bool]) -> HttpDependencies:
    """Real adapters on a database that was never opened."""
    numbers = itertools.count(1)
    database, clock, settings = Database("postgresql://nowhere"), FakeClock(), Settings(data_dir=tmp_path)

    async def ready() -> Mapping[str, bool]:
        return readiness

    def new_id() -> str:
        return uuid7(1_767_268_800_000, next(numbers))

    store = PostgresStore(
        database,
        clock,
        new_id,
        queue_limit=1,
        committed=lambda _: None,
        queued=lambda: None,
        stopping=lambda _: None,
        took=lambda *_: None,
    )
    cut_offs, log = CutOffs(), PostgresEventLog(database, clock, committed=lambda _: None)
    return HttpDependencies(
        settings=settings,
        auth=create_auth(
            settings, database=database, store=cut_offs, feed=cut_offs, clock=clock, new_id=new_id
        ),
        store=store,
        queue=PostgresQueue(database, clock, lease_s=15),
        log=log,
        clock=clock,
        new_id=new_id,
        metrics=create_metrics(),
        operations=unheard_operations(database, log),
        retries=Retries(database, clock, new_id, queue_limit=100, queued=lambda: None),
        readiness=ready,
        static=static,
    )


def unheard_operations(database: Database, log: PostgresEventLog) -> Operations:
    """What operators may ask, in a process that cannot ask another: its feed was never opened."""
    feed = ValkeyFeed(Address(), origin="0" * 32)
    process = ProcessName(id="this", host="here", pid=1)
    return Operations(
        database, log, Enquiry(feed, process=process), Trace(lambda: 0.0, entries=100), Figures(lambda: 0.0)
    )


@pytest_asyncio.fixture
async def client(deps: HttpDependencies) -> AsyncIterator[httpx.AsyncClient]:
    """A browser-less client on this machine."""
    transport = httpx.ASGITransport(create_http(deps), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as opened:
        yield opened
