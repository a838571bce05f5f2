"""Sharded channels at one server: subscribed as long as they are wanted, over one connection after the other.

Must say when messages may have been missed, and must not say so at every new channel.
"""

import asyncio
from typing import Any, Protocol

import hiredis
import structlog

from netra_backend.events.lane import reason
from netra_backend.events.link import PATIENCE_S, RETRY_S, Address, Command, Link, linked

log = structlog.get_logger(__name__)

SILENCE_S = 5.0
"""Seconds without a word after which the server is asked for one: a cut connection can look alive."""


class Hearer(Protocol):
    """Whom the channels' messages are for."""

    def deliver(self, name: bytes, message: bytes) -> None:
        """A message came."""
        ...

    def subscribed(self, name: bytes) -> None:
        """Messages of this channel arrive from now on."""
        ...

    def doubt(self) -> None:
        """Messages may have been missed."""
        ...

    def suspect(self) -> None:
        """The channel may be another server's now."""
        ...


class Listening:
    """See the module."""

    def __init__(self, address: Address, hearer: Hearer) -> None:
        self._address = address
        self._hearer = hearer
        self._names: set[bytes] = set()
        self._missing: set[bytes] = set()
        self._link: Link | None = None
        self._outgoing: list[Command] = []
        self._renewed = False
        self._heard = False
        self.tried = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether the server can be asked for channels."""
        return self._link is not None

    @property
    def complete(self) -> bool:
        """Whether messages of all channels arrive."""
        return self._link is not None and not self._renewed

    def add(self, name: bytes, *, renewed: bool) -> None:
        """Subscribe, unless this is done; `renewed`: it was heard before, so something may be missed."""
        if name in self._names and name not in self._missing:
            return
        self._names.add(name)
        self._missing.add(name)
        self._renewed = self._renewed or renewed
        self._send("SSUBSCRIBE", name)

    def discard(self, name: bytes) -> None:
        """Listen no longer."""
        if name in self._names:
            self._names.discard(name)
            self._missing.discard(name)
            self._send("SUNSUBSCRIBE", name)
            self._complete()

    async def run(self) -> None:
        """Listen until cancelled."""
        away = False
        while True:
            try:
                async with linked(self._address) as link:
                    self._begin(link)
                    self.tried.set()
                    if away:
                        away = False
                        log.info("feed_back", server=self._address.name)
                    await self._watch(link)
            except (OSError, TimeoutError) as error:
                if not away:
                    away = True
                    log.warning("feed_away", server=self._address.name, error=reason(error))
            self.tried.set()
            if self._link is not None:
                self._link = None
                self._hearer.doubt()
            self._hearer.suspect()
            await asyncio.sleep(RETRY_S)

    def _begin(self, link: Link) -> None:
        self._link = link
        self._renewed = True
        self._missing = set(self._names)
        self._outgoing.clear()  # what follows says it all
        link.listen(self._take)
        if self._names:
            link.send([("SSUBSCRIBE", name) for name in self._names])
        else:
            self._complete()

    async def _watch(self, link: Link) -> None:
        while not link.closed.done():
            self._heard = False
            await asyncio.wait([link.closed], timeout=SILENCE_S)
            if not self._heard:
                link.send([("PING",)])
                await asyncio.wait([link.closed], timeout=PATIENCE_S)
                if not self._heard:
                    raise TimeoutError

    def _send(self, command: str, name: bytes) -> None:
        """With all that is said in this turn of the loop: clients come by hundreds, and a write is a system call."""
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._write)
        self._outgoing.append((command, name))

    def _write(self) -> None:
        commands, self._outgoing = self._outgoing, []
        if commands and self._link is not None and not self._link.closed.done():
            self._link.send(commands)

    def _take(self, message: Any) -> None:
        self._heard = True
        try:
            self._understand(message)
        except Exception:
            log.exception("message_failed")  # what anybody can send must not end this

    def _understand(self, message: Any) -> None:
        if isinstance(message, hiredis.ReplyError):  # MOVED, for one
            log.warning("subscription_refused", error=str(message).partition(" ")[0])
            self._hearer.suspect()
            return
        kind, name, *rest = message if isinstance(message, list) else (message, b"")  # the answer to a PING
        if kind == b"smessage":
            self._hearer.deliver(name, rest[0])
        elif kind == b"ssubscribe":
            self._hearer.subscribed(name)
            self._missing.discard(name)
            self._complete()
        elif kind == b"sunsubscribe" and name in self._names:
            self._missing.add(name)  # its slot has moved away
            self._hearer.suspect()

    def _complete(self) -> None:
        if self._link is not None and self._renewed and not self._missing:
            self._renewed = False
            self._hearer.doubt()
