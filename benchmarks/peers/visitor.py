"""One simulated user of another product: the same five steps in the same order, or the measurement is void.

The load generator knows it as a `User`; what goes over the wire is each product's own.
"""

import time
from collections.abc import Callable
from typing import Any

from benchmarks.user import LIFECYCLE, Run, User


class Visitor(User):
    """A user with one run at a time. Every run is checked in full, and decoded: peers are slow enough for it.

    Args:
        address: host and port.
        token: whatever the product knows the user by.
        completed: called after each run.
        failed: called when something is not as it must be.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        completed: Callable[[User, Run], None],
        failed: Callable[[], None],
    ) -> None:
        super().__init__(address, token, completed=completed, failed=failed, verify_every=1)
        self.current: Run | None = None
        self.said = 0
        self._done = completed

    def begin(self, due: float) -> None:
        """The next message goes out."""
        self.current = Run(due)
        self.said += 1

    def reach(self, step: int, payload: Any) -> None:
        """The current run came to a step, counted from 0 as in `LIFECYCLE`."""
        run = self.current
        if run is None or step != run.step:
            found = "no run" if run is None else f"step {run.step + 1} of a run"
            return self._fail(f"{LIFECYCLE[step].decode()} came as {found}: {str(payload)[:200]}")
        run.step += 1
        if step == 0:
            run.started = time.perf_counter()
        elif run.step == len(LIFECYCLE):
            run.completed = time.perf_counter()
            self.current = None
            self.verified += 1
            self._done(self, run)
        return None

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Content must be what the stub agent gave."""
        if found != wanted:
            self._fail(f"{what} is {str(found)[:200]!r}")
