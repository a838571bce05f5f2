"""The calculator agrees with Python where Python gives a finite real number, and is bounded elsewhere."""

import ast
import contextlib
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_backend.agents.calculator import MAX_BITS, CalculatorError, calculate, shown

NUMBERS = st.one_of(
    st.integers(0, 10**6).map(str),
    st.floats(0, 1e6, allow_nan=False).map(lambda value: f"{value:.4f}"),
)
EXPONENTS = st.one_of(st.integers(-4, 6).map(str), st.sampled_from(["0.5", "1.5"]))


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joined = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(" ".join)
    return st.one_of(
        joined.map(lambda text: f"({text})"),
        joined,
        inner.map(lambda text: f"-{text}"),
        st.tuples(inner, EXPONENTS).map(lambda pair: f"({pair[0]}) ** ({pair[1]})"),
        inner.map(lambda text: f"sqrt({text})"),
        st.tuples(inner, inner).map(lambda pair: f"max({pair[0]}, {pair[1]})"),
    )


EXPRESSIONS = st.recursive(NUMBERS, _larger, max_leaves=6)
NAMES = {"sqrt": math.sqrt, "max": max, "__builtins__": {}}


def _python(expression: str) -> int | float | None:
    """Python's own value, or None where it or a part of it is no finite real number of bounded size."""
    value: object = None
    tree = ast.parse(expression, mode="eval").body
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.expr) and not isinstance(node, ast.Name)]
    for node in reversed(nodes):
        try:
            value = eval(ast.unparse(node), NAMES)  # noqa: S307 - the strategy made it, of numbers only
        except (ArithmeticError, ValueError, TypeError):
            return None
        if isinstance(value, complex) or (isinstance(value, int) and value.bit_length() > MAX_BITS):
            return None
        if isinstance(value, float) and not math.isfinite(value):
            return None
    return value  # type: ignore[return-value] # the loop leaves only numbers


@given(EXPRESSIONS)
def test_agrees_with_python(expression: str) -> None:
    """Every expression has Python's value, type included, or is refused where Python has none."""
    expected = _python(expression)
    if expected is None or len(expression) > 300:
        with pytest.raises(CalculatorError):
            calculate(expression)
    else:
        value = calculate(expression)
        assert (type(value), value) == (type(expected), expected)


@given(st.text(alphabet="0123456789.+-*/%^() ,esqrtpifacolx_\n\x00'\"", max_size=80) | st.text(max_size=40))
def test_any_text_gives_a_number_or_a_plain_error(text: str) -> None:
    """No text crashes the calculator."""
    with contextlib.suppress(CalculatorError):
        value = calculate(text)
        assert math.isfinite(value) if isinstance(value, float) else value.bit_length() <= MAX_BITS


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9**9",
        "2 ** 1000000000",
        "(2**4000) ** 2",
        "(-3) ** 10000000000",
        "1 / 0",
        "5 % 0",
        "0 ** -1",
        "(-8) ** 0.5",
        "sqrt(-1)",
        "1e999",
        "1e308 * 10",
        "factorial(100000000)",
        "factorial(2.5)",
        "round(5, -1000000000)",
        "exp(100000)",
        "(" * 150 + "1" + ")" * 150,
        "-" * 290 + "1",
        "1 +" * 150 + "1",
        "+".join(["1"] * 151),
        "",
        "2 +",
        "two",
        "max(1)",
        "sqrt(1, 2)",
        "sqrt",
        "True",
        "1j",
        "[1]",
        "1 < 2",
        "(1).real",
        "__import__(1)",
        "'a' * 9",
        "x := 3",
        "lambda: 1",
        "max(*(1, 2))",
        "round(1.5, ndigits=0)",
    ],
)
def test_refuses_at_once(expression: str) -> None:
    """What is no arithmetic, has no real value or is too large is refused before it costs time."""
    started = time.perf_counter()
    with pytest.raises(CalculatorError, match=r"\.$"):
        calculate(expression)
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("12 * (3 + 4)", "84"),
        ("0.1 + 0.2", "0.3"),
        ("2 ^ 8", "256"),
        ("6 \N{MULTIPLICATION SIGN} 7", "42"),
        ("84 \N{DIVISION SIGN} 2", "42"),
        ("7 // 2", "3"),
        ("7 % 4", "3"),
        ("(-1) ** 1000001", "-1"),
        ("round(pi, 2)", "3.14"),
        ("round(2.5)", "2"),
        ("log10(1000)", "3"),
        ("factorial(5) / 2", "60"),
        ("1 / 3", "0.333333333333"),
    ],
)
def test_shows(expression: str, value: str) -> None:
    """Values are shown as people write them."""
    assert shown(calculate(expression)) == value
