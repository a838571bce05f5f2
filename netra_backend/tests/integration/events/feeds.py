"""Two feeds on the same Valkey, as two processes have them, and listeners. Holds no test."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from redis.crc import key_slot

from netra_backend.domain.ids import Owner, TenantId, UserId
from netra_backend.events.feed import ValkeyFeed
from netra_backend.events.link import parse_address
from netra_backend.events.names import channel
from netra_backend.tests.integration.contract.worlds import Listener, happens


@dataclass
class Doubts:
    """What a feed said about itself: whether it was well at each doubt."""

    feed: ValkeyFeed
    told: list[bool] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.feed.on_doubt(self._note)

    async def until(self, *, wanted: bool) -> None:
        """Wait for a doubt at which the feed is well, or is not."""
        await happens(self._news, lambda: wanted in self.told)

    async def healed(self) -> None:
        """Wait until the feed is well, with a doubt to say so."""
        await happens(self._news, lambda: self.told[-1:] == [True])

    def _note(self) -> None:
        self.told.append(self.feed.healthy)
        self._news.set()


@asynccontextmanager
async def feed_on(url: str) -> AsyncIterator[ValkeyFeed]:
    """The feed of one more process."""
    feed = ValkeyFeed(parse_address(url), origin=secrets.token_hex(16))
    await feed.open()
    try:
        yield feed
    finally:
        await feed.close()


def owner_in(first: int, last: int) -> Owner:
    """Somebody whose slot is in this range, and whom no other test has."""
    tenant = TenantId(secrets.token_hex(4))
    owners = (Owner(tenant, UserId(str(number))) for number in range(100_000))
    return next(owner for owner in owners if first <= key_slot(channel(owner)) <= last)


async def hears(telling: ValkeyFeed, owner: Owner, listener: Listener) -> None:
    """Tell, and wait until it is heard."""
    before = len(listener.of("revoked"))
    telling.revoke(owner)
    await listener.until(before + 1, "revoked")
