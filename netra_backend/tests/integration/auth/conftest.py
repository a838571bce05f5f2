"""A real identity service on a real database, with a clock that stands."""

import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from netra_backend.auth.service import Auth
from netra_backend.auth.users import Users
from netra_backend.auth.wiring import create_auth
from netra_backend.domain.ids import Owner, uuid7
from netra_backend.settings import Settings
from netra_backend.store.database import Database
from netra_backend.testing.fake_clock import FakeClock


class CutOffs:
    """Keeps whose sockets were closed and whose runs were stopped."""

    def __init__(self) -> None:
        self.revoked: list[Owner] = []
        self.stopped: list[Owner] = []

    def revoke(self, owner: Owner) -> None:
        """See `Feed.revoke`."""
        self.revoked.append(owner)

    async def stop_all(self, owner: Owner) -> None:
        """See `Store.stop_all`."""
        self.stopped.append(owner)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still."""
    return FakeClock()


@pytest.fixture
def new_id() -> Callable[[], str]:
    """Ids that count up."""
    numbers = itertools.count(1)
    return lambda: uuid7(1_767_268_800_000, next(numbers))


@pytest.fixture
def users(database: Database, new_id: Callable[[], str]) -> Users:
    """The users of an empty database."""
    return Users(database, new_id=new_id)


@pytest.fixture
def cut_offs() -> CutOffs:
    """What was ended."""
    return CutOffs()


@pytest_asyncio.fixture
async def auth(
    database: Database, clock: FakeClock, new_id: Callable[[], str], cut_offs: CutOffs, tmp_path: Path
) -> AsyncIterator[Auth]:
    """The service, with default settings."""
    service = create_auth(
        Settings(data_dir=tmp_path),
        database=database,
        store=cut_offs,
        feed=cut_offs,
        clock=clock,
        new_id=new_id,
    )
    yield service
    await service.close()
