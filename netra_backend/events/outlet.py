"""Commands to Valkey, in order, many in one round trip, never waited for and never raising.

What cannot be delivered is dropped and counted as doubt: PostgreSQL holds the truth.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import hiredis
import structlog
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError, ResponseError

log = structlog.get_logger(__name__)

MAX_WAITING = 50_000
"""Commands kept while Valkey is slow; beyond this they are dropped, so that memory stays bounded."""

PATIENCE_S = 2.0
"""Seconds for one exchange with a store that is local or near."""

Reply = Callable[[Any], None]


class Outlet:
    """An ordered stream of commands.

    Args:
        client: the connection pool.
        recovered: called after commands were lost and Valkey answers again.
    """

    def __init__(self, client: Redis, *, recovered: Callable[[], None]) -> None:
        self._client = client
        self._recovered = recovered
        self._waiting: list[tuple[tuple[Any, ...], Reply | None]] = []
        self._once: set[tuple[Any, ...]] = set()
        self._flusher: asyncio.Task[None] | None = None
        self.lost = 0

    def send(self, *command: Any, reply: Reply | None = None) -> None:
        """Queue a command; `reply` gets its answer, if one comes."""
        if len(self._waiting) >= MAX_WAITING:
            self.lost += 1
            return
        self._waiting.append((command, reply))
        self._wake()

    def send_once(self, *command: Any) -> None:
        """Queue a command unless the same one is waiting already."""
        if command not in self._once:
            self._once.add(command)
            self.send(*command)

    def _wake(self) -> None:
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush(), name="valkey-outlet")

    async def settle(self) -> None:
        """Wait until everything queued was sent or dropped."""
        while self._flusher is not None:
            await asyncio.wait([self._flusher])

    async def _flush(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                self._once.clear()
                try:
                    await self._write(batch)
                except (RedisError, OSError, TimeoutError) as error:
                    if not self.lost:
                        log.warning("valkey_away", error=type(error).__name__)
                    self.lost += len(batch)
        finally:
            self._flusher = None

    async def _write(self, batch: list[tuple[tuple[Any, ...], Reply | None]]) -> None:
        answers = await self._exchange([command for command, _ in batch])
        if self.lost:
            log.info("valkey_back", lost=self.lost)
            self.lost = 0
            self._recovered()
        for (_, reply), answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception):  # read-only, out of memory: as good as away
                self.lost += 1
            elif reply is not None:
                reply(answer)

    async def _exchange(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """Send all, then read all answers: the client's own pipeline costs three times the time."""
        pool = self._client.connection_pool
        connection: AbstractConnection = await pool.get_connection()  # type: ignore[no-untyped-call]  # redis-py
        try:
            async with asyncio.timeout(PATIENCE_S):
                await connection.send_packed_command([hiredis.pack_command(command) for command in commands])
                return [await _answer(connection) for _ in commands]
        except BaseException:
            await connection.disconnect()  # its answers would be read as those of the next commands
            raise
        finally:
            await pool.release(connection)


async def _answer(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response(timeout=math.inf)
    except ResponseError as error:
        return error
