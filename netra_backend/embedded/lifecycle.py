"""One start and stop for every embedded server: own, attach or take over; pick the port; wait; announce.

The owner is whoever holds the folder's lock. A server whose owner is gone is ended and started again rather
than adopted: only a child can be made to end with us, and on Linux the orphan is about to end anyway.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from netra_backend.embedded.errors import EmbeddedError
from netra_backend.embedded.folder import Running, ServerFolder
from netra_backend.embedded.privileges import ServerUser, server_user
from netra_backend.embedded.process import (
    Command,
    ServerProcess,
    end_left_overs,
    last_lines,
    running_in,
    to_its_end,
)
from netra_backend.embedded.tcp import free_port, is_free

# Room for the recovery of a crashed database; a sound one needs a fraction of a second.
_START_SECONDS = 60.0
_POLL_SECONDS = 0.005
# A free port may be taken before the server has it; four times in a row does not happen.
_PORT_TRIES = 4
_PORT_TAKEN = "Address already in use"


@dataclass(frozen=True, slots=True)
class Traits:
    """What differs between the servers but never changes.

    Attributes:
        name: For people.
        program: The process's name.
        home: The folder inside the data folder that it lives in.
        polite: Ends it quickly and cleanly.
        stop_steps: The signals of a stop with the seconds each gets.
    """

    name: str
    program: str
    home: str
    polite: signal.Signals
    stop_steps: Sequence[tuple[signal.Signals, float]]


class Kind(Protocol):
    """What a server adds to the common life cycle; the first two methods block and run in a thread."""

    traits: Traits

    def prepare(self, folder: ServerFolder, user: ServerUser) -> None:
        """Find the binaries and make the server's folder; called by the owner, nothing runs in it."""

    def configure(self, folder: ServerFolder, user: ServerUser, port: int) -> Sequence[str]:
        """Write the configuration for `port`; the binary and its arguments."""

    def leader(self, home: Path) -> int | None:
        """The pid that the server's own pid file names, true or not."""

    def ready(self, home: Path, pid: int, log: str) -> bool:
        """Whether the server `pid`, which has written `log` since its start, takes connections."""


class EmbeddedServer:
    """Starts one server on a data folder, at most once, whichever process comes first.

    Args:
        folder: The data folder.
        kind: What runs in it.
        port: The TCP port; `None`: chosen once and remembered, chosen again when somebody took it.
    """

    def __init__(self, folder: ServerFolder, kind: Kind, *, port: int | None) -> None:
        self._folder = folder
        self._kind = kind
        self._named_port = port
        self._home = folder.path / kind.traits.home
        self._turn = asyncio.Lock()
        self._lock: int | None = None
        self._process: ServerProcess | None = None
        self._port = 0

    async def start(self) -> int:
        """Run the server, or find it running, and return its port; safe to call at any time, also again.

        Raises:
            EmbeddedError: it cannot run; the message says what to do.
        """
        async with self._turn:
            if self._process is not None:
                # By its folder too: a dying process gives that up before it can be waited for.
                if self._process.alive and self._running() is not None:
                    return self._port
                await self._process.stop(())
                self._process = None
            await asyncio.to_thread(self._folder.open)
            if self._lock is None and (port := await self._attach_or_lock()) is not None:
                return port
            return await self._own()

    async def stop(self) -> None:
        """End the server if this object started it; all data stays. An attached server runs on."""
        async with self._turn:
            if self._process is not None:
                await self._process.stop(self._kind.traits.stop_steps)
                self._process = None
                self._folder.withdraw()
            self._release()

    async def _attach_or_lock(self) -> int | None:
        """The port of a server that another owner runs, or `None` once we are the owner."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _START_SECONDS
        while True:
            self._lock = self._folder.try_lock()
            if self._lock is not None:
                return None
            if (running := self._running()) is not None:
                return self._checked(running.port)
            if loop.time() > deadline:
                raise EmbeddedError(
                    f"Another process holds {self._folder.path} but runs no {self._kind.traits.name}: "
                    "end that process, then retry."
                )
            await asyncio.sleep(_POLL_SECONDS)

    def _running(self) -> Running | None:
        running = self._folder.running()
        if running is None:
            return None
        found = running_in(self._home, self._kind.traits.program, recorded=running.pid)
        return running if running.pid in found else None

    def _checked(self, port: int) -> int:
        if self._named_port not in (None, port):
            raise EmbeddedError(
                f"{self._kind.traits.name} already runs on this data folder on port {port}: "
                f"stop it first, or leave out port {self._named_port}."
            )
        return port

    async def _own(self) -> int:
        try:
            user = await self._prepared()
            self._port = await self._started(user)
        except OSError as error:
            await self._abandon()
            raise EmbeddedError(
                f"{self._folder.path} cannot be used ({error.strerror}): make room or correct its rights, then retry."
            ) from error
        except BaseException:
            await self._abandon()
            raise
        return self._port

    async def _prepared(self) -> ServerUser:
        traits = self._kind.traits
        self._folder.withdraw()
        await end_left_overs(
            self._home, traits.program, leader=self._kind.leader(self._home), polite=traits.polite
        )
        user = server_user(self._home, keeper=self._folder.status())
        await to_its_end(lambda: self._kind.prepare(self._folder, user))
        return user

    async def _started(self, user: ServerUser) -> int:
        for _ in range(_PORT_TRIES):
            port = self._next_port()
            if await self._serves(user, port):
                if self._named_port is None:
                    self._folder.remember_port(port)
                return port
        raise EmbeddedError("Every free port was taken at once: name one with the port setting.")

    def _next_port(self) -> int:
        if self._named_port is not None:
            if is_free(self._named_port):
                return self._named_port
            raise self._port_error(self._named_port)
        remembered = self._folder.remembered_port()
        return remembered if remembered and is_free(remembered) else free_port()

    def _port_error(self, port: int) -> EmbeddedError:
        return EmbeddedError(
            f"Port {port} is taken or not allowed: end what uses it, or name another port for "
            f"{self._kind.traits.name}."
        )

    async def _serves(self, user: ServerUser, port: int) -> bool:
        """Start on `port` and wait until it is ready; `False` when somebody else took the port meanwhile."""
        log = self._folder.open_log()
        try:
            began = os.fstat(log).st_size
            arguments = self._kind.configure(self._folder, user, port)
            command = Command(arguments, self._home, user, self._kind.traits.polite)
            process = ServerProcess(command, log)
            self._process = process
            await process.start()
        finally:
            os.close(log)
        if await self._becomes_ready(process, began):
            self._folder.announce(Running(process.pid, port))
            return True
        if _PORT_TAKEN not in self._said(began):
            raise self._failure(began)
        if self._named_port is not None:
            raise self._port_error(port)
        return False

    async def _becomes_ready(self, process: ServerProcess, began: int) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _START_SECONDS
        while loop.time() < deadline:
            if self._kind.ready(self._home, process.pid, self._said(began)):
                return True
            if await process.exit(_POLL_SECONDS):
                return False
        return False

    def _said(self, began: int) -> str:
        with self._folder.log.open("rb") as log:
            log.seek(began)
            return log.read().decode(errors="replace")

    def _failure(self, began: int) -> EmbeddedError:
        return EmbeddedError(
            f"{self._kind.traits.name} did not start: correct what the end of {self._folder.log} says, then "
            f"retry: {last_lines(self._said(began))}"
        )

    async def _abandon(self) -> None:
        if self._process is not None:
            await self._process.stop([(self._kind.traits.polite, 5.0)])
            self._process = None
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
