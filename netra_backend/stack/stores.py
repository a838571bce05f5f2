"""The stores of a stack: embedded ones that belong to the stack's own process, or named ones.

Embedded ones can be killed, paused and started again, as a fault would; named ones are left alone.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from netra_backend.embedded import EmbeddedPostgres, EmbeddedValkey
from netra_backend.embedded.folder import ServerFolder
from netra_backend.embedded.process import running_in, until
from netra_backend.embedded.wiring import Addresses
from netra_backend.stack.process import StackError

END_S = 10.0
"""Seconds until a killed server is gone."""


class EmbeddedStore:
    """One embedded server of a stack.

    Args:
        server: starts and stops it.
        path: its own data folder.
        kind: `postgres` or `valkey`.
        program: the name of its processes.
        home: the folder in `path` that it runs in.
    """

    def __init__(
        self, server: EmbeddedPostgres | EmbeddedValkey, path: Path, *, kind: str, program: str, home: str
    ) -> None:
        self.name = kind
        self._server = server
        self._folder = ServerFolder(path, kind)
        self._program = program
        self._home = home

    @property
    def pid(self) -> int:
        """The pid of its leading process; 0 before its first start."""
        running = self._folder.running()
        return running.pid if running else 0

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1; 0 before its first start."""
        running = self._folder.running()
        return running.port if running else 0

    @property
    def alive(self) -> bool:
        """Whether its leading process runs."""
        return self.pid in self._pids()

    async def claim(self) -> None:
        """Check that no other process runs it.

        Raises:
            StackError: one does.
        """
        self._folder.open()
        lock = self._folder.try_lock()
        if lock is None:
            raise StackError(
                f"Another Netra process runs the stores of {self._folder.path.parent}: stop it first, or name"
                " another --data-dir."
            )
        os.close(lock)

    async def start(self) -> None:
        """Run it, or run it again after its end; returns when it takes connections."""
        await self._server.start()

    async def stop(self) -> None:
        """Shut it down in order, also when it is paused."""
        self.resume()
        await self._server.stop()

    async def kill(self) -> None:
        """End all its processes as a power cut would; returns when they are gone."""
        self._send(signal.SIGKILL)
        await until(lambda: not self._pids(), END_S)

    def pause(self) -> None:
        """Stop all its processes where they stand; its sockets stay open and nothing answers."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        leader = self.pid
        for pid in sorted(self._pids(), key=lambda pid: pid != leader):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _pids(self) -> list[int]:
        return running_in(self._folder.path / self._home, self._program, recorded=self._recorded())

    def _recorded(self) -> int | None:
        running = self._folder.running()
        return running.pid if running else None


class Stores:
    """Both stores, at addresses that the stack gives to its processes.

    Args:
        data_dir: the folder of embedded ones.
        database_url: PostgreSQL to use instead, and `owner_url` the same as who may change the schema.
        valkey_url: Valkey to use instead.
    """

    def __init__(
        self, data_dir: Path, *, database_url: str | None, owner_url: str | None, valkey_url: str | None
    ) -> None:
        self._database_url = database_url
        self._owner_url = owner_url
        self._valkey_url = valkey_url
        self._postgres = EmbeddedPostgres(data_dir / "postgres")
        self._valkey = EmbeddedValkey(data_dir / "valkey")
        self.postgres = None if database_url else _postgres(self._postgres, data_dir)
        self.valkey = None if valkey_url else _valkey(self._valkey, data_dir)

    @property
    def embedded(self) -> list[EmbeddedStore]:
        """Those that belong to this process."""
        return [store for store in (self.postgres, self.valkey) if store is not None]

    async def start(self) -> Addresses:
        """Run what is embedded; where both are.

        Raises:
            StackError: another process runs them already.
            EmbeddedError: one cannot run; the message says what to do.
        """
        for store in self.embedded:
            await store.claim()
        app_url, owner_url = self._database_url, self._owner_url or self._database_url
        if app_url is None or owner_url is None:
            address = await self._postgres.start()
            app_url, owner_url = address.app_url, address.owner_url
        valkey_url = self._valkey_url or (await self._valkey.start()).url
        return Addresses(app_url=app_url, owner_url=owner_url, valkey_url=valkey_url)

    async def revive(self, say: Callable[[str], None]) -> None:
        """Start again what has ended."""
        for store in self.embedded:
            if not store.alive:
                say(f"{store.name} ended; starting it again.")
                await store.start()
                say(f"{store.name} runs again (pid {store.pid}).")

    async def stop(self) -> None:
        """End what is embedded; all data stays."""
        for store in reversed(self.embedded):
            await store.stop()


def _postgres(server: EmbeddedPostgres, data_dir: Path) -> EmbeddedStore:
    return EmbeddedStore(server, data_dir / "postgres", kind="postgres", program="postgres", home="cluster")


def _valkey(server: EmbeddedValkey, data_dir: Path) -> EmbeddedStore:
    return EmbeddedStore(server, data_dir / "valkey", kind="valkey", program="valkey-server", home="store")
