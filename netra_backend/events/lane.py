"""Commands to one server, in order, many in one round trip, never waited for and never raising.

What cannot be delivered is dropped and counted as doubt: PostgreSQL holds the truth.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import hiredis
import structlog

from netra_backend.events.link import RETRY_S, Address, Command, Link, Refused, linked

log = structlog.get_logger(__name__)

MAX_WAITING = 50_000
"""Commands kept while the server is slow; beyond this they are dropped, so that memory stays bounded."""
CALM_S = 1.0
"""Seconds without a refused command after which losses are over: a full server refuses some and takes
others, and everybody compares with the log when losses are over."""

Reply = Callable[[Any], None]
Dropped = Callable[[], None]

Item = tuple[Command, Reply | None, Dropped | None, int]
"""A command, who gets its answer, who is told that there is none, and how often it was sent elsewhere."""

_PING: Item = (("PING",), None, None, 0)


class Owner(Protocol):
    """Whom a lane tells what it learns."""

    def suspect(self) -> None:
        """The servers may have changed."""
        ...

    def redirect(self, item: Item, refusal: str, address: Address) -> bool:
        """The server says `MOVED …` or `ASK …`: send it there; False if that is no use."""
        ...

    def recovered(self) -> None:
        """Commands were lost, and the server answers again."""
        ...


class Lane:
    """See the module."""

    def __init__(self, address: Address, owner: Owner) -> None:
        self._address = address
        self._owner = owner
        self._waiting: list[Item] = []
        self._once: set[Command] = set()
        self._wanted = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._calm_at = 0.0
        self._outdated = False
        self.lost = 0

    @property
    def waiting(self) -> int:
        """Commands that were not sent yet."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether everything queued was answered or dropped."""
        return self._idle.is_set()

    def send(self, item: Item) -> None:
        """Queue a command."""
        if len(self._waiting) >= MAX_WAITING:
            self._drop([item])
            return
        self._waiting.append(item)
        self._idle.clear()
        self._wanted.set()

    def send_once(self, command: Command) -> None:
        """Queue a command unless the same one is waiting already."""
        if command not in self._once:
            self._once.add(command)
            self.send((command, None, None, 0))

    async def settle(self) -> None:
        """Wait until everything queued was answered or dropped."""
        await self._idle.wait()

    def leave(self) -> list[Item]:
        """Give up the commands that wait; the server is not in use any more."""
        items, self._waiting = self._waiting, []
        self._idle.set()
        return items

    async def run(self) -> None:
        """Send what is queued, over one connection after the other, until cancelled."""
        away = False
        while True:
            try:
                async with linked(self._address) as link:
                    link.closed.add_done_callback(lambda _: self._wanted.set())
                    await self._write(link, [_PING])
                    if away:
                        away = False
                        log.info("valkey_back", server=self._address.name)
                    await self._serve(link)
            except (OSError, TimeoutError) as error:
                if not away:
                    away = True
                    log.warning("valkey_away", server=self._address.name, error=reason(error))
                self._drop(self._take())
            except Exception:
                log.exception("lane_failed")  # its batch was dropped; the lane must live
            self._rest()
            self._owner.suspect()
            await asyncio.sleep(RETRY_S)

    async def _serve(self, link: Link) -> None:
        while not self._outdated:
            self._rest()
            with suppress(TimeoutError):  # while commands are lost, look whether all is well again
                async with asyncio.timeout(CALM_S if self.lost else None):
                    await self._wanted.wait()
            await self._write(link, self._take() or [_PING])

    async def _write(self, link: Link, batch: list[Item]) -> None:
        try:
            answers = await link.exchange([item[0] for item in batch])
        except BaseException:
            self._drop(batch)
            raise
        self._outdated = False
        for item, answer in zip(batch, answers, strict=True):
            if isinstance(answer, hiredis.ReplyError):
                self._refused(item, str(answer))
            elif item[1] is not None:
                self._reply(item[1], answer)
        if self.lost and asyncio.get_running_loop().time() >= self._calm_at:
            log.info("valkey_complete", server=self._address.name, lost=self.lost)
            self.lost = 0
            self._owner.recovered()

    def _refused(self, item: Item, refusal: str) -> None:
        """Moved to another server, read-only, out of memory: as good as away, unless it can go elsewhere."""
        kind = refusal.partition(" ")[0]
        if kind in ("MOVED", "ASK") and self._owner.redirect(item, refusal, self._address):
            return
        self._outdated = self._outdated or kind == "READONLY"  # its name may lead to another server now
        if not self.lost:
            log.warning("valkey_refuses", server=self._address.name, error=kind)
        self._calm_at = asyncio.get_running_loop().time() + CALM_S
        self._drop([item])
        self._owner.suspect()

    def _reply(self, reply: Reply, answer: Any) -> None:
        try:
            reply(answer)
        except Exception:
            log.exception("reply_failed")  # the lane must live

    def _drop(self, items: list[Item]) -> None:
        self.lost += len([item for item in items if item is not _PING])
        for _, _, dropped, _ in items:
            if dropped is not None:
                dropped()

    def _take(self) -> list[Item]:
        batch, self._waiting = self._waiting, []
        self._once.clear()
        self._wanted.clear()
        return batch

    def _rest(self) -> None:
        if not self._waiting:
            self._idle.set()


def reason(error: BaseException) -> str:
    """What went wrong, for the log: never text of the server, which may name users."""
    return str(error) if isinstance(error, Refused) else type(error).__name__
