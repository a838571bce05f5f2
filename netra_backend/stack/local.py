"""N gateways and M workers as real processes on one PostgreSQL and one Valkey of this machine.

The stores belong to the process that holds this object, so that any gateway or worker may be killed
without taking them along. Everything it starts ends with it, also when it is killed itself.
"""

import asyncio
import fcntl
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from netra_backend.app import migrate
from netra_backend.auth.keys import KEY_FILE, load_signing_keys
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings, load
from netra_backend.stack.keeper import Say, keep, keep_stores
from netra_backend.stack.process import NetraProcess, StackError
from netra_backend.stack.stores import EmbeddedStore, Stores

MARGIN_S = 10.0
"""Seconds beyond what a drain may take by its settings, before a process is killed."""
LOCK_FILE = "stack.lock"


class LocalStack:
    """A stack; start and stop it with `async with`, or step by step.

    Step by step: `start_stores`, then whatever needs their addresses (a proxy between a gateway and
    PostgreSQL: put its address into that process's `environ`), then `start_processes`, in the end `stop`.

    Args:
        data_dir: the folder of embedded stores, the signing key and the logs.
        gateways: how many.
        workers: how many.
        port: of the first gateway, the next ones follow it; 0 takes free ones.
        agent: as of `netra worker --agent`; by default the demo agent.
        model: as of `netra worker --model`, with `model_base_url`.
        environ: settings of every process, which sees no other `NETRA_` variable.
        database_url: PostgreSQL instead of the embedded one, and `owner_url` as who may change its schema.
        valkey_url: Valkey instead of the embedded one.
        cwd: where the processes run and look for `netra.toml`; by default here.
        say: given, whatever ends by itself is started again, and `say` is told in a line.
    """

    def __init__(
        self,
        *,
        data_dir: Path,
        gateways: int = 2,
        workers: int = 2,
        port: int = 0,
        agent: str | None = None,
        model: str | None = None,
        model_base_url: str | None = None,
        environ: Mapping[str, str] | None = None,
        database_url: str | None = None,
        owner_url: str | None = None,
        valkey_url: str | None = None,
        cwd: Path | None = None,
        say: Say | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.logs = self.data_dir / "logs"
        self._environ = dict(environ or {})
        self._cwd = cwd or Path.cwd()
        self._say = say
        self._stores = Stores(
            self.data_dir, database_url=database_url, owner_url=owner_url, valkey_url=valkey_url
        )
        options = {"--agent": agent, "--model": model, "--model-base-url": model_base_url}
        chosen = [word for option, value in options.items() if value is not None for word in (option, value)]
        self.gateways: Sequence[NetraProcess] = tuple(
            self._process(f"gateway-{n + 1}", ["gateway"], "--port", port and port + n)
            for n in range(gateways)
        )
        self.workers: Sequence[NetraProcess] = tuple(
            self._process(f"worker-{n + 1}", ["worker", *chosen], "--metrics-port", 0) for n in range(workers)
        )
        self._addresses: Addresses | None = None
        self._keepers: list[asyncio.Task[None]] = []
        self._lock: int | None = None

    @property
    def processes(self) -> Sequence[NetraProcess]:
        """All gateways, then all workers."""
        return (*self.gateways, *self.workers)

    @property
    def addresses(self) -> Addresses:
        """Where the stores are, for this process itself; raises `StackError` before they are started."""
        if self._addresses is None:
            raise StackError("The stores of this stack were not started.")
        return self._addresses

    @property
    def database_url(self) -> str:
        """PostgreSQL, as the application's role."""
        return self.addresses.app_url

    @property
    def owner_url(self) -> str:
        """PostgreSQL, as the schema's owner."""
        return self.addresses.owner_url

    @property
    def valkey_url(self) -> str:
        """Valkey."""
        return self.addresses.valkey_url

    @property
    def postgres(self) -> EmbeddedStore | None:
        """The embedded PostgreSQL, to kill, pause and start; None if one was named."""
        return self._stores.postgres

    @property
    def valkey(self) -> EmbeddedStore | None:
        """The embedded Valkey, to kill, pause and start; None if one was named."""
        return self._stores.valkey

    async def __aenter__(self) -> Self:
        """Start everything; what has started is stopped when the rest cannot be."""
        try:
            await self.start_stores()
            await self.start_processes()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drain everything in order."""
        await self.stop()

    async def start_stores(self) -> None:
        """Run the stores, bring the schema up, and tell the processes where they are.

        Raises:
            StackError: the data folder is in use.
            SettingsError: a named store does not work, or the signing key.
            EmbeddedError: an embedded one does not.
        """
        self._take_folder()
        self._addresses = await self._stores.start()
        await migrate(self._addresses)
        shared = {
            "NETRA_DATABASE_URL": self._addresses.app_url,
            "NETRA_DATABASE_OWNER_URL": self._addresses.owner_url,
            "NETRA_VALKEY_URL": self._addresses.valkey_url,
            "NETRA_SIGNING_KEY": self._signing_key(),
        }
        for process in self.processes:
            process.environ = shared | process.environ

    async def start_processes(self) -> None:
        """Run all gateways and workers, at once; the first error ends the wait for the others.

        Raises:
            StackError: one does not start; the message shows why.
        """
        async with _first_error() as group:
            for process in self.processes:
                group.create_task(process.start(), name=process.name)
        if self._say is not None:
            self._keepers = [asyncio.create_task(keep(process, self._say)) for process in self.processes]
            self._keepers.append(asyncio.create_task(keep_stores(self._stores, self._say)))

    async def stop(self) -> None:
        """End gateways, then workers, then the stores, each as on SIGTERM; kills only what does not obey."""
        await self._stop_keeping()
        await self._end(self.gateways)
        await self._end(self.workers)
        await self._stores.stop()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def kill(self) -> None:
        """End all gateways and workers at once; `stop` then has little left to do."""
        for process in self.processes:
            process.kill()

    def settings(self) -> Settings:
        """The settings by which this process itself may open the stack's stores, with its signing key."""
        return load(
            {
                "data_dir": self.data_dir,
                "database_url": self.database_url,
                "database_owner_url": self.owner_url,
                "valkey_url": self.valkey_url,
            },
            environ=self._environ,
            folder=self._cwd,
        )

    def _process(self, name: str, arguments: list[str], port_option: str, port: int) -> NetraProcess:
        where = ["--data-dir", str(self.data_dir)]
        return NetraProcess(
            name,
            [*arguments, *where],
            port_option=port_option,
            port=port,
            environ=self._environ,
            cwd=self._cwd,
            log=self.logs / f"{name}.log",
        )

    def _take_folder(self) -> None:
        """Be the only stack of the data folder: two would write the same logs."""
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self.data_dir / LOCK_FILE
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StackError(
                f"{self.data_dir} cannot be used ({error.strerror}): name another --data-dir."
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise StackError(
                f"A stack runs on {self.data_dir} already: stop it first, or name another --data-dir."
            ) from None
        self._lock = lock

    def _signing_key(self) -> str:
        """The key of the settings, else that of the data folder, made if there is none."""
        named = load({}, environ=self._environ, folder=self._cwd).signing_key
        if named is not None:
            return named.get_secret_value()
        path = self.data_dir / KEY_FILE
        load_signing_keys(path, pem=None)
        return path.read_text(encoding="ascii")

    async def _stop_keeping(self) -> None:
        for task in self._keepers:
            task.cancel()
        if self._keepers:
            await asyncio.wait(self._keepers)
        self._keepers = []

    async def _end(self, processes: Sequence[NetraProcess]) -> None:
        settings = load({}, environ=self._environ, folder=self._cwd)
        seconds = settings.drain_s + settings.lease_s + MARGIN_S
        await asyncio.gather(*(process.stop(seconds) for process in processes))


class _first_error(asyncio.TaskGroup):  # noqa: N801 - reads as a statement: `async with _first_error()`
    """A task group that raises the first error itself, instead of a group of one."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
