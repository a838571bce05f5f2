import math

from hypothesis import given
from hypothesis import strategies as st

from netra_backend.observability.figures import (
    BOUNDS_MS,
    MAX_CAUSES,
    MAX_TENANTS,
    SLOT_S,
    SLOTS,
    Cause,
    Figures,
    Slot,
    added,
    merged,
    percentile,
)


class Time:
    """Seconds since 1970, set by the test."""

    now = 1_000_000.0

    def __call__(self) -> float:
        """See `time.time`."""
        return self.now


def test_slots_hold_one_tenants_events_and_latencies() -> None:
    """Another tenant's are its own."""
    time = Time()
    figures = Figures(time)
    figures.stored("a", 3)
    figures.accepted("a", 0.0004)
    figures.ran("a", 99_999_999)
    figures.stored("b", 7)
    time.now += SLOT_S
    figures.stored("a", 2)
    assert figures.report("a").slots == [
        Slot(at=1_000_000, events=3, accepted={0: 1}, ran={len(BOUNDS_MS) - 1: 1}),
        Slot(at=1_000_005, events=2),
    ]
    assert [slot.events for slot in figures.report("b").slots] == [7]
    assert figures.report("c").slots == []


def test_what_is_older_than_the_window_is_gone() -> None:
    """Also for a tenant about which nothing more is heard, and not only in the report."""
    time = Time()
    figures = Figures(time)
    for _ in range(3 * SLOTS):
        figures.stored("a", 1)
        time.now += SLOT_S
    assert len(figures._tenants["a"].slots) <= SLOTS + 1
    assert len(figures.report("a").slots) == SLOTS - 1
    time.now += SLOT_S * SLOTS
    assert figures.report("a").slots == []


def test_memory_is_bounded_over_tenants_and_causes() -> None:
    """The tenant without news for longest is forgotten; further causes are one."""
    figures = Figures(Time())
    figures.stored("first", 1)
    for number in range(MAX_TENANTS - 1):
        figures.stored(f"t{number}", 1)
    figures.stored("first", 1)
    figures.stored("one more", 1)
    assert [slot.events for slot in figures.report("first").slots] == [2]
    assert figures.report("t0").slots == []
    for number in range(MAX_CAUSES + 10):
        figures.refused("first", f"c{number}")
    causes = {cause.code: cause.count for cause in figures.report("first").refused}
    assert (len(causes), causes["other"]) == (MAX_CAUSES + 1, 10)


def test_refusals_remember_first_and_last() -> None:
    """And how many."""
    time = Time()
    figures = Figures(time)
    figures.refused("a", "busy")
    time.now += 9
    figures.refused("a", "busy")
    assert figures.report("a").refused == [Cause("busy", 2, 1_000_000, 1_000_009)]


def test_processes_are_added() -> None:
    """Slots by their time, causes by their code."""
    time = Time()
    one, other = Figures(time), Figures(time)
    one.stored("a", 1)
    one.accepted("a", 0.0004)
    one.refused("a", "busy")
    time.now += 6
    other.accepted("a", 0.0004)
    one.accepted("a", 0.0004)
    other.refused("a", "busy")
    both = added([one.report("a"), other.report("a")])
    assert both.slots == [Slot(1_000_000, 1, {0: 1}), Slot(1_000_005, 0, {0: 2})]
    assert both.refused == [Cause("busy", 2, 1_000_000, 1_000_006)]
    assert merged(slot.accepted for slot in both.slots) == {0: 3}


def test_without_latencies_there_is_no_percentile() -> None:
    """Not a zero, which would look quick."""
    assert percentile({}, 0.99) is None


@given(st.lists(st.floats(0.5, 600_000), min_size=1), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_not_further_off_than_a_bucket(latencies: list[float], share: float) -> None:
    """Never below the exact one, at most a quarter above."""
    figures = Figures(Time())
    for each in latencies:
        figures.ran("a", each)
    exact = sorted(latencies)[math.ceil(len(latencies) * share) - 1]
    (slot,) = figures.report("a").slots
    found = percentile(slot.ran, share)
    assert found is not None
    assert exact <= found * 1.001
    assert found <= exact * 1.251
