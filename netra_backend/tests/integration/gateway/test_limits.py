"""Attack 42 over several gateways, and what is left of the limits while Valkey is away."""

from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from netra_backend.app import Core, core
from netra_backend.auth.service import Auth, Guesses
from netra_backend.domain.errors import Busy, RateLimited, Unauthenticated
from netra_backend.domain.ids import ConnectionId, Owner, TenantId, UserId
from netra_backend.domain.runs import Submission
from netra_backend.embedded.wiring import Addresses
from netra_backend.events.limits import Allowance, UserLimits
from netra_backend.settings import Settings
from netra_backend.testing.client import connected
from netra_backend.testing.fake_clock import FakeClock
from netra_backend.testing.server import running
from netra_backend.tests.integration.gateway.people import person
from netra_backend.tests.valkey_servers import tell

AWAY = "redis://127.0.0.1:1"
BURST = 40


def owner(parts: Core) -> Owner:
    """A user whom no other test has in Valkey, which they share."""
    return Owner(TenantId("acme"), UserId(parts.feed.origin.decode()))


def limits(parts: Core, clock: FakeClock, *, connections: int = 3) -> UserLimits:
    """Those of one more gateway: `BURST` frames at once, then one in ten seconds."""
    return UserLimits(parts.feed.outlet, clock, connections=connections, frames_per_second=0.1, burst=BURST)


@pytest.fixture
def clock() -> FakeClock:
    """Gateways' clocks; Valkey has its own."""
    return FakeClock()


@pytest.fixture
def lonely(addresses: Addresses) -> Addresses:
    """Stores without Valkey."""
    return replace(addresses, valkey_url=AWAY)


def taken(allowance: Allowance, frames: int, now: float) -> list[bool]:
    """For each of some frames, whether it was let through."""
    return [allowance.take(now) <= 0 for _ in range(frames)]


async def test_attack_42_frames_of_a_user_count_over_all_gateways(parts: Core, clock: FakeClock) -> None:
    """Each gateway sees less than the limit; together it is more, and both refuse."""
    gateways = [limits(parts, clock), limits(parts, clock)]
    now = clock.monotonic()
    ada = [each.enter(owner(parts), ConnectionId(f"c{n}"), _never) for n, each in enumerate(gateways)]
    before = [taken(each, 30, now) for each in ada]
    before.append(taken(ada[0], 10, now))  # the lot with which the first one learns of the other
    await parts.feed.outlet.settle()
    assert before == [[True] * 30, [True] * 30, [True] * 10]
    waits = [each.take(now) for each in ada]
    assert all(100 < wait <= 300 for wait in waits), waits
    for each in gateways:
        await each.close()


async def test_a_polite_user_is_never_refused_and_seldom_counted(parts: Core, clock: FakeClock) -> None:
    """A command for every lot, however many frames; who waits as told is let in again."""
    gateway = limits(parts, clock)
    ada = gateway.enter(owner(parts), ConnectionId("c"), _never)
    await parts.feed.outlet.settle()
    before = parts.feed.outlet.waiting
    assert taken(ada, 9, clock.monotonic()) == [True] * 9
    assert parts.feed.outlet.waiting == before
    assert all(taken(ada, 200, clock.monotonic())) is False
    clock.forward(ada.blocked_until - clock.monotonic())
    assert taken(ada, 1, clock.monotonic()) == [True]
    await gateway.close()


async def test_leaving_reports_what_was_spent(parts: Core, clock: FakeClock) -> None:
    """Or coming again for each few frames would cost nothing."""
    gateway = limits(parts, clock)
    for number in range(6):
        ada = gateway.enter(owner(parts), ConnectionId(f"c{number}"), _never)
        taken(ada, 9, clock.monotonic())
        gateway.leave(owner(parts), ConnectionId(f"c{number}"))
    ada = gateway.enter(owner(parts), ConnectionId("last"), _never)
    taken(ada, 10, clock.monotonic())
    await parts.feed.outlet.settle()
    assert ada.take(clock.monotonic()) > 0
    await gateway.close()


