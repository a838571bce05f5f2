"""Suite 2 of the test plan: handlers are made per connection, and nothing of one user is in another's."""

import asyncio
import dataclasses
import gc
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from netra_backend.domain.ids import Owner, TenantId, UserId
from netra_backend.tests.outcomes import PASSES, fails_before, outcome
from netra_backend.tests.unit.websocket_core.handler_subject import HandlerSubject, OpenHandlers, Registry
from netra_backend.websocket_core.registry import DuplicateHandlerError, UnclaimedTypeError

THREADS = 8
ROUNDS = 100
NONSENSE = "00000000-0000-0000-0000-000000000007"


def message(text: str, number: int = 1) -> dict[str, Any]:
    """A user's message."""
    return {"type": "user_message", "id": f"c{number}", "payload": {"text": text}}


def ping(number: int = 1) -> dict[str, Any]:
    """A sign of life."""
    return {"type": "ping", "id": f"p{number}", "payload": {}}


def owner(user: str, tenant: str = "acme") -> Owner:
    """The owner as the store is told it."""
    return Owner(TenantId(tenant), UserId(user))


def state_of(handler: object) -> dict[str, object]:
    """What a handler holds on to, by attribute."""
    names = {name for kind in type(handler).__mro__ for name in getattr(kind, "__slots__", ())}
    held = {name: getattr(handler, name) for name in names if hasattr(handler, name)}
    return held | dict(getattr(handler, "__dict__", {}))


def is_frozen(value: object) -> bool:
    """Whether nobody can change `value` by assigning to it."""
    if dataclasses.is_dataclass(value):
        return bool(getattr(type(value), "__dataclass_params__").frozen)  # noqa: B009 - typeshed hides it
    return isinstance(value, str | int | frozenset | tuple | None)


def shared_state(first: OpenHandlers, second: OpenHandlers) -> list[str]:
    """Where two connections hold the same changeable object, or keep one in a handler's class."""
    found = []
    for kind, handler in first.handlers().items():
        own, others = state_of(handler), state_of(second.handlers()[kind])
        found += [
            f"{kind}.{name}" for name, value in own.items() if value is others[name] and not is_frozen(value)
        ]
        found += [
            f"class of {kind}: {name}"
            for base in type(handler).__mro__
            for name, value in vars(base).items()
            if isinstance(value, list | dict | set | bytearray) and not name.startswith("__")
        ]
    return found


def alive(kinds: Iterable[type]) -> int:
    """How many handlers of these classes exist."""
    wanted = tuple(kinds)
    gc.collect()
    return sum(1 for each in gc.get_objects() if type(each) in wanted)


@fails_before("two users' handlers share start_agent")
async def test_handler_factory_creates_isolated_handlers(subject: HandlerSubject) -> None:
    """Two users' handlers share nothing that can change, and one user's message is stored as that user's."""
    alice, bob = subject.open("alice"), subject.open("bob", tenant="other")
    shared = shared_state(alice, bob)
    assert shared == [], f"two users' handlers share {', '.join(shared)}"
    ids = [id(handler) for each in (alice, bob) for handler in each.handlers().values()]
    assert len(set(ids)) == 2 * len(subject.types)

    outcomes = await asyncio.gather(
        *(
            each.receive(message(text, n))
            for n in range(20)
            for each, text in ((alice, "a" * n + "A"), (bob, "b" * n + "B"))
        )
    )
    assert outcomes == [True] * 40
    assert {
        who: sorted(text for owner, text in subject.stored if owner == who) for who, _ in subject.stored
    } == {
        owner("alice"): sorted("a" * n + "A" for n in range(20)),
        owner("bob", "other"): sorted("b" * n + "B" for n in range(20)),
    }
    for each in (alice, bob):
        assert sorted(frame["reply_to"] for frame in each.frames) == sorted(f"c{n}" for n in range(20))
        assert {frame["type"] for frame in each.frames} == {"accepted"}
    assert {f["thread_id"] for f in alice.frames} & {f["thread_id"] for f in bob.frames} == set()


