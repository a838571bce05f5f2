"""What a test of a fault plays on: a stack behind fault proxies, recording clients, the checker at the end."""

import asyncio
import itertools
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from netra_backend.app import core
from netra_backend.chaos.facts import EventFact, Facts, read_database
from netra_backend.chaos.history import judge
from netra_backend.chaos.recording import RecordingClient, Sent
from netra_backend.chaos.tape import canary
from netra_backend.chaos.threaded import ThreadedFaultProxy
from netra_backend.chaos.verdict import Verdict
from netra_backend.domain.ids import Owner
from netra_backend.stack.local import LocalStack
from netra_backend.stack.process import NetraProcess
from netra_backend.stack.stores import EmbeddedStore

LEASE_S = 2.0
PATIENCE_S = 40.0
"""Seconds until what does not come fails the test; never a pause."""
LOOK_S = 0.01

ResultT = TypeVar("ResultT")
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class User:
    """Whom no other test has."""

    owner: Owner
    token: str
    canary: str


@dataclass(frozen=True, slots=True)
class Stage:
    """Two gateways and two workers; between them and the stores stand `database` and `cache`.

    Attributes:
        folder: through which tests steer the agents (`steered_agents`).
    """

    stack: LocalStack
    database: ThreadedFaultProxy
    cache: ThreadedFaultProxy
    folder: Path

    @property
    def postgres(self) -> EmbeddedStore:
        """To kill, pause and start."""
        assert self.stack.postgres is not None
        return self.stack.postgres

    @property
    def valkey(self) -> EmbeddedStore:
        """To kill, pause and start."""
        assert self.stack.valkey is not None
        return self.stack.valkey

    @property
    def urls(self) -> list[str]:
        """Where clients may connect."""
        return [gateway.url for gateway in self.stack.gateways]

    def let(self, name: str) -> None:
        """Let the agent that waits for `name`, or will, go on."""
        (self.folder / f"{name}.go").touch()

    async def waits(self, name: str, *, attempt: int = 1) -> int:
        """Wait until an agent waits at `name`; the pid of its worker."""
        path = self.folder / f"{name}.{attempt}"
        await until(lambda: path.exists() and path.read_text(encoding="ascii") != "")
        return int(path.read_text(encoding="ascii"))

    def deeds(self, name: str) -> list[dict[str, Any]]:
        """What agents did to the outside world."""
        path = self.folder / f"{name}.ledger"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def worker(self, pid: int) -> NetraProcess:
        """The worker of that pid."""
        return next(worker for worker in self.stack.workers if worker.alive and worker.pid == pid)

    def beside(self, name: str) -> NetraProcess:
        """A `netra serve` on the same stores, behind the same proxies; not started yet."""
        one, worker = self.stack.gateways[0], self.stack.workers[0]
        agent = worker.environ["FAULTS_AGENT"]
        return NetraProcess(
            name,
            ["serve", "--agent", agent, "--data-dir", str(self.stack.data_dir)],
            port_option="--port",
            port=0,
            environ=one.environ,
            cwd=self.folder,
            log=self.stack.logs / f"{name}.log",
        )

    async def mend(self) -> None:
        """Make everything whole again, also after a test that failed."""
        for proxy in (self.database, self.cache):
            await asyncio.to_thread(proxy.heal)
        for store in (self.postgres, self.valkey):
            store.resume()
            await store.start()
        for process in self.stack.processes:
            process.resume()
            states = [event["event"] for event in process.output.events if event["event"] in _STATES]
            if not process.alive or states[-1] == "draining":
                await process.restart()


_STATES = ("ready", "draining")


class Scene:
    """The users and clients of one test."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.name = f"s{next(_numbers)}"
        self._clients: list[RecordingClient] = []

    async def user(self) -> User:
        """A new one."""
        stack, name = self.stage.stack, f"{self.name}-{next(_numbers)}"
        async with core(stack.settings(), stack.addresses) as parts:
            added = await parts.auth.users.add(
                f"{name}@example.com", tenant="acme", password="correct horse battery", roles=[]
            )
            token = (await parts.auth.issue(added)).access_token
        return User(added.owner, token, canary(secrets.token_hex(8)))

    async def users(self, count: int) -> list[User]:
        """So many."""
        return [await self.user() for _ in range(count)]

    async def client(self, user: User, *, urls: Sequence[str] | None = None) -> RecordingClient:
        """A client whose stream is whole; closed with the scene. `urls`: the first one, then the others."""

        async def token() -> str:
            return user.token

        client = RecordingClient(
            user.owner, urls=urls or self.stage.urls, token=token, canary=user.canary, name=self.name
        )
        await client.__aenter__()
        self._clients.append(client)
        await within(client.connected())
        return client

    async def ended(self, client: RecordingClient, *messages: Sent) -> None:
        """Wait until the client was shown the ends of these runs."""
        for sent in messages:
            assert sent.refused is None
            await within(client.ended(sent.run_id))

    async def facts(self) -> Facts:
        """What the database holds of the scene's users."""
        owners = {client.recording.owner for client in self._clients}
        return await read_database(self.stage.stack.owner_url, owners=owners)

    async def events(self, sent: Sent) -> list[EventFact]:
        """The events of one run, as they are stored."""
        facts = await self.facts()
        return [event for user in facts.values() for event in user.events if event.run_id == sent.run_id]

    async def kept(self) -> Verdict:
        """When nothing happens any more: no promise was broken."""
        for client in self._clients:
            await within(client.settle())
        await self.close()
        verdict = judge([client.recording for client in self._clients], await self.facts())
        assert verdict.ok, str(verdict)
        return verdict

    async def close(self) -> None:
        """Disconnect everybody."""
        for client in self._clients:
            await client.close()


def attempts(events: Sequence[EventFact]) -> list[int]:
    """The attempts that were started, in order."""
    return [event.payload["attempt"] for event in events if event.type == "agent_started"]


def end_of(events: Sequence[EventFact]) -> dict[str, Any]:
    """What the last event says."""
    assert events[-1].type == "agent_completed"
    return events[-1].payload


def frames(client: RecordingClient, *kinds: str) -> list[dict[str, Any]]:
    """The received frames of these types, in order, decoded."""
    received = (json.loads(entry.raw) for entry in client.recording.entries if not entry.sent)
    return [frame for frame in received if frame["type"] in kinds]


async def ready(url: str) -> tuple[int, str]:
    """What a process says of its stores."""
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{url}/readyz", timeout=PATIENCE_S)
        return answer.status_code, answer.json()["status"]


async def within(work: Awaitable[ResultT], seconds: float = PATIENCE_S) -> ResultT:
    """Await, for so long at most."""
    async with asyncio.timeout(seconds):
        return await work


async def until(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait until what another process does makes `condition` true."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - another process has no event for us
            await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def timed() -> AsyncIterator[Callable[[], float]]:
    """Seconds since the block began."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    yield lambda: loop.time() - began
