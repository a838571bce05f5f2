import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_backend.domain.errors import BadMessage
from netra_backend.protocol.nesting import MAX_DEPTH, check_keys, too_deep


def test_depth_counts_what_is_open_at_once() -> None:
    """Many brackets beside each other are not deep."""
    assert not too_deep("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert too_deep("[" * (MAX_DEPTH + 1))
    assert not too_deep(json.dumps([[]] * 100))
    assert not too_deep(json.dumps(['[{"\\' * 100]))


@given(st.recursive(st.text('[]{}"\\a'), lambda inner: st.lists(inner, max_size=3), max_leaves=60))
def test_depth_is_that_of_the_value(value: Any) -> None:
    """Whatever its strings hold."""

    def depth(node: Any) -> int:
        return 1 + max((depth(each) for each in node), default=0) if isinstance(node, list) else 0

    for _ in range(28):
        value = [value]
    assert too_deep(json.dumps(value)) == (depth(value) > MAX_DEPTH)


@pytest.mark.parametrize("text", ['{"a":1,"a":1}', '[{"x":{"a":1,"b":2,"a":3}}]', '{"a":1,"\\u0061":2}'])
def test_a_key_given_twice_is_refused(text: str) -> None:
    """At any depth, and however it is written."""
    with pytest.raises(BadMessage):
        check_keys(text)


def test_the_same_key_in_two_objects_is_fine() -> None:
    """They are two objects."""
    check_keys('[{"a":1},{"a":{"a":2}}]')
