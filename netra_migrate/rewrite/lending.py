"""A connection for calls in tests that have none at hand: a pytest fixture, or a line at the top of the function.

Only for files that `[project].tests` names: production code never gets what stands in for a connection.
"""

from dataclasses import dataclass

import libcst as cst

from netra_migrate.domain.handlers import SOCKET_NAMES
from netra_migrate.rewrite.classes import parameter_names
from netra_migrate.rewrite.code import dotted
from netra_migrate.rewrite.giving import is_fixture
from netra_migrate.rewrite.work import Work


@dataclass(frozen=True, slots=True)
class Loan:
    """What a test function is to get: a parameter of that name, or a variable with that value."""

    function: cst.FunctionDef
    name: str
    value: str | None = None


def grant(work: Work, loan: Loan | None) -> None:
    """Put a loan into its function, once."""
    if loan is None or loan.function in work.lent or loan.name in parameter_names(loan.function):
        return
    work.lent[loan.function] = loan.name
    if loan.value is None:
        _add_parameter(work, loan.function, loan.name)
        return
    for name in work.configuration.canonical.imports_in_tests:
        work.want(name)
    _add_line(work, loan.function, f"{loan.name} = {loan.value}")


def loan(work: Work, functions: list[cst.FunctionDef], name: str) -> Loan | None:
    """What the outermost of the functions around a call can be given as a connection; None if nothing is known."""
    if not work.is_test or not functions:
        return None
    function = functions[-1]
    if function in work.lent:
        return Loan(function, work.lent[function])
    fixture = _fixture(work, function)
    if fixture is not None:
        return Loan(function, fixture)
    value = work.configuration.canonical.socket_in_tests
    if value is None:
        return None
    free = name if name not in work.code.bound else f"{name}_of_test"
    return Loan(function, free, value) if free not in work.code.bound else None


def _fixture(work: Work, function: cst.FunctionDef) -> str | None:
    """A fixture that pytest would give the function: one of this file, or the one that is configured."""
    if not _takes_fixtures(work, function):
        return None
    code, owner = work.code, work.code.owner(function)
    here = {
        each.name.value
        for each in code.all(cst.FunctionDef)
        if SOCKET_NAMES.search(each.name.value) and is_fixture(each) and each is not function
        if code.owner(each) in (None, owner) and code.function(each) is None
    }
    named = here.pop() if len(here) == 1 else work.configuration.canonical.socket_fixture
    return named if named is not None and named != function.name.value else None


def _takes_fixtures(work: Work, function: cst.FunctionDef) -> bool:
    owner, parameters = work.code.owner(function), function.params
    bases = [] if owner is None else [dotted(each.value) for each in owner.bases]
    defaults = any(each.default is not None for each in parameters.params)
    plain = isinstance(parameters.star_arg, cst.MaybeSentinel) and not parameters.star_kwarg and not defaults
    asked = function.name.value.startswith("test") or is_fixture(function)
    marked = parameters.posonly_params or parameters.kwonly_params
    return asked and plain and not marked and all(each == "object" for each in bases)


def _add_parameter(work: Work, function: cst.FunctionDef, name: str) -> None:
    code = work.code
    every = function.params.params
    if not every:
        opening = code.text.index("(", code.span(function.name)[1])
        work.insert(opening + 1, name, "call")
        return
    last = every[-1]
    end = code.span(last.annotation or last)[1]
    own_line = len(every) > 1 and code.line(last) != code.line(every[-2])
    separator = f",{code.newline}{code.indent_at(code.span(last)[0])}" if own_line else ", "
    work.insert(end, separator + name, "call")


def _add_line(work: Work, function: cst.FunctionDef, line: str) -> None:
    code, body = work.code, function.body
    first = body.body[0]
    if isinstance(body, cst.SimpleStatementSuite):
        work.insert(code.span(first)[0], f"{line}; ", "call")
        return
    documented = function.get_docstring() is not None
    offset = code.line_end(max(0, code.span(first)[1] - 1)) if documented else code.above(first)
    work.insert_lines(offset, [line], code.indent_at(code.span(first)[0]), "call")
