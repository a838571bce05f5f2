"""A process that runs one handler in the target's Python, and how it answers, hangs or dies.

What it runs is the target's code: everything that it says is data, and its end is never ours.
"""

import contextlib
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from netra_migrate.domain.outcomes import ConfigurationError

SCRIPT = Path(__file__).with_name("child.py")
START_S = 120.0
"""For the imports of a large application on a cold disk; the limit of a message is the owner's own."""


class Effect(msgspec.Struct, frozen=True):
    """One call to the outside, as `child.py` writes it."""

    target: str
    method: str
    arguments: list[object]
    details: dict[str, object]


class Raised(msgspec.Struct, frozen=True):
    """An exception that left the handler."""

    kind: str
    text: str


class Ended(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one side ended. `died`: in words, when there was no answer; `late`: when there was none in time."""

    returned: object = None
    raised: Raised | None = None
    swallowed: list[str] = []
    effects: list[Effect] = []
    died: str | None = None
    late: bool = False

    @property
    def failed(self) -> bool:
        """Whether it did not come to a return."""
        return self.raised is not None or self.died is not None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is to run; `key` is the setting to blame when it cannot."""

    key: str
    factory: str
    method: str
    parameters: tuple[str, ...]
    message_class: str | None
    source_roots: tuple[str, ...]
    settle_s: float


class Child:
    """One side. It is started when it is needed, and again after it hung or died."""

    def __init__(self, order: Order, *, python: Path, root: Path, environment: Mapping[str, str]) -> None:
        self._order = order
        self._command = (str(python), str(SCRIPT))
        self._root = root
        self._environment = {
            **os.environ,
            **environment,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._gone = False
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.end()

    def ask(self, content: Mapping[str, object], *, timeout_s: float) -> Ended:
        """Have one message handled.

        Raises:
            ConfigurationError: the factory cannot be imported.
        """
        if self._process is None:
            self._start()
        try:
            line = self._exchange(msgspec.json.encode(content), timeout_s)
        except queue.Empty:
            self.end()
            return Ended(late=True)
        if not line:
            return Ended(died=self.end())
        try:
            return msgspec.json.decode(line, type=Ended)
        except msgspec.DecodeError:
            self.end()
            return Ended(died="wrote into the pipe of the kit")

    def end(self) -> str:
        """End the process and all that it started; says how it had ended by itself, if it had."""
        process, self._process = self._process, None
        if process is None:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):  # it has a moment only when its pipe is closed
            process.wait(timeout=1 if self._gone else 0)
        status = process.poll()
        with contextlib.suppress(ProcessLookupError):  # nothing is left
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):  # the rest of a line that nobody reads
                if pipe is not None:
                    pipe.close()
        return _how(status)

    def _start(self) -> None:
        self._gone = False
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the target's Python, with our own script
                self._command,
                cwd=self._root,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise ConfigurationError(f"{self._command[0]} cannot be started: {error.strerror}.") from error
        self._lines = queue.SimpleQueue()
        threading.Thread(target=_read, args=(self._process, self._lines), daemon=True).start()
        try:
            line = self._exchange(msgspec.json.encode(self._order), START_S)
        except queue.Empty:
            self.end()
            raise self._unusable(f"its import took more than {START_S:g} s") from None
        self._check(line)

    def _check(self, line: bytes) -> None:
        if not line:
            raise self._unusable(f"the process {self.end()} while importing it")
        answer = msgspec.json.decode(line, type=dict[str, object])
        if "unusable" in answer:
            self.end()
            raise self._unusable(f"its import raised {str(answer['unusable'])[:200]}")

    def _unusable(self, reason: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self._order.key}: {self._order.factory} cannot be used: {reason}; name a callable of the target "
            "as module:callable."
        )

    def _exchange(self, line: bytes, timeout_s: float) -> bytes:
        """Write a line and wait for one; empty when the process is gone."""
        process = self._process
        if process is None or process.stdin is None:
            return b""
        try:
            process.stdin.write(line + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            self._gone = True
            return b""
        answer = self._lines.get(timeout=timeout_s)
        self._gone = not answer
        return answer


def _read(process: subprocess.Popen[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    """Hand on lines until the pipe is closed, then one that is empty."""
    with contextlib.suppress(ValueError):  # closed by us
        for line in process.stdout or ():
            lines.put(line)
    lines.put(b"")


def _how(status: int | None) -> str:
    if status is None:
        return "closed its pipe"
    if status < 0:
        return f"died of {signal.Signals(-status).name}"
    return f"ended itself with {status}"
