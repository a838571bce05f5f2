"""Ends a forked process, or fills its disk, at the n-th effect it has on files; n goes over all of them."""

import errno
import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any, NoReturn

EFFECTS = ("write", "fsync", "replace", "link", "unlink", "fchmod", "ftruncate")
SPACE = ("write", "fsync", "link", "replace")
FINISHED, RAISED = 0, 7


def kill(name: str, arguments: tuple[Any, ...]) -> NoReturn:
    """Die as by `kill -9`; of a write, half of it has happened."""
    if name == "write":
        descriptor, content = arguments
        _real["write"](descriptor, bytes(content)[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def full_disk(name: str, arguments: tuple[Any, ...]) -> NoReturn:
    """No space is left; of a write, half of it has happened."""
    if name == "write":
        descriptor, content = arguments
        _real["write"](descriptor, bytes(content)[: len(content) // 2])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


Fault = Callable[[str, tuple[Any, ...]], NoReturn]
_real: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in EFFECTS}


def in_a_fork(
    work: Callable[[], object], *, at: int, fault: Fault, names: tuple[str, ...], lasts: bool
) -> int:
    """Do `work` in a process of its own, with `fault` at its `at`-th effect, and if it `lasts` ever after.

    Returns:
        As `os.waitstatus_to_exitcode`: negative when killed, `FINISHED` when no fault came, `RAISED`.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    count = 0

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def effect(*arguments: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count == at or (lasts and count > at):
                fault(name, arguments)
            return real(*arguments, **more)

        return effect

    code = RAISED
    try:
        for name in names:
            setattr(os, name, counted(name, _real[name]))
        if fault is kill:
            subprocess.run = counted("run", subprocess.run)
        work()
        code = FINISHED
    finally:
        os._exit(code)