async def test_a_handler_refuses_to_act_for_another_user(subject: HandlerSubject) -> None:
    """A handler called with a user id that is not its connection's sends one error and stores nothing."""
    alice = subject.open("alice")
    assert await alice.receive(message("not mine"), user_id="bob") is False
    assert [(frame["type"], frame["reply_to"], frame["payload"]["code"]) for frame in alice.frames] == [
        ("error", "c1", "forbidden")
    ]
    assert subject.stored == []


def test_for_whom_a_connection_is_cannot_be_changed(subject: HandlerSubject) -> None:
    """No field of a handler's context takes another value."""
    context = subject.open("alice").context()
    assert dataclasses.is_dataclass(context)
    for field in dataclasses.fields(context):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(context, field.name, getattr(context, field.name))


@fails_before("400 connections have 4 handlers between them")
def test_concurrent_handler_creation(subject: HandlerSubject) -> None:
    """Connections opened by many threads at once each get a whole set of their own, for their own user."""
    barrier = threading.Barrier(THREADS)

    def open_many(thread: int) -> list[tuple[str, OpenHandlers]]:
        barrier.wait()
        return [(name, subject.open(name)) for name in (f"user-{thread}-{n}" for n in range(50))]

    with ThreadPoolExecutor(THREADS) as pool:
        opened = [each for part in pool.map(open_many, range(THREADS)) for each in part]
    assert len(opened) == THREADS * 50
    handlers = [handler for _, each in opened for handler in each.handlers().values()]
    count = len({id(handler) for handler in handlers})
    assert count == THREADS * 50 * len(subject.types), (
        f"{len(opened)} connections have {count} handlers between them"
    )
    for _, each in opened:
        assert set(each.handlers()) == set(subject.types)
    assert shared_state(opened[0][1], opened[-1][1]) == []
    asyncio.run(each_gets_only_its_own(subject, opened))


async def each_gets_only_its_own(subject: HandlerSubject, opened: list[tuple[str, OpenHandlers]]) -> None:
    """All connections speak at once; each is answered once, and stored under its own name."""
    said = [each.receive(message(f"I am {name}", 5)) for name, each in opened]
    assert await asyncio.gather(*said) == [True] * len(opened)
    assert Counter(subject.stored) == Counter((owner(name), f"I am {name}") for name, _ in opened)
    assert [[(f["type"], f["reply_to"]) for f in each.frames] for _, each in opened] == [
        [("accepted", "c5")]
    ] * len(opened)


def makers(count: int) -> list[Callable[..., Any]]:
    """Makers with names of their own."""

    def maker(number: int) -> Callable[..., Any]:
        def make(*_: object) -> object:
            return number

        make.__qualname__ = f"maker_{number}"
        return make

    return [maker(number) for number in range(count)]


@fails_before("8 threads claimed user_message, and nobody objected")
def test_handler_registry_thread_safety(subject: HandlerSubject) -> None:
    """When threads claim one type at the same moment, one gets it, the others hear of both, readers never fail."""
    rivals = makers(THREADS)
    for _ in range(ROUNDS):
        registry = subject.registry()
        barrier = threading.Barrier(THREADS)

        def claim(
            number: int, registry: Registry = registry, barrier: threading.Barrier = barrier
        ) -> str | None:
            barrier.wait()
            dict(registry.makers)
            try:
                registry.register("user_message", rivals[number])
            except DuplicateHandlerError as error:
                return str(error)
            return None

        with ThreadPoolExecutor(THREADS) as pool:
            refusals = list(pool.map(claim, range(THREADS)))
        taken = refusals.count(None)
        assert taken == 1, f"{taken} threads claimed user_message, and nobody objected"
        winner = refusals.index(None)
        assert registry.makers == {"user_message": rivals[winner]}
        assert [each for each in refusals if each is not None] == [
            f"Both {__name__}.maker_{winner} and {__name__}.maker_{number} claim 'user_message'; remove one."
            for number in range(THREADS)
            if number != winner
        ]


