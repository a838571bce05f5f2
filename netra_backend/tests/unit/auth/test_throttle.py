import pytest

from netra_backend.auth.throttle import Throttle
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
