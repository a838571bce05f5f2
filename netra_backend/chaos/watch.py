"""Looks at the processes of a stack while it is broken: what they weigh, and whether they live."""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netra_backend.chaos.memory import MemorySeries, growth
from netra_backend.stack.process import NetraProcess

SAMPLE_S = 1.0
"""Seconds between two looks at the processes."""
WARM_UP_S = 15.0
"""Seconds of each life of a process whose memory does not count: it loads, connects, fills its caches."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class Watch:
    """Looks once a second, and starts again what ended by itself.

    Args:
        processes: of the stack.
        held: whether a process is meant to be out.
        start_again: starts one that is not.

    Attributes:
        series: resident memory of each process over all its lives, without the warm-up of each.
        ended: processes that ended by themselves, in words.
    """

    processes: Sequence[NetraProcess]
    held: Callable[[NetraProcess], bool]
    start_again: Callable[[NetraProcess], Awaitable[None]]
    series: dict[str, MemorySeries] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    _lives: dict[int, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self.look(loop.time())
            await asyncio.sleep(SAMPLE_S)

    async def look(self, now: float) -> None:
        """One look."""
        for process in self.processes:
            if self.held(process):
                continue
            if not process.alive:
                code = await process.ended()
                self.ended.append(f"{process.name} ended by itself with exit code {code}")
                await self.start_again(process)
                continue
            if now - self._lives.setdefault(process.pid, now) >= WARM_UP_S:
                series = self.series.setdefault(process.name, MemorySeries(process=process.name))
                series.rss.append(resident_bytes(process.pid))

    def growth(self) -> dict[str, float]:
        """Growth of each process in percent, of those that lived long enough to tell."""
        found = {}
        for name, series in sorted(self.series.items()):
            try:
                found[name] = growth(series, warm_up=0.0)
            except ValueError:
                continue
        return found


def resident_bytes(pid: int) -> int:
    """The resident memory of a process; 0 when it is gone."""
    statm = Path(f"/proc/{pid}/statm")
    if statm.parent.parent.joinpath("self").exists():
        try:
            return int(statm.read_text(encoding="ascii").split()[1]) * PAGE_BYTES
        except (OSError, IndexError):
            return 0
    asked = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=False)  # noqa: S603, S607
    return int(asked.stdout.strip() or b"0") * 1024
