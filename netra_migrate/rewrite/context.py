"""What is at hand where a call stands: the connection and the message that the new method wants."""

import re

import libcst as cst

from netra_migrate.domain.handlers import SOCKET_NAMES
from netra_migrate.rewrite.classes import Roles, assignments_of, is_class
from netra_migrate.rewrite.code import dotted
from netra_migrate.rewrite.lending import Loan, loan
from netra_migrate.rewrite.returns import payload_of
from netra_migrate.rewrite.work import Work


class Context:
    """The surroundings of one call."""

    def __init__(self, work: Work, role: Roles, call: cst.Call) -> None:
        self.work = work
        self.code = work.code
        self.role = role
        self.call = call
        self.functions = [each for each in self.code.ancestors(call) if isinstance(each, cst.FunctionDef)]
        self.loan: Loan | None = None
        self.method = next((each for each in self.functions if each in work.methods), None)

    def socket(self, name: str) -> str | None:
        """An expression for the connection."""
        if self.method is not None:
            return name
        if self._bound_in_function(name):
            return name
        kind = self.work.configuration.canonical.socket_class
        parameters = [each for function in self.functions for each in _parameters(function)]
        if kind is not None:
            for each in parameters:
                if each.annotation and is_class(self.work, each.annotation.annotation, kind):
                    return each.name.value
        alike = [each.name.value for each in parameters if SOCKET_NAMES.search(each.name.value)]
        alike += [
            each
            for each in self._locals()
            if each in ("ws", "socket", "mock_websocket", "mock_ws", "fake_websocket")
        ]
        if len(set(alike)) == 1:
            return alike[0]
        return self._attribute(name) or self._lent(name)

    def _lent(self, name: str) -> str | None:
        """What a test without a connection is given."""
        self.loan = loan(self.work, self.functions, name)
        return self.loan.name if self.loan is not None else None

    def _locals(self) -> list[str]:
        return [
            each.name
            for function in self.functions
            for each in self.code.scope(function.body).assignments
            if not isinstance(each.node, cst.Param)
        ]

    def _bound_in_function(self, name: str) -> bool:
        return any(
            each.scope is not self.code.top and not each.is_builtin and not each.is_import
            for each in self.code.scope(self.call)[name]
        )

    def _attribute(self, name: str) -> str | None:
        owner = self.code.owner(self.call)
        targets: list[cst.AssignTarget | cst.AnnAssign] = [
            *self.code.all(cst.AssignTarget),
            *self.code.all(cst.AnnAssign),
        ]
        set_here = {
            dotted(each.target)
            for each in targets
            if owner is not None and owner in self.code.ancestors(each)
        }
        return next((each for each in self._called(name) if each in set_here), None)

    def _called(self, name: str) -> tuple[str, ...]:
        own = (f"self.{name}", f"self._{name}", "self.ws")
        return (*own, f"self.mock_{name}", "self.mock_ws") if self.work.is_test else own

    def message(self, payload: cst.BaseExpression) -> str | None:
        """An expression for the message whose payload is passed."""
        if self.method is not None and dotted(payload) == payload_of(self.work, self.method):
            name = dotted(payload) or ""
            given = assignments_of(self.code, self.method, name)
            inner = self.code.scope(self.call)[name]
            return self.role.message if len(given) == 1 and set(inner) == set(given) else None
        return self._message_of(payload, 3)

    def _message_of(self, payload: cst.CSTNode, depth: int) -> str | None:
        """X where the payload is `X.payload`, or a name that was given that."""
        pattern = re.escape(self.work.configuration.canonical.payload)
        pattern = pattern.replace(re.escape(self.role.message), r"(?P<it>[\w.]+?)", 1)
        found = re.fullmatch(pattern + r"(?: or \{\})?", self.code.source(payload))
        if found and self._is_message(found["it"]):
            return found["it"]
        if not isinstance(payload, cst.Name) or depth == 0:
            return None
        given = [each for each in self.code.scope(payload)[payload.value] if each.scope is not self.code.top]
        target = given[0].node if len(given) == 1 else None
        if isinstance(target, cst.Param):
            return self._message_beside(target)
        parent = self.code.parents.get(target) if target is not None else None
        statement = self.code.parents.get(parent) if isinstance(parent, cst.AssignTarget) else parent
        value = statement.value if isinstance(statement, cst.Assign | cst.AnnAssign) else None
        return self._message_of(value, depth - 1) if value is not None else None

    def _is_message(self, name: str) -> bool:
        """Not when it is annotated as something else, or made as something else here."""
        kind = self.work.configuration.canonical.message_class
        for function in self.functions:
            for each in _parameters(function):
                if each.name.value == name and each.annotation is not None and kind is not None:
                    return is_class(self.work, each.annotation.annotation, kind)
        return True

    def _message_beside(self, parameter: cst.Param) -> str | None:
        """A parameter annotated as a message in the function that also takes the payload."""
        kind = self.work.configuration.canonical.message_class
        function = self.code.function(parameter)
        for each in _parameters(function) if function and kind else ():
            if each.annotation and kind and is_class(self.work, each.annotation.annotation, kind):
                return each.name.value
        return None


def _parameters(function: cst.FunctionDef) -> list[cst.Param]:
    every = function.params
    return [*every.posonly_params, *every.params, *every.kwonly_params]
