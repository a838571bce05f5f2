"""Becomes a program in a process that ends with its parent, even when the parent is killed with -9.

Run as `python -m netra_backend.stack.child PARENT MODULE …`. On Linux the kernel sends SIGKILL (also to
a process that is paused); elsewhere a thread looks once a second whether the parent is still there.
"""

import os
import runpy
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
LOOK_S = 1.0
"""Seconds that an orphan lives at most where the kernel cannot end it."""


def main() -> None:
    """Tie this process to its parent, then run the module with the arguments that are left."""
    parent, module = int(sys.argv.pop(1)), sys.argv.pop(1)
    if not _kernel_watches():
        threading.Thread(target=_watch, args=[parent], daemon=True).start()
    if os.getppid() != parent:  # it ended before the kernel was asked
        sys.exit("netra: the stack ended before this process could start")
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _kernel_watches() -> bool:
    """Ask Linux for SIGKILL when the starting thread of the parent ends; whether it will."""
    if sys.platform != "linux":
        return False
    try:
        import ctypes
    except ImportError:  # a Python built without libffi
        return False
    return ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0  # type: ignore[no-any-return]  # C


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(1)


if __name__ == "__main__":
    main()
