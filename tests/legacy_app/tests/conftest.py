"""The service on real stores: those of CHAT_DATABASE_URL and CHAT_REDIS_URL, or servers of the tests' own."""

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from websockets.asyncio.client import connect

from chat.main import running
from chat.runtime import Runtime
from chat.serving import serving
from chat.settings import Settings
from netra_backend.embedded import EmbeddedPostgres, EmbeddedValkey

PATIENCE_S = 10.0
PASSWORD = "correct horse battery"


Stores = tuple[str, str, str]
"""Addresses as the schema's owner, as the application, and of Redis; without the database's name."""


@asynccontextmanager
async def own_stores(folder: Path) -> AsyncIterator[Stores]:
    """Those of the environment, or servers of the tests' own."""
    if "CHAT_DATABASE_URL" in os.environ:
        owner = os.environ["CHAT_DATABASE_URL"]
        app = os.environ.get("CHAT_APP_DATABASE_URL", owner)
        yield owner.rpartition("/")[0], app.rpartition("/")[0], os.environ["CHAT_REDIS_URL"]
        return
    postgres, valkey = EmbeddedPostgres(folder / "postgres"), EmbeddedValkey(folder / "valkey")
    address = await postgres.start()
    url = (await valkey.start()).url
    try:
        yield address.owner_url.rpartition("/")[0], address.app_url.rpartition("/")[0], url
    finally:
        await valkey.stop()
        await postgres.stop()


@asynccontextmanager
async def new_settings(stores: Stores, folder: Path) -> AsyncIterator[Settings]:
    """A database that is dropped afterwards."""
    owner, app, redis_url = stores
    name = f"chat_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(f"{owner}/postgres")
    await admin.execute(f"CREATE DATABASE {name}")
    try:
        yield Settings(
            database_url=f"{owner}/{name}",
            app_database_url=f"{app}/{name}",
            redis_url=redis_url,
            data_dir=folder,
        )
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """One set for all tests."""
    with asyncio.Runner() as runner:
        opened = own_stores(tmp_path_factory.mktemp("stores"))
        yield runner.run(opened.__aenter__())
        runner.run(opened.__aexit__(None, None, None))


@pytest.fixture
async def settings(stores: Stores, tmp_path: Path) -> AsyncIterator[Settings]:
    """A database of this test alone, and few messages a day."""
    async with new_settings(stores, tmp_path) as made:
        yield replace(made, daily_messages=3)


@dataclass
class Browser:
    """A socket of a user, and what came over it."""

    socket: Any
    frames: list[dict[str, Any]]

    async def send(self, kind: str, payload: dict[str, Any], **fields: Any) -> None:
        """Send a frame."""
        await self.socket.send(
            json.dumps({"type": kind, "id": uuid.uuid4().hex, "payload": payload, **fields})
        )

    async def until(self, kind: str) -> dict[str, Any]:
        """The next frame of a type."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame: dict[str, Any] = json.loads(await self.socket.recv())
                self.frames.append(frame)
                if frame["type"] == kind:
                    return frame


@dataclass
class Service:
    """The running service, seen from outside and inside."""

    url: str
    runtime: Runtime

    async def login(self) -> str:
        """A new user's token, by the login that people use."""
        email = f"{uuid.uuid4().hex}@example.com"
        await self.runtime.netra.auth.users.add(email, tenant="acme", password=PASSWORD)
        async with httpx.AsyncClient(base_url=self.url) as client:
            answer = await client.post("/auth/login", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    @asynccontextmanager
    async def browser(self, token: str) -> AsyncIterator[Browser]:
        """A socket with that token."""
        address = self.url.replace("http", "ws", 1) + "/ws"
        async with connect(address, additional_headers={"Authorization": f"Bearer {token}"}) as socket:
            browser = Browser(socket, [])
            await browser.until("connected")
            yield browser

    async def request(self, token: str, method: str, path: str, **options: Any) -> Any:
        """The JSON of an answer."""
        async with httpx.AsyncClient(base_url=self.url) as client:
            answer = await client.request(
                method, path, headers={"Authorization": f"Bearer {token}"}, **options
            )
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def said(self) -> list[str]:
        """All texts that are stored, in either set of tables."""
        rows = await self.runtime.pool.fetch(
            "SELECT content FROM chat.messages UNION ALL SELECT content FROM public.messages"
        )
        return sorted(row["content"] for row in rows)

    async def until_said(self, text: str) -> None:
        """Wait until a text is stored."""
        async with asyncio.timeout(PATIENCE_S):
            while text not in await self.said():
                await asyncio.sleep(0.02)


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    """The service, served on a free port."""
    async with running(settings) as (runtime, app), serving(app, "127.0.0.1", 0) as server:
        yield Service(server.url, runtime)
