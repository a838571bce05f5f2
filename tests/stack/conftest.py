"""One stack of two gateways and two workers for all tests here; each leaves it whole."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from netra_backend.administration import add_user, issue_token
from netra_backend.stack.local import LocalStack

NewToken = Callable[[], Awaitable[str]]
"""Makes a user whom no other test has; returns an access token."""

ENVIRON = {"NETRA_DRAIN_S": "2", "NETRA_LEASE_S": "3", "NETRA_POLL_S": "0.2"}

_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(
    tmp_path_factory: pytest.TempPathFactory, copy_data: Callable[[Path], Path]
) -> AsyncIterator[LocalStack]:
    """Two gateways and two workers with the demo agent."""
    folder = tmp_path_factory.mktemp("stack")
    async with LocalStack(data_dir=copy_data(folder), environ=ENVIRON, cwd=folder) as running:
        yield running


@pytest.fixture
def new_token(stack: LocalStack) -> NewToken:
    """Users of the stack."""

    async def make() -> str:
        email = f"stack{next(_numbers)}@example.com"
        settings = stack.settings()
        await add_user(settings, email, tenant="acme", password="correct horse battery", roles=[])
        return await issue_token(settings, email)

    return make
