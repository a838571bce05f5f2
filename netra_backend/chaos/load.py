"""People who use the deployment while it breaks: a seeded mix of what users do, each on recording clients."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random  # noqa: TID251 - seeded by the caller
from typing import Final

import httpx

from netra_backend.chaos.agents import order
from netra_backend.chaos.http_facts import fetch_history
from netra_backend.chaos.recording import RecordingClient, Refused, Sent, Token
from netra_backend.chaos.tape import Recording, Snapshot
from netra_backend.domain.ids import Owner

PAUSE_S = 6.0
"""Seconds between the deeds of one user, on average: 40 users are about seven messages a second."""
THREADS = 4
"""Threads that a user goes on with."""
OPEN = 4
"""Runs of one user that may be open: people wait for answers, and the campaign must come to its end."""
NEW_THREAD = 0.25
FRAIL_EVERY = 5
"""Each fifth user has a bad network, each fourth a second tab."""
TABS_EVERY = 4
HTTP_S = 10.0

SHORT_S, LONG_S = (0.0, 2.0), (3.0, 9.0)
"""Seconds that runs take."""

DEEDS: Final = {"short": 44, "long": 16, "burst": 10, "stop": 10, "repeat": 8, "reload": 6, "drop": 6}
"""What a user does next, by weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user of the deployment.

    Attributes:
        urls: gateways, the first one first.
        frail: whether the network is bad.
        tabs: connections that are open at once.
    """

    owner: Owner
    name: str
    token: str
    canary: str
    urls: Sequence[str]
    frail: bool
    tabs: int


@dataclass(slots=True)
class Seat:
    """A person at work: the clients, and what was sent on them."""

    person: Person
    clients: Sequence[RecordingClient]
    chance: Random
    http: httpx.AsyncClient
    messages: list[tuple[RecordingClient, Sent]] = field(default_factory=list)
    stops: list[Sent] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)

    def open(self) -> list[tuple[RecordingClient, Sent]]:
        """Messages whose run was not seen to end."""
        return [(client, sent) for client, sent in self.messages if not _over(client, sent)]


class Load:
    """All people at once. Use it in `async with`: their clients live as long.

    What they do next, for how long and when is drawn from the seed; how the deployment answers is not, so
    that two runs of one seed are alike and not the same.

    Args:
        people: who they are.
        seed: of all that they do.

    Attributes:
        shut_out: clients that were closed for good, in words.
    """

    def __init__(self, people: Sequence[Person], *, seed: int) -> None:
        self._people = people
        self._seed = seed
        self._ending = asyncio.Event()
        self._seats: list[Seat] = []
        self._clients = AsyncExitStack()
        self.shut_out: list[str] = []

    async def __aenter__(self) -> "Load":
        for person in self._people:
            self._seats.append(await self._seat(person))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._clients.aclose()

    @property
    def recordings(self) -> list[Recording]:
        """Of all clients."""
        return [client.recording for seat in self._seats for client in seat.clients]

    @property
    def messages(self) -> list[Sent]:
        """All that was sent to be answered."""
        return [sent for seat in self._seats for _, sent in seat.messages]

    @property
    def accepted(self) -> int:
        """Messages that were accepted so far."""
        return sum(sent.accepted_at is not None for sent in self.messages)

    def end(self) -> None:
        """Let nobody begin anything new."""
        self._ending.set()

    async def connected(self) -> None:
        """Wait until everybody is there."""
        await asyncio.gather(*(client.connected() for seat in self._seats for client in seat.clients))

    async def use(self) -> None:
        """Do what users do, until `end`."""
        await asyncio.gather(*(self._live(seat) for seat in self._seats))

    async def answered(self) -> None:
        """Wait until everything that was sent is accepted or refused."""
        sents = [sent for seat in self._seats for sent in (*(each for _, each in seat.messages), *seat.stops)]
        await asyncio.gather(*(sent.done.wait() for sent in sents))

    async def settle(self) -> None:
        """Wait until every client knows that it misses nothing."""
        clients = [client for seat in self._seats for client in seat.clients]
        await asyncio.gather(*(self._or_shut_out(client) for client in clients))

    async def _or_shut_out(self, client: RecordingClient) -> None:
        try:
            await client.settle()
        except Refused as error:
            self.shut_out.append(str(error))

    async def _seat(self, person: Person) -> Seat:
        chance = Random(f"load {self._seed} {person.name}")  # noqa: S311 - no secret
        clients = [
            await self._clients.enter_async_context(_client(person, tab, chance))
            for tab in range(person.tabs)
        ]
        headers = {"Authorization": f"Bearer {person.token}"}
        http = httpx.AsyncClient(base_url=person.urls[0], headers=headers, timeout=HTTP_S, trust_env=False)
        return Seat(person, clients, chance, await self._clients.enter_async_context(http))

    async def _live(self, seat: Seat) -> None:
        try:
            while not await self._rest(seat.chance.expovariate(1 / PAUSE_S)):
                (deed,) = seat.chance.choices(list(DEEDS), list(DEEDS.values()))
                await self._do(seat, deed)
        except Refused as error:
            self.shut_out.append(str(error))

    async def _rest(self, seconds: float) -> bool:
        """Wait; whether the load has ended meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        except TimeoutError:
            return False
        return True

    async def _do(self, seat: Seat, deed: str) -> None:
        client = seat.chance.choice(seat.clients)
        match deed:
            case "drop":
                client.drop()
            case "repeat":
                _repeat(seat)
            case "reload":
                await _reload(seat, client)
            case _ if len(seat.open()) < OPEN:
                await self._ask(seat, client, deed)
            case _:
                pass

    async def _ask(self, seat: Seat, client: RecordingClient, deed: str) -> None:
        chance = seat.chance
        thread = chance.choice(seat.threads) if seat.threads and chance.random() > NEW_THREAD else None
        count = chance.randint(2, 3) if deed == "burst" and thread is not None else 1
        for _ in range(count):
            seconds = chance.uniform(*(LONG_S if deed in ("long", "stop") else SHORT_S))
            text = f"{order(seconds, chance.randint(0, 2))} ({seat.person.name}, {len(seat.messages) + 1})"
            sent = client.post(text, thread_id=thread)
            seat.messages.append((client, sent))
        if thread is None or deed == "stop":
            await self._unless_ending(sent.done)
        if sent.accepted_at is not None and thread is None:
            seat.threads = [*seat.threads, sent.thread_id][-THREADS:]
        if deed == "stop" and sent.accepted_at is not None and not await self._rest(chance.uniform(0.2, 3.0)):
            await self._stop(seat, client, sent)

    async def _stop(self, seat: Seat, client: RecordingClient, sent: Sent) -> None:
        stop = client.post_stop(sent.run_id)
        seat.stops.append(stop)
        await self._unless_ending(stop.done)

    async def _unless_ending(self, done: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(done.wait()), asyncio.ensure_future(self._ending.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _client(person: Person, tab: int, chance: Random) -> RecordingClient:
    turn = tab % len(person.urls)
    random: Callable[[], float] = Random(chance.random()).random  # noqa: S311 - no secret
    return RecordingClient(
        person.owner,
        urls=[*person.urls[turn:], *person.urls[:turn]],
        token=_always(person.token),
        canary=person.canary,
        name=f"{person.name}, tab {tab + 1}",
        random=random,
    )


def _always(token: str) -> Token:
    async def give() -> str:
        return token

    return give


def _repeat(seat: Seat) -> None:
    """Send something once more that was accepted long or not so long ago."""
    known = [(client, sent) for client, sent in seat.messages if sent.accepted_at is not None]
    if known:
        client, sent = seat.chance.choice(known)
        client.repeat(sent)


async def _reload(seat: Seat, client: RecordingClient) -> None:
    """Load a thread's history as the page does, which later events must continue without a seam."""
    if not seat.threads or not client.whole:
        return
    thread_id, after = seat.chance.choice(seat.threads), client.position
    try:
        messages = await fetch_history(seat.http, thread_id)
    except httpx.HTTPError:  # the gateway may be gone: a page would try again
        return
    client.recording.snapshots.append(Snapshot(thread_id=thread_id, after=after, messages=messages))


def _over(client: RecordingClient, sent: Sent) -> bool:
    return sent.refused is not None or (sent.accepted_at is not None and client.has_ended(sent.run_id))
