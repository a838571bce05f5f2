"""Group commit in a crowd, on virtual time. That its items are durable and in order is seen on PostgreSQL."""

import asyncio
from collections.abc import Sequence

import pytest

from netra_backend.store.group import MAX_BATCH, GroupCommit
from netra_backend.tests.unit.websocket_core.test_start_and_end import played

LINGER_S = 1.0


class Table:
    """What is committed, and when."""

    def __init__(self) -> None:
        self.batches: list[tuple[float, list[int]]] = []
        self.group: GroupCommit[int, int] = GroupCommit(self._commit, linger_s=LINGER_S)

    async def _commit(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append((asyncio.get_running_loop().time(), list(items)))
        return items

    async def commit(self, *items: int) -> float:
        """All of them at once; how long it took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await asyncio.gather(*(self.group.submit(item) for item in items)) == list(items)
        return loop.time() - began

    @property
    def sizes(self) -> list[int]:
        """Items of each batch."""
        return [len(items) for _, items in self.batches]


def test_who_comes_alone_does_not_wait() -> None:
    """However soon after another."""

    async def scene() -> None:
        table = Table()
        assert [await table.commit(item) for item in range(5)] == [0.0] * 5
        assert table.sizes == [1] * 5

    played(scene())


def test_a_crowd_shares_one_batch_a_linger() -> None:
    """And the first alone again, after it, is the last that waits."""

    async def scene() -> None:
        table = Table()
        assert await table.commit(1, 2) == 0.0
        crowd = []
        for item in range(10):
            await asyncio.sleep(LINGER_S / 20)
            crowd.append(asyncio.create_task(table.commit(item)))
        await asyncio.wait(crowd)
        assert table.sizes == [2, 10]
        (first, _), (second, _) = table.batches
        assert second - first == pytest.approx(LINGER_S)
        assert await table.commit(11) == pytest.approx(LINGER_S)
        assert await table.commit(12) == 0.0

    played(scene())


def test_a_full_batch_does_not_wait() -> None:
    """Nothing would be gained by it."""

    async def scene() -> None:
        table = Table()
        assert await table.commit(*range(3 * MAX_BATCH)) == 0.0
        assert table.sizes == [MAX_BATCH] * 3

    played(scene())
