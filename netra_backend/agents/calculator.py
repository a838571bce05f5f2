"""A calculator for untrusted text: its own walk over Python's expression tree, never `eval`.

Every operation is bounded before it is carried out, so that no input costs noticeable time or
memory: text by length, nesting by depth, integers by bits, the arguments of functions by value.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Final

Number = int | float

MAX_LENGTH: Final = 300
"""Characters; a line that a person types."""

MAX_DEPTH: Final = 40
"""Nested operations; far below the interpreter's own recursion limit."""

MAX_BITS: Final = 4096
"""Bits of an integer, about 1,200 digits: below the limit at which Python refuses to print one."""

MAX_PLACES: Final = 100
"""Decimal places of `round`; `round(5, -10**9)` would compute a power of a billion digits."""

MAX_FACTORIAL: Final = 500
"""`factorial(500)` has 1,135 digits."""


class CalculatorError(ValueError):
    """The expression cannot be worked out; the message says why, for people."""


def calculate(expression: str) -> Number:
    """The value of an arithmetic expression such as `12 * (3 + 4)` or `sqrt(2) ^ 3`.

    Knows `+ - * / // % **`, `^` for powers, typographic signs, parentheses, `pi`, `e`, `tau` and the names
    of `FUNCTIONS`. Agrees with Python where Python gives a finite real number.

    Raises:
        CalculatorError: it is no arithmetic, has no finite real value or is too large.
    """
    tree = parse(expression)
    try:
        return _value(tree, depth=0)
    except ZeroDivisionError:
        raise CalculatorError("This divides by zero.") from None
    except OverflowError:
        raise CalculatorError("The result is too large.") from None
    except ValueError as error:
        if isinstance(error, CalculatorError):
            raise
        raise CalculatorError("A function is not defined for this value.") from None


def parse(expression: str) -> ast.expr:
    """The expression's tree; anything but arithmetic in it is refused by `calculate`.

    Raises:
        CalculatorError: empty, too long, or no expression.
    """
    text = plain_signs(expression.strip()).replace("^", "**")
    if not text:
        raise CalculatorError("There is nothing to calculate.")
    if len(text) > MAX_LENGTH:
        raise CalculatorError(f"The expression is longer than {MAX_LENGTH} characters.")
    if not _ALLOWED.fullmatch(text):
        raise CalculatorError("Only numbers, + - * / // % **, parentheses and known functions are allowed.")
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise CalculatorError("This is not a complete arithmetic expression.") from None


def plain_signs(text: str) -> str:
    """The text with the operators that people paste from documents as those of a keyboard."""
    return text.translate(_SIGNS)


_SIGNS: Final = str.maketrans(
    {
        "\N{MULTIPLICATION SIGN}": "*",
        "\N{MIDDLE DOT}": "*",
        "\N{DIVISION SIGN}": "/",
        "\N{MINUS SIGN}": "-",
        "\N{EN DASH}": "-",
    }
)
_ALLOWED: Final = re.compile(r"[0-9a-z_.,+\-*/%() \t]*")
_CONSTANTS: Final[Mapping[str, float]] = {"pi": math.pi, "e": math.e, "tau": math.tau}


def _value(node: ast.expr, *, depth: int) -> Number:
    if depth > MAX_DEPTH:
        raise CalculatorError("The expression is nested too deeply.")
    match node:
        case ast.Constant(value=value) if type(value) in (int, float):
            result = value
        case ast.Name(id=name) if name in _CONSTANTS:
            result = _CONSTANTS[name]
        case ast.UnaryOp(op=ast.UAdd() | ast.USub() as sign, operand=operand):
            inner = _value(operand, depth=depth + 1)
            result = -inner if isinstance(sign, ast.USub) else inner
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            result = _OPERATIONS[type(op)](_value(left, depth=depth + 1), _value(right, depth=depth + 1))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            result = _call(name, [_value(argument, depth=depth + 1) for argument in arguments])
        case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)):
            raise CalculatorError(f"`{name}` is not known here. Known: {', '.join(sorted(FUNCTIONS))}.")
        case _:
            raise CalculatorError(
                "Only numbers, + - * / // % **, parentheses and known functions are allowed."
            )
    return _bounded(result)


def _bounded(value: object) -> Number:
    if isinstance(value, int) and value.bit_length() <= MAX_BITS:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, complex):
        raise CalculatorError("The result is not a real number.")
    raise CalculatorError("The result is too large.")


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0:
        # The result has at least (bits - 1) * exponent bits, so this refuses only what is too large.
        if (abs(base).bit_length() - 1) * exponent > MAX_BITS:
            raise CalculatorError("The result is too large.")
        if abs(base) <= 1:
            return base if exponent % 2 else abs(base)
    result: Number = base**exponent
    return result


_OPERATIONS: Final[Mapping[type[ast.operator], Callable[[Number, Number], Number]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}


def _round(value: Number, places: Number | None = None) -> Number:
    if places is None:
        return round(value)
    if not isinstance(places, int) or abs(places) > MAX_PLACES:
        raise CalculatorError(f"`round` takes whole decimal places up to {MAX_PLACES}.")
    return round(value, places)


def _factorial(value: Number) -> Number:
    if not isinstance(value, int) or not 0 <= value <= MAX_FACTORIAL:
        raise CalculatorError(f"`factorial` takes whole numbers from 0 to {MAX_FACTORIAL}.")
    return math.factorial(value)


FUNCTIONS: Final[Mapping[str, Callable[..., Number]]] = {
    "abs": abs,
    "ceil": math.ceil,
    "cos": math.cos,
    "exp": math.exp,
    "factorial": _factorial,
    "floor": math.floor,
    "log": math.log,
    "log10": math.log10,
    "max": max,
    "min": min,
    "round": _round,
    "sin": math.sin,
    "sqrt": math.sqrt,
    "tan": math.tan,
}
"""The functions by name; angles are in radians."""


def _call(name: str, arguments: list[Number]) -> Number:
    if name in ("max", "min") and len(arguments) < 2:
        raise CalculatorError(f"`{name}` takes at least two numbers.")
    try:
        return FUNCTIONS[name](*arguments)
    except TypeError:
        raise CalculatorError(f"`{name}` does not take {len(arguments)} values.") from None


def shown(value: Number) -> str:
    """The value for people: without the noise of binary fractions, `0.1 + 0.2` being `0.3`."""
    if isinstance(value, int):
        return str(value)
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.12g}"
