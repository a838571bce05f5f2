"""Becomes a server: gives up root, ties its life to its parent's, then executes the server's binary.

Run as a script by `process.py`, because this order cannot be had from `subprocess` alone: changing the
user clears the parent-death signal, so that signal must be asked for afterwards and still before exec.
Standard library only, nothing from this project, so that it starts in a few milliseconds.
"""

import os
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_KEEP_USER = -1


def main(arguments: list[str]) -> None:
    """Execute `arguments[4:]`; the first four are parent pid, death signal, uid (-1: keep) and gid."""
    parent, death_signal, uid, gid = (int(argument) for argument in arguments[:4])
    end_with_parent = _death_watch()  # loaded now: the next user may not be able to read this Python
    if uid != _KEEP_USER:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    end_with_parent(death_signal)
    if os.getppid() != parent:
        sys.exit("the starting process ended before its server could start")
    os.execv(arguments[4], arguments[4:])  # noqa: S606 - no shell is wanted


def _death_watch() -> Callable[[int], object]:
    """What asks the kernel for a signal when the starting thread ends; only Linux can do it."""
    if sys.platform != "linux":
        return int
    try:
        import ctypes
    except ImportError:  # a Python built without libffi: the next start ends the orphan instead
        return int
    prctl = ctypes.CDLL(None).prctl
    return lambda death_signal: prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
