"""`netra` on a machine whose wall clock jumps, for one process: SIGUSR1 an hour forward, SIGUSR2 an hour back.

Everything that Python knows of the wall clock jumps; the monotonic clock goes on, as it does in such a jump.
"""

import json
import signal
import time
from datetime import datetime, timedelta

from netra_backend import app, cli

HOUR_S = 3600


class JumpingClock(app.SystemClock):
    """The machine's clock and what it has jumped since the start."""

    offset_s = 0

    def now(self) -> datetime:
        """See the port."""
        return super().now() + timedelta(seconds=self.offset_s)


def _jump(number: int, _: object) -> None:
    JumpingClock.offset_s += HOUR_S if number == signal.SIGUSR1 else -HOUR_S
    print(json.dumps({"event": "clock_jumped", "offset_s": JumpingClock.offset_s}), flush=True)  # noqa: T201 - for the test that waits for it


def main() -> None:
    """Run `netra` with these clocks."""
    seconds, nanoseconds = time.time, time.time_ns  # noqa: TID251 - the clock that is made to jump
    time.time = lambda: seconds() + JumpingClock.offset_s  # noqa: TID251 - as above
    time.time_ns = lambda: nanoseconds() + JumpingClock.offset_s * 10**9
    app.SystemClock = JumpingClock  # type: ignore[misc]  # the one place where clocks are wired
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, _jump)
    cli.main()


if __name__ == "__main__":
    main()
