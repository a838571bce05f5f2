"""What a migrated method answers: True where the legacy one came to its end, False where it gave up.

The rules, in this order:
- a bare `return` in an `except` block, or right after an error was reported (a call whose name says error, fail,
  exception, critical or reject, a logger's warning, or a message of type "error"), is `return False`; in a guard
  (a branch that ends there) the report may stand anywhere above it;
- any other bare `return` is `return True`;
- an `except` block, or a branch ending in an error report, from which the method would just end, gets `return False`;
- a call of another migrated handler is answered with its answer: `return await …` where it ends the method,
  `if not await …: return False` where more follows;
- where the end can be reached there is `return True`.
"""

import re
from collections.abc import Sequence

import libcst as cst

from netra_migrate.rewrite.classes import roles
from netra_migrate.rewrite.code import dotted, last_name, literal
from netra_migrate.rewrite.flow import falls_through
from netra_migrate.rewrite.work import Work

_REPORTS = re.compile(r"error|fail|exception|critical|reject", re.IGNORECASE)
_LOGGERS = re.compile(r"(^|[._])log(ger|ging)?$", re.IGNORECASE)
_LOGGING = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "log", "print"})


def take_returns(work: Work) -> None:
    """Give every migrated method its answers."""
    for method in work.methods:
        _Returns(work, method).write()


