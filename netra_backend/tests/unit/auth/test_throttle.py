import pytest

from netra_backend.auth.throttle import SharedThrottle, Throttle
from netra_backend.domain.errors import Degraded, RateLimited, Unauthenticated
from netra_backend.testing.fake_clock import FakeClock


def test_a_burst_then_one_a_period_for_each_key(clock: FakeClock) -> None:
    """The wait that is named is exactly the one that helps."""
    throttle = Throttle(clock, burst=3, period_s=10)
    for _ in range(3):
        throttle.take("a")
    with pytest.raises(RateLimited) as refused:
        throttle.take("a")
    assert refused.value.retry_after_ms == 10_001
    throttle.take("b")
    clock.forward(10.001)
    throttle.take("a")
    with pytest.raises(RateLimited):
        throttle.take("a")


def test_only_wrong_secrets_count(clock: FakeClock) -> None:
    """Success and an outage of the database give the attempt back."""
    throttle = Throttle(clock, burst=1, period_s=10)
    with throttle.attempt("a"):
        pass
    with pytest.raises(Degraded), throttle.attempt("a"):
        raise Degraded
    with pytest.raises(Unauthenticated), throttle.attempt("a"):
        raise Unauthenticated
    with pytest.raises(RateLimited), throttle.attempt("a"):
        pytest.fail("was let through")


def test_attempts_at_the_same_time_count_too(clock: FakeClock) -> None:
    """They are counted before the slow check, not after it."""
    throttle = Throttle(clock, burst=1, period_s=10)
    with throttle.attempt("a"), pytest.raises(RateLimited):
        throttle.take("a")


def test_memory_is_bounded(clock: FakeClock) -> None:
    """A million made-up names keep no more than the limit."""
    throttle = Throttle(clock, burst=1, period_s=10, keys=100)
    for number in range(1000):
        throttle.take(number)
    assert len(throttle._arrivals) == 100


def test_whoever_was_forgotten_first_came_first(clock: FakeClock) -> None:
    """A key that is tried again and again is not pushed out by new ones."""
    throttle = Throttle(clock, burst=2, period_s=10, keys=2)
    for key in ("old", "guessed", "old", "new"):
        throttle.take(key)
    with pytest.raises(RateLimited):
        throttle.take("old")
    throttle.take("guessed")
    throttle.take("guessed")


class Count:
    """A `SharedCount` that keeps what it was asked; `wait_s` is its next answer."""

    def __init__(self, wait_s: float | None = 0.0) -> None:
        self.wait_s = wait_s
        self.taken: list[tuple[str, int, float]] = []
        self.given_back: list[tuple[str, int, float]] = []

    async def take(self, key: str, *, burst: int, period_s: float) -> float | None:
        """See the protocol."""
        self.taken.append((key, burst, period_s))
        return self.wait_s

    def give_back(self, key: str, *, burst: int, period_s: float) -> None:
        """See the protocol."""
        self.given_back.append((key, burst, period_s))


def shared(clock: FakeClock, count: Count | None, *, burst: int = 2) -> SharedThrottle:
    """A throttle of logins over all processes."""
    return SharedThrottle(clock, count, name="login", burst=burst, period_s=10)


async def test_over_all_processes_too_only_wrong_secrets_count(clock: FakeClock) -> None:
    """The same name is given back that was taken, and it does not show whose it is."""
    count = Count()
    throttle = shared(clock, count)
    async with throttle.attempt("acme", "ada@example.com"):
        pass
    with pytest.raises(Degraded):
        async with throttle.attempt("acme", "ada@example.com"):
            raise Degraded
    assert count.given_back == count.taken
    assert len(set(count.taken)) == 1
    with pytest.raises(Unauthenticated):
        async with throttle.attempt("acme", "ada@example.com"):
            raise Unauthenticated
    assert (len(count.taken), len(count.given_back)) == (3, 2)
    ((name, burst, period_s),) = set(count.taken)
    assert name.startswith("login:")
    assert "ada" not in name
    assert (burst, period_s) == (2, 10)


async def test_names_do_not_run_into_each_other(clock: FakeClock) -> None:
    """`a` of tenant `bc` is not `ab` of tenant `c`."""
    count = Count()
    for key in (("bc", "a"), ("b", "ca"), ("bca",)):
        async with shared(clock, count).attempt(*key):
            pass
    assert len({name for name, _, _ in count.taken}) == 3


async def test_the_other_processes_may_refuse(clock: FakeClock) -> None:
    """With their time to wait; nothing then counts here, nor is it given back there."""
    count = Count(wait_s=1.5)
    throttle = shared(clock, count, burst=1)
    for _ in range(2):
        with pytest.raises(RateLimited) as refused:
            async with throttle.attempt("a"):
                pytest.fail("was let through")
        assert (refused.value.retry_after_ms, str(refused.value)) == (
            1501,
            "Too many attempts; wait a little.",
        )
    assert count.given_back == []


@pytest.mark.parametrize("count", [None, Count(wait_s=None)])
async def test_while_nobody_can_be_asked_this_process_counts_alone(
    clock: FakeClock, count: Count | None
) -> None:
    """Guessing stays slow without Valkey."""
    throttle = shared(clock, count, burst=1)
    with pytest.raises(Unauthenticated):
        async with throttle.attempt("a"):
            raise Unauthenticated
    with pytest.raises(RateLimited):
        async with throttle.attempt("a"):
            pytest.fail("was let through")
    async with throttle.attempt("b"):
        pass