async def test_without_valkey_a_gateway_counts_for_itself(
    settings: Settings, lonely: Addresses, clock: FakeClock
) -> None:
    """By the same numbers."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    async with core(settings, lonely) as parts:
        gateway = limits(parts, clock)
        ada = gateway.enter(owner(parts), ConnectionId("c"), _never)
        assert taken(ada, 60, clock.monotonic()).count(True) == 50  # the lot that goes over is let through
        await gateway.close()


async def test_attack_42_connections_of_a_user_count_over_all_gateways(parts: Core, clock: FakeClock) -> None:
    """The one too many is told; a seat is free again when another leaves, and a lapsed one by itself."""
    here, there = limits(parts, clock), limits(parts, clock)
    evicted: list[str] = []
    for number, gateway in enumerate((here, there, here, there)):
        name = ConnectionId(f"c{number}")
        gateway.enter(owner(parts), name, lambda name=name: evicted.append(name))  # type: ignore[misc]
        await parts.feed.outlet.settle()
    assert evicted == ["c3"]
    here.leave(owner(parts), ConnectionId("c0"))
    there.leave(owner(parts), ConnectionId("c3"))
    there.enter(owner(parts), ConnectionId("c4"), lambda: evicted.append("c4"))
    await parts.feed.outlet.settle()
    assert evicted == ["c3"]
    for gateway in (here, there):
        await gateway.close()


async def test_seats_come_back_after_valkey_was_emptied(
    parts: Core, clock: FakeClock, addresses: Addresses
) -> None:
    """The renewal takes them again, and a user who came meanwhile with too many loses the surplus."""
    here, there = limits(parts, clock, connections=2), limits(parts, clock, connections=2)
    evicted: list[str] = []
    for name in ("a", "b"):
        here.enter(owner(parts), ConnectionId(name), lambda name=name: evicted.append(name))  # type: ignore[misc]
    await parts.feed.outlet.settle()
    await tell(addresses.valkey_url, "FLUSHDB")
    there.enter(owner(parts), ConnectionId("c"), lambda: evicted.append("c"))
    await parts.feed.outlet.settle()
    before = list(evicted)
    for gateway in (here, there):
        gateway.renew([owner(parts)])
    await parts.feed.outlet.settle()
    assert (before, evicted) == ([], ["b"])
    for gateway in (here, there):
        await gateway.close()


async def test_attack_42_sockets_on_two_gateways(settings: Settings, addresses: Addresses) -> None:
    """4503 for the third, on whichever gateway; `rate_limited` for what two gateways see together."""
    strict = settings.model_copy(
        update={"connections_per_user": 2, "user_frames_per_second": 0.1, "user_frames_burst": 40}
    )
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(running(strict, addresses, worker=False)) for _ in range(2)
        ]
        ada, bob = await person(one.parts), await person(one.parts)
        first = await stack.enter_async_context(connected(one.url, ada.token))
        second = await stack.enter_async_context(connected(two.url, ada.token))
        for server in (one, two):
            async with connected(server.url, ada.token, greet=False) as third:
                assert await third.closed() == 4503
        await stack.enter_async_context(connected(two.url, bob.token))
        for _ in range(30):
            assert (await first.ask("ping"))["type"] == "pong"
        await one.parts.feed.outlet.settle()
        answers = []
        for _ in range(30):
            answers.append((await second.ask("ping"))["type"])
            await two.parts.feed.outlet.settle()
        assert answers == ["pong"] * 20 + ["error"] * 10  # the second lot goes over
        refused = second.of_type("error")[0]["payload"]
        assert (refused["code"], refused["retryable"]) == ("rate_limited", True)
        assert 0 < refused["retry_after_ms"] <= 210_000


async def test_a_tenants_queue_counts_over_all_gateways(settings: Settings, addresses: Addresses) -> None:
    """`busy` with a time to wait, on each of them; another tenant's messages are taken."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    small = settings.model_copy(update={"queue_limit_per_tenant": 6})
    async with core(small, addresses) as one, core(small, addresses) as two:
        for number in range(6):
            await (one, two)[number % 2].store.accept(said(f"c{number}", f"user{number}"))
        for parts in (one, two):
            with pytest.raises(Busy) as refused:
                await parts.store.accept(said("more", "somebody"))
            assert 500 <= (refused.value.retry_after_ms or 0) <= 10_000
        await one.store.accept(said("c", "somebody", tenant="globex"))


async def test_wrong_passwords_count_over_all_gateways(settings: Settings, addresses: Addresses) -> None:
    """Half of the guesses at each of two gateways are as many as all at one."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    async with core(settings, addresses) as one, core(settings, addresses) as two:
        ada = await person(one)
        for number in range(Guesses().account_from_address):
            with pytest.raises(Unauthenticated):
                await login((one, two)[number % 2].auth, ada.email, "wrong")
        for parts in (one, two):
            with pytest.raises(RateLimited) as refused:
                await login(parts.auth, ada.email, "correct horse battery")
            assert 0 < (refused.value.retry_after_ms or 0) <= 10_001


async def test_right_passwords_do_not_count_and_valkey_is_not_needed(
    settings: Settings, addresses: Addresses, lonely: Addresses
) -> None:
    """Each login gives back what it took."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    strict = settings.model_copy(update={"login_attempts": 2})
    for stores in (addresses, lonely):
        async with core(strict, stores) as parts:
            ada = await person(parts)
            for _ in range(3):
                await login(parts.auth, ada.email, "correct horse battery")
            for _ in range(2):
                with pytest.raises(Unauthenticated):
                    await login(parts.auth, ada.email, "wrong")
            with pytest.raises(RateLimited):
                await login(parts.auth, ada.email, "correct horse battery")


async def login(auth: Auth, email: str, password: str) -> None:
    """From one address."""
    await auth.login(email, password, address="192.0.2.1")


def said(client_id: str, user: str, *, tenant: str = "acme") -> Submission:
    """A message in a new thread."""
    who = Owner(TenantId(tenant), UserId(user))
    return Submission(owner=who, client_id=client_id, text="x", thread_id=None)


def _never() -> None:
    pytest.fail("evicted")
