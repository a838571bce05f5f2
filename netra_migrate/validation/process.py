"""Runs one command of the target: no shell, no terminal, own process group, bounded output, a hard end.

Whatever happens here, no process of the command is left in its group when `run_command` returns.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec

OUTPUT_LIMIT = 1024 * 1024
"""Bytes kept of what a command prints, the last ones: summaries stand at the end."""
_TICK = 0.1
"""Seconds between looks at a command whose output stays open, as when it left a server behind."""
_AFTERWARDS = 1.0
"""Seconds that output already written may take to arrive after the end."""
_CHUNK = 65536

OWN_VARIABLES = ("NETRA_MIGRATE_", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_", "PYTEST_VERSION")
"""The kit's, and those of a test run around it: the command must not take itself for their child."""
_GIT_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
_SET = {
    # Compiled files of a step that is rolled back must not outlive it.
    "PYTHONDONTWRITEBYTECODE": "1",
    "TERM": "dumb",
    # Runners cut their summaries to the width of the terminal, and messages in them tell causes apart.
    "COLUMNS": "400",
    "NO_COLOR": "1",
    "GIT_TERMINAL_PROMPT": "0",
}


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended. `code` as `subprocess` has it: negative for a signal; None after a timeout."""

    code: int | None
    seconds: float
    output: bytes
    cut: bool = False
    """Whether the beginning of the output was dropped."""


def clean_environment(own: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """`own` without the variables that belong to the kit or to a git hook around it, and with `added`."""
    kept = {
        name: value
        for name, value in own.items()
        if not name.startswith(OWN_VARIABLES) and name not in _GIT_VARIABLES
    }
    return {**kept, **_SET, **added}


def run_command(
    arguments: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    on_start: Callable[[int], None] = lambda _: None,
) -> Ended:
    """Run `arguments` in `folder` and wait for the end of all that they started in their group.

    Args:
        arguments: the program and its arguments; nothing is expanded.
        folder: where it runs; a relative program is looked up from there.
        environment: the whole environment.
        timeout_s: after which the group is killed.
        on_start: is told the process group's id, before anything is waited for.

    Raises:
        OSError: the program cannot be started.
    """
    started = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - running the target's own command is what this is for
        list(arguments),
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    tail = _Tail()
    try:
        on_start(process.pid)
        ended = _follow(process, tail, started + timeout_s)
    finally:
        _kill(process)
        if process.stdout is not None:
            process.stdout.close()
    return Ended(
        code=process.returncode if ended else None,
        seconds=time.monotonic() - started,
        output=tail.bytes(),
        cut=tail.dropped,
    )


class _Tail:
    """The last `OUTPUT_LIMIT` bytes of a stream, in amortised constant time per byte."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self.dropped = False

    def add(self, piece: bytes) -> None:
        self._kept += piece
        if len(self._kept) > 2 * OUTPUT_LIMIT:
            self._trim()

    def bytes(self) -> bytes:
        self._trim()
        return bytes(self._kept)

    def _trim(self) -> None:
        if len(self._kept) > OUTPUT_LIMIT:
            del self._kept[:-OUTPUT_LIMIT]
            self.dropped = True


def _follow(process: "subprocess.Popen[bytes]", tail: _Tail, deadline: float) -> bool:
    """Read until the command has ended; False at the deadline.

    The end is that of the command itself: a background process may hold its output open for ever.
    """
    stream = process.stdout
    assert stream is not None  # noqa: S101 - for the type checker: the pipe is asked for above
    os.set_blocking(stream.fileno(), False)
    with selectors.DefaultSelector() as selector, stream:
        selector.register(stream, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if selector.select(min(left, _TICK)) and _read(stream, tail) == b"":
                return _exited(process, deadline)
            if process.poll() is not None:
                _kill(process)
                _drain(selector, stream, tail)
                return True
    return False


def _read(stream: IO[bytes], tail: _Tail) -> bytes | None:
    """One piece into the tail: empty at the end of the stream, None when there is nothing now."""
    try:
        piece = os.read(stream.fileno(), _CHUNK)
    except BlockingIOError:
        return None
    tail.add(piece)
    return piece


def _drain(selector: selectors.BaseSelector, stream: IO[bytes], tail: _Tail) -> None:
    until = time.monotonic() + _AFTERWARDS
    while (left := until - time.monotonic()) > 0 and selector.select(min(left, _TICK)):
        if not _read(stream, tail):
            return


def _exited(process: "subprocess.Popen[bytes]", deadline: float) -> bool:
    """Wait for a command that has closed its output."""
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End what is left of the group, and what left the group but is still a descendant."""
    strays = _descendants(process.pid)
    kill_group(process.pid)
    for stray in strays:
        _signal(os.kill, stray)
    process.wait()


def kill_group(group: int) -> None:
    """Kill a process group, gone or not."""
    _signal(os.killpg, group)


def born(group: int) -> str:
    """When a process was started, in the kernel's ticks, so that a number used again is not mistaken."""
    try:
        text = Path(f"/proc/{group}/stat").read_text(errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def _signal(send: Callable[[int, int], None], target: int) -> None:
    try:
        send(target, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _descendants(ancestor: int) -> list[int]:
    """All processes below `ancestor` by `/proc`, where there is one; a test suite may start sessions."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = entry.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(after_name[1]), []).append(int(entry.parent.name))
    found, waiting = [], [ancestor]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
