"""Group commit: while one transaction commits, what arrives next gathers into the next one.

Durability then costs one flush for many messages, and reads share round trips likewise. Callers may be cancelled at any point: the
statements run in a task of their own, so no connection is ever left in the middle of something.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar, Union

from netra_backend.domain.errors import Busy, Degraded, NetraError

Item = TypeVar("Item")
Result = TypeVar("Result")

Outcome = Union[Result, Exception]  # noqa: UP007 - `Result | Exception` is no generic alias at run time
MAX_BATCH = 256
"""Items in one transaction: enough to share a flush, few enough to hold locks for milliseconds only."""

CROWD_LINGER_S = 0.02
"""For reads that every arriving client needs: nobody sees it, and thousands at once share fifty a second."""


class GroupCommit(Generic[Item, Result]):
    """Collects items and commits them together, in order, one transaction at a time.

    Args:
        commit: writes a batch in one transaction and returns an outcome for each item in order.
            If it raises, nothing was written.
        longest_wait_s: an item that would wait longer, by the pace of the last commit, is refused.
            What fits into the next transaction never is.
        linger_s: seconds from one batch to the next while more than one item comes at a time. In a crowd the
            transactions cost more than the items; who comes alone does not wait.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Awaitable[Sequence[Outcome[Result]]]],
        *,
        longest_wait_s: float = float("inf"),
        linger_s: float = 0.0,
    ) -> None:
        self._commit = commit
        self._longest_wait_s = longest_wait_s
        self._linger_s = linger_s
        self._not_before = 0.0
        self._last_s = 0.0
        self._began_at = 0.0
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """Commit `item`; returns after the commit, or raises its outcome.

        Raises:
            Busy: too many wait; the item is not committed.
        """
        return await self.put(item)

    def put(self, item: Item) -> asyncio.Future[Result]:
        """Commit `item` soon; the outcome as a future. Raises as `submit` does."""
        if len(self._waiting) >= MAX_BATCH and (wait_s := self._wait_s()) > self._longest_wait_s:
            raise Busy(retry_after_ms=round(wait_s * 1000))
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush(), name="group-commit")
        return future

    async def settle(self) -> None:
        """Wait until nothing is waiting any more."""
        while self._flusher is not None:
            await asyncio.wait([self._flusher])

    def _wait_s(self) -> float:
        """Seconds until what comes now will be committed: those before it, at the pace of the last."""
        pace_s = max(self._last_s, asyncio.get_running_loop().time() - self._began_at)
        return pace_s * (1 + len(self._waiting) // MAX_BATCH)

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                early_s = self._not_before - loop.time()
                if early_s > 0 and len(self._waiting) < MAX_BATCH:
                    await asyncio.sleep(early_s)
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                self._began_at = loop.time()
                await self._write(batch)
                self._last_s = loop.time() - self._began_at
                if len(batch) > 1:
                    self._not_before = self._began_at + self._linger_s
        finally:
            self._flusher = None

    async def _write(self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            outcomes: Sequence[Outcome[Result]] = await self._commit([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed to whoever waits, never swallowed
            if len(batch) > 1 and not isinstance(error, Busy | Degraded):
                # One item's fault must not become its neighbours': find it by going one at a time.
                for entry in batch:
                    await self._write([entry])
                return
            outcomes = [_own(error) for _ in batch]
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)


def _own(error: Exception) -> Exception:
    """A shared failure, so that each waiter raises its own traceback."""
    if not isinstance(error, NetraError):
        return error
    return type(error)(str(error), retry_after_ms=error.retry_after_ms, path=error.path)
