"""Starts the application of each phase, and answers the suites' questions for the legacy one.

Nothing is imitated: the legacy application runs with its own handlers on real PostgreSQL and Valkey, and
what it stores is read from its own tables. Accounts and login are Netra's in every phase.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from netra_backend.domain.ids import Owner
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.testing.client import Client, Frame
from netra_backend.testing.server import RunningServer
from netra_backend.tests import sample_app
from netra_backend.tests.bridge import bridged_service
from netra_backend.tests.outcomes import Phase
from netra_backend.tests.subject import Account, Canonical, LostWorker, Row, Stored, Subject, canonical

LEGACY_PATIENCE_S = 3.0
"""Seconds until a frame that the legacy application never sends is reported as such; its agents take
milliseconds."""


class LegacyClient(Client):
    """Says what came instead when a frame does not come."""

    async def until(self, wanted: Callable[[Frame], bool]) -> Frame:
        """See `Client.until`."""
        for seen in self.frames:
            if wanted(seen):
                return seen
        try:
            async with asyncio.timeout(LEGACY_PATIENCE_S):
                while True:
                    frame: Frame = json.loads(await self.socket.recv())
                    self.frames.append(frame)
                    if wanted(frame):
                        return frame
        except (TimeoutError, ConnectionClosed):
            came = ", ".join(each["type"] for each in self.frames)
            raise AssertionError(f"The frame never came; there came only: {came}.") from None


class Legacy(Canonical):
    """The legacy application. What it does not have (runs, events, tenants) is not there."""

    def __init__(self, server: RunningServer, addresses: Addresses) -> None:
        super().__init__(server, addresses)
        self._accounts: dict[str, Owner] = {}

    async def account(self, *, tenant: str = "acme", roles: Collection[str] = ()) -> Account:
        """See `Subject`."""
        account = await super().account(tenant=tenant, roles=roles)
        self._accounts[account.owner.user_id] = account.owner
        return account

    @asynccontextmanager
    async def connect(self, account: Account) -> AsyncIterator[Client]:
        """See `Subject`."""
        address = self.url.replace("http", "ws", 1) + "/ws"
        async with connect(address, additional_headers=account.bearer, max_size=None) as socket:
            client = LegacyClient(socket)
            await client.until(lambda frame: frame["type"] == "connected")
            yield client

    async def stored(self, account: Account) -> Stored:
        """See `Subject`."""
        rows = await self.rows(
            "SELECT messages.id::text, thread_id::text, run_id::text, role, content,"
            " NULL AS client_id, row_number() OVER (ORDER BY messages.created_at) AS seq"
            " FROM chat.messages JOIN chat.threads ON threads.id = thread_id"
            " WHERE user_id = $1 ORDER BY messages.created_at",
            account.owner.user_id,
        )
        return Stored(messages=rows, runs=_runs(rows), events=[], head=0)

    def listening(self) -> Collection[Owner]:
        """See `Subject`."""
        connections = sample_app.module("chat.connections").connections
        return [owner for user_id, owner in self._accounts.items() if connections.has(user_id)]

    def workers_away(self) -> AbstractAsyncContextManager[LostWorker]:
        """See `Subject`."""
        raise AssertionError("There is no queue: whoever holds the socket runs the agent itself.")

    async def start_worker(self) -> None:
        """There is none."""


def _runs(messages: list[Row]) -> list[Row]:
    """Runs are not kept; what the messages tell of them."""
    asked = [message for message in messages if message["role"] == "user"]
    answers = {message["run_id"]: message["id"] for message in messages if message["role"] == "assistant"}
    return [
        {
            "id": each["run_id"],
            "thread_id": each["thread_id"],
            "message_id": each["id"],
            "answer_id": answers.get(each["run_id"]),
            "agent": None,
            "status": "completed" if each["run_id"] in answers else "running",
            "attempt": 1,
            "deaths": 0,
            "stop_requested": False,
        }
        for each in asked
    ]


@asynccontextmanager
async def started(phase: Phase, settings: Settings, addresses: Addresses) -> AsyncIterator[Subject]:
    """The application of a phase, started for one test.

    With the adapter the legacy service serves the sockets, and reaches its handlers over both bridges.
    """
    if phase is Phase.CANONICAL:
        async with canonical(settings, addresses) as subject:
            yield subject
        return
    sample_app.module("chat.main")
    with bridged_service() if phase is Phase.ADAPTER else nullcontext():
        async with _sample(Canonical if phase is Phase.MIGRATED else Legacy, settings, addresses) as subject:
            yield subject


@asynccontextmanager
async def _sample(
    kind: type[Canonical], settings: Settings, addresses: Addresses
) -> AsyncIterator[Canonical]:
    async with (
        sample_app.running(settings, addresses, worker=False) as (runtime, app),
        sample_app.module("chat.serving").serving(app, "127.0.0.1", 0) as server,
    ):
        subject = kind(RunningServer(server.url, runtime.netra), addresses)
        await subject.start_worker()
        try:
            yield subject
        finally:
            await subject.close()
