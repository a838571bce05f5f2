"""Control flow: whether the end of a block can be reached."""

import libcst as cst

from netra_migrate.rewrite.code import Code, dotted

_NEVER = frozenset(
    {
        "sys.exit",
        "exit",
        "quit",
        "os._exit",
        "os.abort",
        "assert_never",
        "typing.assert_never",
        "pytest.fail",
        "pytest.skip",
    }
)
_SUPPRESSING = ("suppress", "raises")


def falls_through(code: Code, block: cst.CSTNode, ended: set[cst.CSTNode]) -> bool:
    """Whether running a block can come to its end. `ended`: statements and blocks that will return."""
    if block in ended:
        return False
    for statement in getattr(block, "body", ()):
        if statement in ended or not _completes(code, statement, ended):
            return False
    return True


def _completes(code: Code, statement: cst.CSTNode, ended: set[cst.CSTNode]) -> bool:
    if isinstance(statement, cst.SimpleStatementLine):
        return all(_simple(code, each) for each in statement.body)
    if isinstance(statement, cst.If):
        return _branches(code, statement, ended)
    if isinstance(statement, cst.While | cst.For):
        return _loop(code, statement, ended)
    if isinstance(statement, cst.Try | cst.TryStar):
        return _attempt(code, statement, ended)
    if isinstance(statement, cst.With):
        suppresses = any(word in code.source(item.item) for item in statement.items for word in _SUPPRESSING)
        return suppresses or falls_through(code, statement.body, ended)
    if isinstance(statement, cst.Match):
        return _match(code, statement, ended)
    return _simple(code, statement)


def _simple(code: Code, statement: cst.CSTNode) -> bool:
    if isinstance(statement, cst.Return | cst.Raise | cst.Break | cst.Continue):
        return False
    if isinstance(statement, cst.Expr) and isinstance(statement.value, cst.Call):
        return dotted(statement.value.func) not in _NEVER
    return not (isinstance(statement, cst.Assert) and dotted(statement.test) == "False")


def _branches(code: Code, statement: cst.If, ended: set[cst.CSTNode]) -> bool:
    if falls_through(code, statement.body, ended) or statement.orelse is None:
        return True
    if isinstance(statement.orelse, cst.If):
        return _branches(code, statement.orelse, ended)
    return falls_through(code, statement.orelse.body, ended)


def _loop(code: Code, loop: cst.While | cst.For, ended: set[cst.CSTNode]) -> bool:
    leaves = any(
        code.within(each, cst.While, cst.For) is loop and _in_body(code, each, loop)
        for each in code.all(cst.Break)
    )
    if leaves:
        return True
    if isinstance(loop, cst.While) and code.source(loop.test) in ("True", "1"):
        return False
    return loop.orelse is None or falls_through(code, loop.orelse.body, ended)


def _in_body(code: Code, node: cst.CSTNode, loop: cst.While | cst.For) -> bool:
    return loop.body in code.ancestors(node)


def _attempt(code: Code, attempt: cst.Try | cst.TryStar, ended: set[cst.CSTNode]) -> bool:
    if attempt.finalbody is not None and not falls_through(code, attempt.finalbody.body, ended):
        return False
    after = falls_through(code, attempt.body, ended)
    if after and attempt.orelse is not None:
        after = falls_through(code, attempt.orelse.body, ended)
    return after or any(falls_through(code, each.body, ended) for each in attempt.handlers)


def _match(code: Code, statement: cst.Match, ended: set[cst.CSTNode]) -> bool:
    total = any(
        each.guard is None and isinstance(each.pattern, cst.MatchAs) and each.pattern.pattern is None
        for each in statement.cases
    )
    return not total or any(falls_through(code, each.body, ended) for each in statement.cases)
