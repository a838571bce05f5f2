"""One gateway or worker as a real process: start, wait until it is ready, signal, wait for its end.

It has its own session, so that a terminal's Ctrl-C reaches the stack alone, which drains in order.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netra_backend.stack.output import LINE_BYTES, Event, Output

READY_S = 60.0
"""Seconds until a process that does not become ready is given up: a busy machine needs a few."""
SHOWN_LINES = 12
PROGRAM = "netra_backend.cli"
"""By name: the command line stands above this package."""


class StackError(Exception):
    """The stack cannot run; the message is a sentence that says what to do, and a process's last lines."""


class NetraProcess:
    """A process of `netra`, which may be started again and keeps its port.

    Args:
        name: for people and for the log file, such as `gateway-1`.
        arguments: what follows `netra` on the command line, without the port.
        port_option: the option that names the port, such as `--port`.
        port: the port; 0 takes a free one at the first start.
        environ: settings, over this process's environment without any of Netra; changes hold from
            the next start on.
        cwd: where it runs.
        log: its log file.
        program: a module that runs instead of `netra`, and says in the same way that it is ready.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        port_option: str,
        port: int,
        environ: Mapping[str, str],
        cwd: Path,
        log: Path,
        program: str | None = None,
    ) -> None:
        self.name = name
        self.environ = dict(environ)
        self.output = Output(log)
        self.url = ""
        self._arguments = arguments
        self._port_option = port_option
        self._port = port
        self._cwd = cwd
        self._program = program or PROGRAM
        self._before = 0
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process id of the last start.

        Raises:
            StackError: it was never started.
        """
        if self._process is None:
            raise StackError(f"{self.name} was not started.")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it and wait until it is ready. `url` is where it listens: a worker's is for health.

        Raises:
            StackError: it ended first, or was not ready in time; the message shows what it said.
        """
        if self.alive:
            raise StackError(f"{self.name} runs already.")
        ready = self.output.expect(lambda event: event.get("event") == "ready")
        try:
            await self._spawn()
            event = await self._first(ready)
        finally:
            ready.cancel()
        self.url = event.get("url") or event.get("metrics") or ""
        self._port = int(self.url.rpartition(":")[2])

    async def restart(self) -> None:
        """Start it again on its port; one that still runs is asked to end first."""
        self.terminate()
        await self.ended()
        await self.start()

    async def ended(self) -> int:
        """Wait for the end of the running start; its exit code, negative for a signal. 0 if never started."""
        process, reading = self._process, self._reading
        if process is None or reading is None:
            return 0
        code = await process.wait()
        await asyncio.wait([reading])
        return code

    def terminate(self) -> None:
        """Ask it to drain and end."""
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send(signal.SIGKILL)

    def pause(self) -> None:
        """Stop it where it stands, as a long pause of the machine would."""
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.send(signal.SIGCONT)

    def send(self, number: signal.Signals) -> None:
        """Signal it; nothing happens when it has ended."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def stop(self, seconds: float) -> int | None:
        """Ask it to end; after `seconds` kill it. Its exit code, None if it had ended before."""
        if not self.alive:
            return None
        self.resume()
        self.terminate()
        try:
            async with asyncio.timeout(seconds):
                return await self.ended()
        except TimeoutError:
            self.kill()
            return await self.ended()

    async def _spawn(self) -> None:
        """Start it from the loop's own thread: Linux ends a child with the thread that started it."""
        self._before = self.output.count
        program = [sys.executable, "-P", "-m", "netra_backend.stack.child", str(os.getpid()), self._program]
        self._process = await asyncio.create_subprocess_exec(
            *program,
            *self._arguments,
            self._port_option,
            str(self._port),
            cwd=self._cwd,
            env=without_settings(os.environ) | self.environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE_BYTES,
            start_new_session=True,
        )
        if self._process.stdout is not None:
            self._reading = asyncio.create_task(self.output.read(self._process.stdout), name=self.name)

    async def _first(self, ready: "asyncio.Future[Event]") -> Event:
        """The ready line, unless the end or the time comes first."""
        ending = asyncio.create_task(self.ended(), name=f"{self.name}-end")
        try:
            both: list[asyncio.Future[Any]] = [ready, ending]
            await asyncio.wait(both, timeout=READY_S, return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                return ready.result()
            if ending.done():
                raise StackError(self._why(f"ended with exit code {ending.result()}"))
            raise StackError(self._why(f"was not ready within {READY_S:.0f} s"))
        finally:
            ending.cancel()
            await asyncio.wait([ending])

    def _why(self, what: str) -> str:
        """What happened, with the sentence that the program ended with, else with its last lines."""
        lines = self.output.since(self._before)
        if lines and lines[-1].startswith("netra: "):
            return f"{self.name} did not start: {lines[-1].removeprefix('netra: ')}"
        shown = "\n".join(f"  {line}" for line in lines[-SHOWN_LINES:]) or "  (it said nothing)"
        return f"{self.name} {what}; correct what its log {self.output.path} says. Its last lines:\n{shown}"


def without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without any setting of Netra."""
    return {name: value for name, value in environ.items() if not name.startswith("NETRA_")}