def test_registration_order_does_not_decide(subject: HandlerSubject) -> None:
    """The second claim is refused whichever side comes first; the same claim twice is one claim."""
    canonical, legacy = makers(2)
    for first, second in ((canonical, legacy), (legacy, canonical)):
        registry = subject.registry()
        registry.register("start_agent", first)
        registry.register("start_agent", first)
        with pytest.raises(DuplicateHandlerError) as refused:
            registry.register("start_agent", second)
        assert refused.value.message_type == "start_agent"
        assert registry.makers == {"start_agent": first}


def test_every_type_of_the_wire_is_claimed_at_start(subject: HandlerSubject) -> None:
    """A start with types that nobody claims is refused, naming exactly those."""
    assert set(subject.claims()) == set(subject.types)
    registry = subject.registry()
    for kind, maker in subject.claims().items():
        if kind not in ("ping", "follow"):
            registry.register(kind, maker)
    with pytest.raises(UnclaimedTypeError, match=r"^No handler claims follow, ping\.$"):
        subject.build(registry)


@fails_before("the handlers outlive their connection: the next one gets the same")
async def test_handler_lifecycle_management(subject: HandlerSubject) -> None:
    """A connection's handlers survive failures, answer each message once, and are gone with the connection."""
    earlier, alice = subject.open("alice"), subject.open("alice")
    same = {id(each) for each in earlier.handlers().values()} & {
        id(each) for each in alice.handlers().values()
    }
    assert not same, "the handlers outlive their connection: the next one gets the same"
    del earlier
    kinds = {type(handler) for handler in alice.handlers().values()}
    assert alive(kinds) == len(subject.types)
    handlers = dict(alice.handlers())
    outcomes = [
        await alice.receive(each)
        for each in (
            message("first", 1),
            message("break", 2),
            {"type": "stop_agent", "id": "c3", "payload": {"run_id": NONSENSE}},
            message("second", 5),
            ping(6),
            {"type": "authenticate", "id": "c7", "payload": {"token": "x"}},
        )
    ]
    assert outcomes == [True, False, False, True, True, False]
    answers = [(frame["type"], frame["reply_to"], frame["payload"].get("code")) for frame in alice.frames]
    assert answers == [
        ("accepted", "c1", None),
        ("error", "c2", "internal"),
        ("error", "c3", "not_found"),
        ("accepted", "c5", None),
        ("pong", "p6", None),
        ("error", "c7", "unauthenticated"),
    ]
    assert "secret" not in str(alice.frames)
    assert subject.stored == [(owner("alice"), "first"), (owner("alice"), "second")]
    assert all(handlers[kind] is handler for kind, handler in alice.handlers().items())
    again = subject.open("alice")
    assert not {id(each) for each in again.handlers().values()} & {id(each) for each in handlers.values()}
    del handlers, alice
    assert alive(kinds) == len(subject.types)
    del again
    assert alive(kinds) == 0


async def serve_and_leave(subject: HandlerSubject, count: int) -> None:
    """Connections that come, speak, fail and go."""
    for number in range(count):
        opened = subject.open(f"user-{number % 50}")
        await opened.receive(ping(number))
        await opened.receive(message(f"text {number}", number))
        await opened.receive({"type": "stop_agent", "id": "s", "payload": {"run_id": NONSENSE}})
    subject.stored.clear()


@outcome(legacy=PASSES, adapter=PASSES)  # handlers that are made once leave nothing of a connection
async def test_memory_leak_prevention(subject: HandlerSubject) -> None:
    """Five hundred connections that came, spoke, were refused and went leave no object and no memory behind."""
    await serve_and_leave(subject, 50)  # fills caches
    gc.collect()
    objects = len(gc.get_objects())
    tracemalloc.start()
    try:
        await serve_and_leave(subject, 50)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        await serve_and_leave(subject, 500)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(gc.get_objects()) - objects < 100
    assert grown < 50_000  # a hundred bytes a connection; one set of handlers has more than a thousand


def test_open_handlers_are_small(subject: HandlerSubject) -> None:
    """The handlers of an open connection cost at most 3 KB, so that thousands may stay open."""
    subject.open("warm")
    tracemalloc.start()
    opened = [subject.open("alice") for _ in range(500)]
    each = tracemalloc.get_traced_memory()[0] / len(opened)
    tracemalloc.stop()
    assert each < 3_000
