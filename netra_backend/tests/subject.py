"""The application under test. One test function serves every phase of a migration through this.

`canonical` is Netra itself. The other subjects come with the legacy application; they answer the
same questions from their own tables and their own queue, if they have one.
"""

import asyncio
import base64
import itertools
import json
import ssl
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import asyncpg
import httpx

from netra_backend.agents.runner import Agents
from netra_backend.app import new_id
from netra_backend.domain.events import Append, Draft
from netra_backend.domain.ids import Owner, TenantId, WorkerId
from netra_backend.domain.runs import Run
from netra_backend.embedded.wiring import Addresses
from netra_backend.queue.postgres import PostgresQueue
from netra_backend.serving import Drain, start_worker
from netra_backend.settings import Settings
from netra_backend.store.database import tenants_setting
from netra_backend.testing.agents import ALL, echo
from netra_backend.testing.client import PATIENCE_S, Client, Frame, connected
from netra_backend.testing.server import RunningServer, running

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""The sockets are plain; loading the system's certificates for each request takes longer than the request."""

PASSWORD = "correct horse battery"

Row = dict[str, Any]


@dataclass(frozen=True)
class Account:
    """A user made for one test."""

    email: str
    tenant: str
    owner: Owner
    token: str

    @property
    def bearer(self) -> dict[str, str]:
        """The header of this user's requests."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class Stored:
    """What the database holds of one user, in the order of `seq` or of the turn. Ids are text.

    Attributes:
        messages: id, thread_id, run_id, role, content, client_id, seq.
        runs: id, thread_id, message_id, answer_id, agent, status, attempt, deaths, stop_requested.
        events: seq, type, thread_id, run_id, payload (decoded).
        head: the user's counter of events.
    """

    messages: list[Row]
    runs: list[Row]
    events: list[Row]
    head: int

    def of_run(self, run_id: str) -> list[Row]:
        """The events of one run, without the message that asked for it."""
        return [
            event for event in self.events if event["run_id"] == run_id and event["type"] != "message_created"
        ]

    def run(self, run_id: str) -> Row:
        """One run."""
        (found,) = [run for run in self.runs if run["id"] == run_id]
        return found


class LostWorker(Protocol):
    """A worker that takes runs, may report a little, and then is never heard of again."""

    async def take(self, limit: int = 1) -> Sequence[str]:
        """Take the next due runs, as a worker does; their ids."""
        ...

    async def report(self, run_id: str, *events: tuple[str, Mapping[str, Any]]) -> None:
        """Store events of a taken run; raises if the run is not this worker's any more."""
        ...

    async def vanish(self) -> None:
        """Let the leases of everything taken run out now."""
        ...