class _Returns:
    def __init__(self, work: Work, method: cst.FunctionDef) -> None:
        self.work = work
        self.code = work.code
        self.method = method
        self.ended: set[cst.CSTNode] = set()
        """Statements and blocks that return now, or get a return at their end."""

    def write(self) -> None:
        if self._is_stub():
            return
        if self._is_hollow():
            name = self.method.name.value
            self.work.refuse(
                self.method, f"`{name}` does nothing but log: give it its work, or delete the class."
            )
            return
        for each in self.code.all(cst.Return):
            if self.code.within(each, cst.FunctionDef, cst.Lambda) is self.method:
                self._return(each)
        tails = self._tails(self.method.body)
        self._delegates(tails)
        for block in tails:
            self._tail(block)
        if falls_through(self.code, self.method.body, self.ended):
            last = self.method.body.body[-1]
            answer = "False" if self._reports(last, warnings=False) else "True"
            self.work.insert_after(last, [f"return {answer}"], "return")

    # -- what kind of body it is

    def _is_stub(self) -> bool:
        statements = _parts(self.method.body)
        owner = self.code.owner(self.method)
        names = [dotted(each.decorator) or "" for each in self.method.decorators]
        bases = [dotted(each.value) or "" for each in owner.bases] if owner else []
        declared = any(name.endswith("abstractmethod") for name in names) or any(
            name.rpartition(".")[2] == "Protocol" for name in bases
        )
        ellipsis_only = all(
            isinstance(each, cst.Expr)
            and isinstance(each.value, cst.Ellipsis | cst.SimpleString | cst.ConcatenatedString)
            for each in statements
        ) and any(isinstance(each, cst.Expr) and isinstance(each.value, cst.Ellipsis) for each in statements)
        return ellipsis_only or (declared and self._is_hollow())

    def _is_hollow(self) -> bool:
        return all(self._does_nothing(each) for each in _parts(self.method.body))

    def _does_nothing(self, statement: cst.CSTNode) -> bool:
        if isinstance(statement, cst.Pass):
            return True
        if isinstance(statement, cst.Return):
            return statement.value is None or self.code.source(statement.value) in ("None", "True", "False")
        if not isinstance(statement, cst.Expr):
            return False
        value = statement.value
        if isinstance(value, cst.Call):
            called = dotted(value.func) or ""
            before, _, last = called.rpartition(".")
            return last in _LOGGING and (bool(_LOGGERS.search(before)) or called == "print")
        return isinstance(value, cst.BaseString | cst.Ellipsis | cst.Integer)

    # -- returns that are there

    def _return(self, node: cst.Return) -> None:
        code, value = self.code, node.value
        answer = "False" if self._gives_up(node) else "True"
        if value is None:
            self.work.insert(code.span(node)[1], f" {answer}", "return")
        elif dotted(value) == "None":
            self.work.replace(value, answer, "return")
        elif dotted(value) in ("True", "False") or _call(value) in self.work.calls:
            return
        elif _call(value) is not None and self._returns_none():
            if _REPORTS.search(self._called(value)):
                answer = "False"
            code_start, value_start = code.span(node)[0], code.span(value)[0]
            self.work.edits.add(code_start, value_start, "", "return")
            line = code.parents[node]
            if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1:
                self.work.insert_after(line, [f"return {answer}"], "return")
            else:
                self.work.insert(code.span(node)[1], f"; return {answer}", "return")
        else:
            self.work.refuse(
                node, "the handler returns a value, and will return a bool: say what becomes of the value."
            )

    def _returns_none(self) -> bool:
        returns = self.method.returns
        return returns is not None and self.code.source(returns.annotation).strip("'\"") == "None"

    def _called(self, value: cst.CSTNode) -> str:
        call = _call(value)
        return last_name(call.func) if call else ""

    def _gives_up(self, node: cst.Return) -> bool:
        code = self.code
        for holder in code.ancestors(node):
            if holder is self.method:
                break
            if isinstance(holder, cst.ExceptHandler | cst.ExceptStarHandler):
                return True
        line = code.parents[node]
        block = code.parents[line] if isinstance(line, cst.SimpleStatementLine) else line
        siblings = _parts(block)
        before = siblings[: siblings.index(node)] if node in siblings else []
        if before and self._reports(before[-1], warnings=True):
            return True
        guard = block is not self.method.body
        return guard and any(self._reports(each, warnings=False) for each in before)

    def _reports(self, statement: cst.CSTNode, *, warnings: bool) -> bool:
        """Whether a statement tells somebody of an error."""
        if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
            statement = statement.body[0]
        call = _call(statement.value) if isinstance(statement, cst.Expr) else None
        if call is None:
            return False
        called = dotted(call.func) or self.code.source(call.func)
        last = called.rpartition(".")[2]
        if _REPORTS.search(last) or (warnings and last in ("warning", "warn")):
            return True
        if last in _LOGGING:
            return False
        return any(self._is_error_message(each.value) for each in call.args)

    def _is_error_message(self, node: cst.CSTNode) -> bool:
        elements = node.elements if isinstance(node, cst.Dict) else ()
        return any(
            isinstance(each, cst.DictElement)
            and literal(each.key) in ("type", "event", "status")
            and "error" in (literal(each.value) or "").lower()
            for each in elements
        )

    # -- ends without a return

    def _tails(self, block: cst.CSTNode) -> list[cst.CSTNode]:
        """The blocks from whose end the method just ends."""
        found = [block]
        body: Sequence[cst.CSTNode] = getattr(block, "body", ())
        last = body[-1] if body else None
        if isinstance(last, cst.If):
            branch: cst.If | cst.Else | None = last
            while branch is not None:
                found += self._tails(branch.body)
                branch = branch.orelse if isinstance(branch, cst.If) else None
        elif isinstance(last, cst.Try):
            after = last.orelse.body if last.orelse else last.body
            found += self._tails(after)
            for handler in last.handlers:
                found += self._tails(handler.body)
        elif isinstance(last, cst.With):
            found += self._tails(last.body)
        elif isinstance(last, cst.For | cst.While) and last.orelse is not None:
            found += self._tails(last.orelse.body)
        elif isinstance(last, cst.Match):
            for case in last.cases:
                found += self._tails(case.body)
        return found

    def _tail(self, block: cst.CSTNode) -> None:
        if block is self.method.body or not falls_through(self.code, block, self.ended):
            return
        body: Sequence[cst.CSTNode] = getattr(block, "body", ())
        if any(each in self.ended for each in self.code.ancestors(block)):
            return
        in_handler = self._in_handler(block)
        if not in_handler and not self._reports(body[-1], warnings=False):
            return
        if not in_handler and isinstance(self.code.parents[block], cst.With):
            return
        if _has_tail_inside(body[-1]) and not in_handler:
            return
        self.ended.add(block)
        only = _parts(block)
        if len(only) == 1 and isinstance(only[0], cst.Pass):
            self.work.replace(only[0], "return False", "return")
        else:
            self.work.insert_after(body[-1], ["return False"], "return")

    def _inside(self, node: cst.CSTNode) -> bool:
        return self.method in self.code.ancestors(node)

    def _delegates(self, tails: list[cst.CSTNode]) -> None:
        """Calls of other handlers as statements: their answer is the answer."""
        code = self.code
        unit = code.tree.default_indent
        for node in code.all(cst.Expr):
            if (
                _call(node.value) not in self.work.calls
                or code.within(node, cst.FunctionDef, cst.Lambda) is not self.method
            ):
                continue
            line = code.parents[node]
            if not isinstance(line, cst.SimpleStatementLine) or len(line.body) > 1:
                self.work.refuse(node, "the call shares its line with others: give it a line of its own.")
                continue
            block = code.parents[line]
            start, end = code.span(node)
            last = getattr(block, "body", (None,))[-1] is line
            if last and block in tails and not self._in_handler(node):
                self.work.insert(start, "return ", "return")
                self.ended.add(line)
            else:
                self.work.insert(start, "if not ", "return")
                self.work.insert(end, ":", "return")
                self.work.insert_after(line, [f"{unit}return False"], "return")

    def _in_handler(self, node: cst.CSTNode) -> bool:
        return any(
            isinstance(each, cst.ExceptHandler) and self._inside(each) for each in self.code.ancestors(node)
        )


def _parts(block: cst.CSTNode) -> list[cst.CSTNode]:
    """The statements of a block, those that share a line one by one."""
    found: list[cst.CSTNode] = []
    for statement in getattr(block, "body", ()):
        found += statement.body if isinstance(statement, cst.SimpleStatementLine) else [statement]
    return found


def _has_tail_inside(statement: cst.CSTNode) -> bool:
    return isinstance(statement, cst.If | cst.Try | cst.With | cst.Match)


def _call(value: cst.CSTNode | None) -> cst.Call | None:
    """The call of `f()` or `await f()`."""
    inner = value.expression if isinstance(value, cst.Await) else value
    return inner if isinstance(inner, cst.Call) else None


def payload_of(work: Work, method: cst.FunctionDef) -> str | None:
    """What a migrated method calls its payload."""
    role = roles(work.configuration)
    if role is None or method not in work.methods:
        return None
    at = work.configuration.legacy.parameters.index(role.payload)
    return [*method.params.posonly_params, *method.params.params][1:][at].name.value
