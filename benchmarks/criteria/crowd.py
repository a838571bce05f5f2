"""Two hundred people at two gateways and two workers: logins, then conversations that are recorded whole.

The stack is its own, on 127.0.0.1, gone at the end. Clients and checker are those of `netra chaos`.
"""

import asyncio
import itertools
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from benchmarks.criteria.agent import ECHOING
from benchmarks.criteria.counting import Page, Told
from benchmarks.processes import BenchmarkError
from netra_backend.app import core
from netra_backend.chaos.facts import Facts, read_database
from netra_backend.chaos.history import judge
from netra_backend.chaos.http_facts import fetch_history, user_http
from netra_backend.chaos.recording import RecordingClient, Refused
from netra_backend.chaos.tape import canary
from netra_backend.chaos.verdict import Verdict
from netra_backend.domain.ids import Owner
from netra_backend.stack.local import LocalStack

PEOPLE: Final = 200
MESSAGES: Final = 20_000
TENANTS: Final = 10
TURNS: Final = 10
"""Messages of a thread, then another is begun: an agent is given the earlier ones."""
LOGINS_AT_ONCE: Final = 8
PATIENCE_S: Final = 300.0
"""For all conversations: on two busy cores they take one to three minutes."""
SETTLE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account, and the secret word of whatever he says."""

    owner: Owner
    email: str
    password: str
    token: str
    word: str


@dataclass(slots=True, kw_only=True)
class Crowd:
    """What came of it.

    Attributes:
        logins: seconds that each login took.
        told: every message that was sent.
        pages: every thread, as its user reads it afterwards.
        trouble: what kept it from its end, in words; what was not said then counts as nothing.
        took_s: for the conversations.
    """

    logins: Sequence[float] = ()
    told: list[Told] = field(default_factory=list)
    pages: Sequence[Page] = ()
    facts: Facts = field(default_factory=dict)
    verdict: Verdict = field(default_factory=Verdict)
    trouble: list[str] = field(default_factory=list)
    took_s: float = 0.0


async def gather_crowd(*, people: int = PEOPLE, messages: int = MESSAGES) -> Crowd:
    """Start the stack, let everybody log in and talk, and read what is stored.

    Raises:
        StackError, EmbeddedError, SettingsError: the stack cannot start.
        BenchmarkError: a login was refused.
    """
    found = Crowd()
    async with _stack() as stack:
        everybody = await _people(stack, people)
        urls = [gateway.url for gateway in stack.gateways]
        found.logins = await _log_in(urls, everybody)
        clients = await _talk(urls, everybody, found, messages=messages)
        found.pages = await _read(urls, everybody, found.told)
        found.facts = await read_database(stack.owner_url)
    found.verdict = judge([client.recording for client in clients], found.facts)
    return found


@asynccontextmanager
async def _stack() -> AsyncIterator[LocalStack]:
    with tempfile.TemporaryDirectory(prefix="netra-criteria-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with LocalStack(data_dir=folder / "data", agent=ECHOING, cwd=folder) as stack:
            yield stack


async def _people(stack: LocalStack, count: int) -> list[Person]:
    found = []
    async with core(stack.settings(), stack.addresses) as parts:
        for number in range(count):
            email, password = f"person{number}@example.com", secrets.token_urlsafe(12)
            user = await parts.auth.users.add(email, tenant=f"tenant-{number % TENANTS}", password=password)
            token = (await parts.auth.issue(user)).access_token
            word = canary(secrets.token_hex(6))
            found.append(Person(user.owner, email, password, token, word))
    return found


async def _log_in(urls: Sequence[str], people: Sequence[Person]) -> list[float]:
    """Everybody once, with the password, some at the same time."""
    turns = asyncio.Semaphore(LOGINS_AT_ONCE)
    async with httpx.AsyncClient(timeout=SETTLE_S, trust_env=False) as http:

        async def one(url: str, person: Person) -> float:
            async with turns:
                began = time.perf_counter()
                body = {"email": person.email, "password": person.password}
                answer = await http.post(f"{url}/auth/login", json=body)
                if answer.status_code != httpx.codes.OK:
                    raise BenchmarkError(f"A login was answered with {answer.status_code}.")
                return time.perf_counter() - began

        return await asyncio.gather(*map(one, itertools.cycle(urls), people))


async def _talk(
    urls: list[str], people: Sequence[Person], found: Crowd, *, messages: int
) -> list[RecordingClient]:
    """Everybody at once: each says the next thing when the last answer has ended."""
    async with AsyncExitStack() as ending:
        clients = [
            await ending.enter_async_context(_client(person, urls[turn:] + urls[:turn]))
            for person, turn in zip(people, itertools.cycle(range(len(urls))), strict=False)
        ]
        began = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
                for person, client in zip(people, clients, strict=True):
                    group.create_task(_converse(person, client, found, messages // len(people)))
        except TimeoutError:
            found.trouble.append(f"{len(found.told)} of {messages} messages were sent in {PATIENCE_S:g} s")
        found.took_s = time.perf_counter() - began
        try:
            async with asyncio.timeout(SETTLE_S):
                await asyncio.gather(*(client.settle() for client in clients))
        except (TimeoutError, Refused) as error:
            found.trouble.append(
                f"not every client learned that it misses nothing: {str(error) or 'too late'}"
            )
    return clients


async def _converse(person: Person, client: RecordingClient, found: Crowd, count: int) -> None:
    thread: str | None = None
    for number in range(count):
        text = f"{number + 1} of {count}, from {person.email}"
        place = len(found.told)
        found.told.append(Told(person.owner, f"{text} {person.word}", "", ""))
        try:
            sent = await client.say(text, thread_id=thread if number % TURNS else None)
            thread = sent.thread_id or None
            found.told[place] = found.told[place]._replace(thread_id=sent.thread_id, run_id=sent.run_id)
            if sent.refused is None:
                await client.ended(sent.run_id)
        except Refused as error:
            found.trouble.append(str(error))
            return


async def _read(urls: Sequence[str], people: Sequence[Person], told: Sequence[Told]) -> list[Page]:
    """Every thread of everybody over HTTP, from the other gateway than the one it was written at."""
    threads: dict[Owner, dict[str, None]] = {}
    for each in told:
        if each.thread_id:
            threads.setdefault(each.owner, {})[each.thread_id] = None

    async def one(number: int, person: Person) -> list[Page]:
        async with user_http(urls[(number + 1) % len(urls)], person.token) as http:
            return [
                Page(person.owner, thread_id, await fetch_history(http, thread_id))
                for thread_id in threads.get(person.owner, ())
            ]

    turns = asyncio.Semaphore(LOGINS_AT_ONCE)

    async def in_turn(number: int, person: Person) -> list[Page]:
        async with turns:
            return await one(number, person)

    pages = await asyncio.gather(*(in_turn(number, person) for number, person in enumerate(people)))
    return list(itertools.chain.from_iterable(pages))


def _client(person: Person, urls: Sequence[str]) -> RecordingClient:
    async def token() -> str:
        return person.token

    return RecordingClient(person.owner, urls=urls, token=token, canary=person.word, name=person.email)
