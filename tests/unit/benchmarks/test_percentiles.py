import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.percentiles import Spread, percentile


@pytest.mark.parametrize(("percent", "expected"), [(1, 1), (50, 50), (99, 99), (99.1, 100), (100, 100)])
def test_nearest_rank_of_one_to_a_hundred(percent: float, expected: float) -> None:
    """With a hundred values the p-th percentile is the p-th value."""
    assert percentile(list(range(1, 101)), percent) == expected


@given(
    values=st.lists(st.floats(min_value=0, max_value=1e6), min_size=1),
    percent=st.floats(min_value=0.001, max_value=100),
)
def test_enough_values_do_not_exceed_it_and_no_smaller_one_would_do(
    values: list[float], percent: float
) -> None:
    """The definition, on any values."""
    found = percentile(sorted(values), percent)
    below = sum(value < found for value in values)
    upto = sum(value <= found for value in values)
    assert found in values
    assert upto >= len(values) * percent / 100 - 1e-6 * len(values)
    assert below < len(values) * percent / 100


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], 0), ([1.0], 100.5)])
def test_nonsense_is_refused(values: list[float], percent: float) -> None:
    """Better no figure than a made-up one."""
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, percent)


def test_a_spread_is_in_milliseconds_and_takes_any_order() -> None:
    """Seconds in, milliseconds out."""
    assert Spread.of([0.003, 0.001, 0.002]) == Spread(count=3, p50=2.0, p99=3.0, worst=3.0)
