"""A scripted server for each test, and clients whose waiting takes no time."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from netra_client import NetraClient, Options
from netra_client.testing import PATIENCE_S, ScriptedServer, scripted_server


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """A server on a free port."""
    async with scripted_server() as scripted:
        yield scripted


@pytest.fixture
def delays() -> list[float]:
    """The delays that clients asked to wait, in seconds."""
    return []


@pytest.fixture
def options(delays: list[float]) -> Options:
    """No jitter, no waiting, ids 1, 2, 3."""

    async def sleep(delay: float) -> None:
        delays.append(delay)
        await asyncio.sleep(0)

    ids = itertools.count(1)
    return Options(
        random=lambda: 1.0, sleep=sleep, new_id=lambda: str(next(ids)), connect_timeout_s=PATIENCE_S
    )


@pytest.fixture
def client_of(server: ScriptedServer, options: Options) -> Callable[..., NetraClient]:
    """Make a client of the server, with a token unless the test gives another way."""

    def make(**given: Any) -> NetraClient:
        if not {"token", "token_provider", "email"} & given.keys():
            given["token"] = "jwt"
        return NetraClient(server.url, **{"options": options, **given})

    return make
