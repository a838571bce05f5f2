"""The whole HTTP application on a real database, with two users in different tenants and one beside."""

import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest_asyncio

from netra_backend.auth.wiring import create_auth
from netra_backend.domain.ids import Owner, uuid7
from netra_backend.domain.runs import Acceptance, Submission
from netra_backend.events.log import PostgresEventLog
from netra_backend.http.app import create_http
from netra_backend.http.dependencies import HttpDependencies
from netra_backend.observability.metrics import create_metrics
from netra_backend.queue.postgres import PostgresQueue
from netra_backend.settings import Settings
from netra_backend.store.database import Database
from netra_backend.store.postgres import PostgresStore
from netra_backend.store.retries import Retries
from netra_backend.testing.fake_clock import FakeClock
from netra_backend.tests.integration.auth.conftest import CutOffs
from netra_backend.tests.unit.http.conftest import unheard_operations
from netra_backend.tests.unit.observability.conftest import logged

__all__ = ["logged"]

PASSWORD = "correct horse"
BASE = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The application and what is behind it."""

    deps: HttpDependencies
    transport: httpx.ASGITransport
    revoked: list[Owner]

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A client without cookies; `_` in a header's name stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.AsyncClient(transport=self.transport, base_url=BASE, headers=named)

    async def user(self, email: str, tenant: str = "acme", roles: tuple[str, ...] = ()) -> httpx.AsyncClient:
        """A client with the bearer token of a new user."""
        added = await self.deps.auth.users.add(email, tenant=tenant, password=PASSWORD, roles=roles)
        issued = await self.deps.auth.issue(added)
        return self.client(Authorization=f"Bearer {issued.access_token}")

    async def say(self, owner: Owner, text: str, number: int = 1) -> Acceptance:
        """A message of `owner`, stored with its run."""
        return await self.deps.store.accept(
            Submission(owner=owner, client_id=f"c{number}", text=text, thread_id=None)
        )

    async def owner(self, email: str) -> Owner:
        """The names of a user."""
        user = await self.deps.auth.users.find(email)
        assert user is not None
        return user.owner


@pytest_asyncio.fixture
async def site(database: Database, tmp_path: Path) -> AsyncIterator[Site]:
    """Everything real but the feed, which only keeps whose sockets were closed."""
    numbers = itertools.count(1)
    clock, settings, cut_offs = FakeClock(), Settings(data_dir=tmp_path), CutOffs()

    def new_id() -> str:
        return uuid7(1_767_268_800_000, next(numbers))

    async def ready() -> Mapping[str, bool]:
        return {"postgresql": True, "valkey": True}

    store = PostgresStore(
        database,
        clock,
        new_id,
        queue_limit=100,
        committed=lambda _: None,
        queued=lambda: None,
        stopping=lambda _: None,
        took=lambda *_: None,
    )
    log = PostgresEventLog(database, clock, committed=lambda _: None)
    await log.open()
    deps = HttpDependencies(
        settings=settings,
        auth=create_auth(settings, database=database, store=store, feed=cut_offs, clock=clock, new_id=new_id),
        store=store,
        queue=PostgresQueue(database, clock, lease_s=15),
        log=log,
        clock=clock,
        new_id=new_id,
        metrics=create_metrics(),
        operations=unheard_operations(database, log),
        retries=Retries(database, clock, new_id, queue_limit=100, queued=lambda: None),
        readiness=ready,
    )
    transport = httpx.ASGITransport(create_http(deps), raise_app_exceptions=True)
    yield Site(deps=deps, transport=transport, revoked=cut_offs.revoked)
    await store.close()
    await log.close()
