import uuid

from hypothesis import given
from hypothesis import strategies as st

from netra_backend.domain.ids import uuid7

MS = st.integers(0, 2**48 - 1)
BITS = st.integers(0, 2**74 - 1)


@given(MS, BITS)
def test_it_is_a_version_7_uuid_with_its_time_in_front(ms: int, bits: int) -> None:
    """RFC 9562, section 5.7; every random bit is kept."""
    made = uuid.UUID(uuid7(ms, bits))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == ms
    assert (made.int >> 64 & 0xFFF) << 62 | made.int & (1 << 62) - 1 == bits


@given(MS, BITS, MS, BITS)
def test_ids_sort_by_their_time(first: int, bits: int, second: int, other: int) -> None:
    """As text too."""
    if first < second:
        assert uuid7(first, bits) < uuid7(second, other)


def test_surplus_bits_do_not_spill() -> None:
    """Neither into the time nor into version and variant."""
    assert uuid7(2**48 + 5, 2**74 + 9) == uuid7(5, 9)
