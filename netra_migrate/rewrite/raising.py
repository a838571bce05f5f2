"""Exceptions that leave a migrated method: the configured domain error in place of the legacy one.

One that is caught in the method itself stays, with its `except`: nobody outside sees it. In tests, a
`pytest.raises` around a rewritten call expects the new error.
"""

import builtins

import libcst as cst

from netra_migrate.rewrite.code import dotted, last_name
from netra_migrate.rewrite.work import Work


def take_errors(work: Work) -> None:
    """Map what migrated methods raise, and what tests of them expect."""
    if not work.configuration.canonical.errors:
        return
    for node in work.code.all(cst.Raise):
        method = work.code.within(node, cst.FunctionDef, cst.Lambda)
        if method in work.methods and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, cst.Call) else node.exc
            new = _mapped(work, raised)
            if new is not None and not _caught(work, node, raised):
                work.replace(raised, _name(work, new), "error")
    _expected(work)


def _mapped(work: Work, node: cst.CSTNode) -> str | None:
    names = work.code.meanings(node) | {dotted(node) or ""}
    errors = work.configuration.canonical.errors
    return next((errors[key] for key in errors if key in names or f"builtins.{key}" in names), None)


def _name(work: Work, new: str) -> str:
    return new if hasattr(builtins, new) else work.want(work.names.canonical(new))


def _caught(work: Work, node: cst.CSTNode, raised: cst.CSTNode) -> bool:
    """Whether the exception is caught before it leaves the method."""
    code = work.code
    before = node
    for holder in code.ancestors(node):
        if isinstance(holder, cst.FunctionDef):
            return False
        if isinstance(holder, cst.Try) and before is holder.body:
            for handler in holder.handlers:
                caught = code.source(handler.type) if handler.type else "BaseException"
                words = {word.strip(" ()").rpartition(".")[2] for word in caught.split(",")}
                if words & {last_name(raised), "Exception", "BaseException"}:
                    return True
        before = holder
    return False


def _expected(work: Work) -> None:
    for call in work.code.all(cst.Call):
        if dotted(call.func) not in ("pytest.raises", "raises", "self.assertRaises") or not call.args:
            continue
        statement = work.code.within(call, cst.With)
        inside = statement is not None and any(
            each is not None and statement in work.code.ancestors(each) for each in work.calls
        )
        new = _mapped(work, call.args[0].value) if inside else None
        if new is not None:
            work.replace(call.args[0].value, _name(work, new), "error")