class Subject(Protocol):
    """A running application: sockets for accounts, and its database to look into."""

    url: str

    async def account(self, *, tenant: str = "acme", roles: Collection[str] = ()) -> Account:
        """A new user."""
        ...

    def connect(self, account: Account) -> AbstractAsyncContextManager[Client]:
        """A connection of that user."""
        ...

    async def rows(self, query: str, *arguments: Any) -> list[Row]:
        """Rows of the database, seen by its owner."""
        ...

    async def app_rows(self, tenants: Sequence[str] | None, query: str, *arguments: Any) -> list[Row]:
        """Rows as the application's own role sees them, for `tenants`; None sets no tenant at all."""
        ...

    async def stored(self, account: Account) -> Stored:
        """Everything that the database holds of a user."""
        ...

    async def request(
        self, account: Account | None, method: str, path: str, **options: Any
    ) -> httpx.Response:
        """An HTTP request of that user."""
        ...

    async def disable(self, account: Account) -> None:
        """Shut a user out, as the operator's command does."""
        ...

    def sign(self, account: Account, *, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """The user's token with changed header and claims (None removes), signed with the real key."""
        ...

    def listening(self) -> Collection[Owner]:
        """Users for whom the application keeps a live subscription."""
        ...

    def workers_away(self) -> AbstractAsyncContextManager[LostWorker]:
        """No worker runs inside the block, but for the lost one that it gives."""
        ...

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that happens inside the application."""
        ...


class Canonical:
    """Netra on real stores."""

    def __init__(self, server: RunningServer, addresses: Addresses) -> None:
        self.url = server.url
        self.parts = server.parts
        self._addresses = addresses
        self._workers = AsyncExitStack()
        self._drain: Drain | None = None
        self._eye: asyncpg.Connection[asyncpg.Record] | None = None

    async def account(self, *, tenant: str = "acme", roles: Collection[str] = ()) -> Account:
        """See `Subject`."""
        email = f"{new_id()}@example.com"
        user = await self.parts.auth.users.add(email, tenant=tenant, password=PASSWORD, roles=roles)
        issued = await self.parts.auth.issue(user)
        return Account(email, tenant, user.owner, issued.access_token)

    def connect(self, account: Account) -> AbstractAsyncContextManager[Client]:
        """See `Subject`."""
        return connected(self.url, account.token)

    async def rows(self, query: str, *arguments: Any) -> list[Row]:
        """See `Subject`."""
        if self._eye is None:
            self._eye = await asyncpg.connect(self._addresses.owner_url)
        return [dict(row) for row in await self._eye.fetch(query, *arguments)]

    async def app_rows(self, tenants: Sequence[str] | None, query: str, *arguments: Any) -> list[Row]:
        """See `Subject`."""
        connection = await asyncpg.connect(
            self._addresses.app_url, server_settings={"role": "netra_app"}, timeout=PATIENCE_S
        )
        try:
            if tenants is not None:
                await connection.execute(
                    "SELECT set_config('netra.tenants', $1, false)", tenants_setting(map(TenantId, tenants))
                )
            return [dict(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await connection.close()

    async def stored(self, account: Account) -> Stored:
        """See `Subject`."""
        who = tuple(account.owner)
        messages = await self.rows(
            "SELECT id::text, thread_id::text, run_id::text, role, content, client_id, seq FROM messages"
            " WHERE tenant_id = $1 AND user_id = $2 ORDER BY seq",
            *who,
        )
        runs = await self.rows(
            "SELECT id::text, thread_id::text, message_id::text, answer_id::text, agent, status, attempt,"
            " deaths, stop_requested_at IS NOT NULL AS stop_requested FROM runs"
            " WHERE tenant_id = $1 AND user_id = $2 ORDER BY turn",
            *who,
        )
        events = await self.rows(
            "SELECT seq, type, thread_id::text, run_id::text, payload::text FROM events"
            " WHERE tenant_id = $1 AND user_id = $2 ORDER BY seq",
            *who,
        )
        heads = await self.rows("SELECT head FROM streams WHERE tenant_id = $1 AND user_id = $2", *who)
        decoded = [event | {"payload": json.loads(event["payload"])} for event in events]
        return Stored(messages, runs, decoded, heads[0]["head"] if heads else 0)

    async def request(
        self, account: Account | None, method: str, path: str, **options: Any
    ) -> httpx.Response:
        """See `Subject`."""
        headers = (account.bearer if account else {}) | options.pop("headers", {})
        async with httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_S, verify=NO_AUTHORITIES) as client:
            return await client.request(method, path, headers=headers, **options)

    async def disable(self, account: Account) -> None:
        """See `Subject`."""
        await self.parts.auth.disable(account.email)

    def sign(self, account: Account, *, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """See `Subject`."""
        keys = self.parts.auth.keys
        issued = json.loads(_unpacked(account.token.split(".")[1]))
        body = {name: value for name, value in (issued | claims).items() if value is not None}
        head = {"alg": "EdDSA", "kid": keys.kid} | dict(header or {})
        text = ".".join(_packed(json.dumps(part).encode()) for part in (head, body))
        return f"{text}.{_packed(keys.private.sign(text.encode()))}"

    def listening(self) -> Collection[Owner]:
        """See `Subject`."""
        return self.parts.feed.owners()

    def workers_away(self) -> AbstractAsyncContextManager[LostWorker]:
        """See `Subject`."""
        return self._workers_away()

    @asynccontextmanager
    async def _workers_away(self) -> AsyncIterator[LostWorker]:
        await self.stop_worker()
        yield _LostWorker(self)
        await self.start_worker()

    async def until(self, condition: Callable[[], bool]) -> None:
        """See `Subject`. Asks for a sign of life again and again: each answer is a turn of the server."""
        async with httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_S, verify=NO_AUTHORITIES) as client:
            async with asyncio.timeout(PATIENCE_S):
                while not condition():
                    await client.get("/healthz")

    async def start_worker(self) -> None:
        """Start the worker, with the agents of `testing.agents`."""
        agents = Agents(default=echo, default_name="echo", named=ALL)
        self._drain = start_worker(self.parts, agents, self._workers)

    async def stop_worker(self) -> None:
        """Drain the worker; what it runs is handed back."""
        if self._drain is not None:
            await self._drain()
        await self._workers.aclose()
        self._drain = None

    async def close(self) -> None:
        """Stop the worker and looking into the database."""
        await self.stop_worker()
        if self._eye is not None:
            await self._eye.close()


class _Leaping:
    """A clock on which a second passes at every look, so that nothing is put off."""

    def __init__(self) -> None:
        self._seconds = itertools.count()

    def now(self) -> datetime:
        """See `Clock`; not used by a queue."""
        raise NotImplementedError

    def monotonic(self) -> float:
        """See `Clock`."""
        return float(next(self._seconds))


class _LostWorker:
    """See `LostWorker`. It works through the same ports as a real one, but extends no lease."""

    def __init__(self, subject: Canonical) -> None:
        self._subject = subject
        parts = subject.parts
        self._queue = PostgresQueue(parts.database, _Leaping(), lease_s=parts.settings.lease_s)
        self._id = WorkerId(f"lost-{new_id()}")
        self._taken: dict[str, Run] = {}

    async def take(self, limit: int = 1) -> Sequence[str]:
        """See `LostWorker`."""
        runs = await self._queue.claim(self._id, limit=limit)
        self._taken |= {run.id: run for run in runs}
        return [run.id for run in runs]

    async def report(self, run_id: str, *events: tuple[str, Mapping[str, Any]]) -> None:
        """See `LostWorker`."""
        run = self._taken[run_id]
        drafts = tuple(Draft(kind, json.dumps(payload).encode()) for kind, payload in events)
        await self._subject.parts.log.append(
            Append(
                owner=run.owner,
                thread_id=run.thread_id,
                run_id=run.id,
                attempt=run.attempt,
                drafts=drafts,
            )
        )

    async def vanish(self) -> None:
        """See `LostWorker`."""
        await self._subject.rows(
            "UPDATE runs SET lease_until = now() - interval '1 second' WHERE worker = $1 AND status = 'running'",
            self._id,
        )


def message_frames(frames: Sequence[Frame]) -> list[Frame]:
    """The messages that durable frames bring: the user's own, and the answers."""
    return [
        frame["payload"]["message"]
        for frame in frames
        if frame["type"] in ("message_created", "agent_completed") and "message" in frame["payload"]
    ]


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@asynccontextmanager
async def canonical(settings: Settings, addresses: Addresses) -> AsyncIterator[Canonical]:
    """Netra, started for one test."""
    async with running(settings, addresses, worker=False) as server:
        subject = Canonical(server, addresses)
        await subject.start_worker()
        try:
            yield subject
        finally:
            await subject.close()
