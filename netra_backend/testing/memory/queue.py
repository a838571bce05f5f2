"""The `Queue` in memory. Its time is the memory's clock."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from netra_backend.domain.ids import RunId, ThreadId, WorkerId
from netra_backend.domain.runs import MAX_ATTEMPTS, Lane, Run
from netra_backend.testing.memory.state import Memory, RunRow


class MemoryQueue:
    """See `domain.ports.Queue`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def claim(self, worker: WorkerId, *, limit: int) -> Sequence[Run]:
        """See the port."""
        lapsed = self._lapsed()
        others = [row for row in lapsed if row.deaths != MAX_ATTEMPTS - 2]
        chosen = [*self._suspect(worker, lapsed), *others, *self._due()][:limit]
        return [self._memory.take(row, worker) for row in chosen]

    async def heartbeat(
        self, worker: WorkerId, runs: Collection[Run]
    ) -> tuple[Collection[RunId], Collection[RunId]]:
        """See the port."""
        held = [row for run in runs if (row := self._held(worker, run)) is not None]
        for row in held:
            row.lease_until = self._memory.clock.now() + timedelta(seconds=self._memory.lease_s)
        return {row.id for row in held}, {row.id for row in held if row.stop_requested}

    async def release(self, worker: WorkerId, runs: Collection[Run]) -> None:
        """See the port."""
        for run in runs:
            row = self._held(worker, run)
            if row is not None:
                row.status, row.worker, row.lease_until = "queued", None, None
                row.due_at = self._memory.clock.now()

    async def depth(self) -> Mapping[str, int]:
        """See the port."""
        states = [row.status for row in self._memory.runs.values()]
        return {"queued": states.count("queued"), "running": states.count("running")}

    async def lanes(self) -> Mapping[Lane, int]:
        """See the port."""
        lanes = [row.lane for row in self._memory.runs.values() if row.status == "queued"]
        return {lane: lanes.count(lane) for lane in Lane}

    def _lapsed(self) -> list[RunRow]:
        now = self._memory.clock.now()
        leased = [row for row in self._memory.runs.values() if row.status == "running"]
        lapsed = [(row.lease_until, row) for row in leased if row.lease_until and row.lease_until < now]
        return [row for _, row in sorted(lapsed, key=lambda entry: entry[0])]

    def _suspect(self, worker: WorkerId, lapsed: Sequence[RunRow]) -> Sequence[RunRow]:
        """One run for its last try, unless the worker has one already."""
        now = self._memory.clock.now()
        has_one = any(
            (row.status, row.worker, row.deaths) == ("running", worker, MAX_ATTEMPTS - 1)
            and row.lease_until is not None
            and row.lease_until >= now
            for row in self._memory.runs.values()
        )
        return [] if has_one else [row for row in lapsed if row.deaths == MAX_ATTEMPTS - 2][:1]

    def _due(self) -> list[RunRow]:
        first: dict[ThreadId, RunRow] = {}
        for row in sorted(self._memory.runs.values(), key=lambda row: (row.status == "queued", row.turn)):
            if row.open:
                first.setdefault(row.thread_id, row)
        return sorted((row for row in first.values() if row.status == "queued"), key=lambda row: row.due_at)

    def _held(self, worker: WorkerId, run: Run) -> RunRow | None:
        row = self._memory.runs.get(run.id)
        held = row is not None and (row.status, row.worker, row.attempt) == ("running", worker, run.attempt)
        return row if held else None
