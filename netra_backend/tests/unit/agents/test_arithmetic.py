"""Arithmetic is found in what people write, and nothing else is taken for it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_backend.agents.arithmetic import find_arithmetic
from netra_backend.agents.calculator import parse


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("What is 12 * (3 + 4)?", "12 * (3 + 4)"),
        ("What is 2+2?", "2+2"),
        ("2 + 2 = ?", "2 + 2"),
        ("what is 10 plus 5, please", "10 + 5"),
        ("12 times 3", "12 * 3"),
        ("7 divided by 2?", "7 / 2"),
        ("5 x 3", "5*3"),
        ("1,000 * 2", "1000 * 2"),
        ("the square root of 16?", "sqrt(16)"),
        ("compute sqrt(2) ^ 3.", "sqrt(2) ^ 3"),
        ("is it max(1, 2) or 3", "max(1, 2)"),
        ("first 1+1, then (2+3) * 4", "(2+3) * 4"),
    ],
)
def test_finds(text: str, expression: str) -> None:
    """The longest expression is taken out of the sentence around it."""
    assert find_arithmetic(text) == expression


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "",
        "I am 30 - and you?",
        "on 2026-11-12",
        "3/4/2026",
        "gpt-4-32",
        "v1.2.3-4",
        "it is 5.",
        "(((",
        "-5",
        "pi",
    ],
)
def test_leaves_alone(text: str) -> None:
    """A lone number, a date, a version and plain words are no arithmetic."""
    assert find_arithmetic(text) is None


@given(st.text(alphabet="0123456789.+-*/%^() ,espitau", max_size=200) | st.text(max_size=200))
def test_what_is_found_can_be_read(text: str) -> None:
    """Whatever the text, what is found is an expression."""
    expression = find_arithmetic(text)
    if expression is not None:
        parse(expression)


@pytest.mark.parametrize(
    "text", ["1" * 4_000, "1+" * 2_000, "(" * 4_000, "1 " * 2_000, ".1" * 2_000, "sqrt" * 1_000]
)
def test_long_text_takes_no_time(text: str) -> None:
    """The search is linear: hostile text does not stop the worker."""
    started = time.perf_counter()
    find_arithmetic(text + "a")
    assert time.perf_counter() - started < 0.5
