"""What the end-to-end suites start on this machine: stores, the real model, the production-like stack, programs.

Everything is started at its first use and ends with the session. Holds no test.
"""

import itertools
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg

from netra_backend.agents.local_model import LocalModel
from netra_backend.app import core
from netra_backend.chaos.proxy import FaultProxy, upstream_of
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.stack.local import LocalStack
from netra_backend.stack.process import NetraProcess
from netra_backend.tests.outcomes import Phase
from tests.e2e.agents import MODEL_KEY, MODEL_URL
from tests.e2e.application import Application
from tests.e2e.deployment import NamedAccounts, OwnAccounts, Remote
from tests.e2e.front import front
from tests.e2e.program import CHAT

ROOT = Path(__file__).parents[2]
SETTINGS = {"NETRA_DRAIN_S": "2"}
STOP_S = 15.0


def _program(phase: Phase) -> str:
    """What `tests.e2e.program` is to run for the sample application in a phase."""
    return "bridged" if phase is Phase.ADAPTER else "chat"


class Ground:
    """Where applications are started.

    Args:
        data_dir: a folder for this session alone, which need not exist.
        until_the_end: what is closed then.
    """

    def __init__(self, data_dir: Path, until_the_end: AsyncExitStack) -> None:
        self._data_dir = data_dir
        self._open = until_the_end
        self._stack: LocalStack | None = None
        self._model: FaultProxy | None = None
        self._model_environ: dict[str, str] = {}
        self._canonical: Application | None = None
        self._chats: dict[Path, Application] = {}
        self._numbers = itertools.count(1)

    async def canonical(self) -> Application:
        """Two gateways and two workers behind a proxy, with the real model."""
        if self._canonical is None:
            stack = await self._stores()
            await stack.start_processes()
            parts = await self._open.enter_async_context(core(stack.settings(), stack.addresses))
            self._canonical = Application(
                phase=Phase.CANONICAL,
                url=await self._open.enter_async_context(front([each.url for each in stack.gateways])),
                accounts=OwnAccounts(parts),
                model=self._model,
                root=ROOT,
                environ=stack.gateways[0].environ,
            )
        return self._canonical

    async def chat(self, root: Path, phase: Phase) -> Application:
        """The sample application of a tree, in a process and on a database of its own, behind the same proxy."""
        if root not in self._chats:
            stack = await self._stores()
            addresses = await self._database(stack)
            places = (addresses.owner_url, addresses.app_url, addresses.valkey_url)
            environ = self._model_environ | dict(zip(CHAT.values(), places, strict=True))
            folder = self._data_dir.parent / f"chat{next(self._numbers)}"
            process = await self._run(_program(phase), data_dir=folder, root=root, environ=environ)
            parts = await self._open.enter_async_context(core(Settings(data_dir=folder), addresses))
            self._chats[root] = Application(
                phase=phase,
                url=await self._open.enter_async_context(front([process.url])),
                accounts=OwnAccounts(parts),
                model=self._model,
                root=root,
                environ=environ,
                data_dir=folder,
            )
        return self._chats[root]

    @staticmethod
    def remote(remote: Remote) -> Application:
        """Somebody else's deployment."""
        return Application(
            phase=Phase.CANONICAL,
            url=remote.url,
            accounts=NamedAccounts(remote.people),
            model=None,
            root=ROOT,
            environ={},
        )

    @asynccontextmanager
    async def twin(
        self, subject: Application, *, first: Sequence[str] = ()
    ) -> AsyncIterator[tuple[Application, NetraProcess]]:
        """A further process of the subject's code, which imports modules before anything else.

        Raises:
            StackError: it does not start.
        """
        model = subject if subject.environ else await self.canonical()
        process = await self._run(
            _program(model.phase) if model.data_dir else "gateway",
            data_dir=model.data_dir or self._data_dir,
            root=None if model.data_dir is None else model.root,
            environ=model.environ,
            first=first,
        )
        try:
            yield replace(model, url=process.url), process
        finally:
            await process.stop(STOP_S)

    async def _stores(self) -> LocalStack:
        """Stores and model, started once."""
        if self._stack is None:
            local = LocalModel(new_key=secrets.token_urlsafe)
            self._open.push_async_callback(local.stop)
            url = await local.start()
            self._model = await self._open.enter_async_context(FaultProxy(upstream_of(url)))
            self._model_environ = {MODEL_URL: self._model.through(url), MODEL_KEY: local.api_key}
            self._stack = LocalStack(
                data_dir=self._data_dir,
                agent="tests.e2e.agents:assistant",
                environ=SETTINGS | self._model_environ,
                cwd=self._data_dir.parent,
            )
            self._open.push_async_callback(self._stack.stop)
            await self._stack.start_stores()
        return self._stack

    async def _database(self, stack: LocalStack) -> Addresses:
        """An empty database beside the stack's own."""
        name = f"chat{next(self._numbers)}"
        owner = await asyncpg.connect(stack.owner_url)
        try:
            await owner.execute(f"CREATE DATABASE {name}")
        finally:
            await owner.close()
        beside = [f"{url.rpartition('/')[0]}/{name}" for url in (stack.database_url, stack.owner_url)]
        return Addresses(app_url=beside[0], owner_url=beside[1], valkey_url=stack.valkey_url)

    async def _run(
        self,
        kind: str,
        *,
        data_dir: Path,
        environ: Mapping[str, str],
        root: Path | None = None,
        first: Sequence[str] = (),
    ) -> NetraProcess:
        name = f"{kind}-e2e-{next(self._numbers)}"
        tree = [] if root is None else ["--root", str(root)]
        process = NetraProcess(
            name,
            [kind, *tree, "--first", ",".join(first), "--data-dir", str(data_dir)],
            port_option="--port",
            port=0,
            environ=environ,
            cwd=self._data_dir.parent,
            log=self._data_dir / "logs" / f"{name}.log",
            program="tests.e2e.program",
        )
        self._open.push_async_callback(process.stop, STOP_S)
        await process.start()
        return process
