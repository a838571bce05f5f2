"""What legacy handlers have and canonical ones have not: each use of it is refused where it stands."""

import libcst as cst

from netra_migrate.rewrite.code import dotted, last_name, literal
from netra_migrate.rewrite.receivers import Known, of_class, receiver
from netra_migrate.rewrite.work import Work

_BY_NAME = frozenset({"object", "setattr", "delattr", "getattr", "hasattr", "spy"})


def take_losses(work: Work) -> None:
    """Refuse attributes of handlers, by name or in a string, that are not there afterwards."""
    lost = frozenset() if work.names.only_adapters else work.names.all_gone
    if not lost:
        return
    for node in work.code.all(cst.Attribute):
        if node.attr.value in lost:
            _use(work, node, node.value, node.attr.value)
    for call in work.code.all(cst.Call):
        name = literal(call.args[1].value) if len(call.args) > 1 else None
        if name in lost and last_name(call.func) in _BY_NAME:
            _use(work, call, call.args[0].value, name or "")


def _use(work: Work, node: cst.CSTNode, holder: cst.BaseExpression, name: str) -> None:
    kinds = (of_class(work, holder), receiver(work, holder))
    kind = next((each for each in kinds if isinstance(each, Known)), None)
    if kind is None or kind.adapted or kind.symbol is None or name not in work.names.gone(kind.symbol):
        return
    if kind.definition is not None and _has(work, kind.definition, name):
        return
    target = work.names.moved(kind.symbol)
    to = target.to if target and target.to else kind.symbol
    work.refuse(
        node,
        f"`{work.code.source(node)}` is of the legacy `{kind.symbol}`, and `{to}` has no `{name}`: "
        "take the use out, or write it there first.",
        can_adapt=True,
    )


def _has(work: Work, definition: cst.ClassDef, name: str) -> bool:
    """Whether a class of this file, or one of its bases here, has the name itself."""
    code = work.code
    if any(each.name.value == name and code.owner(each) is definition for each in code.all(cst.FunctionDef)):
        return True
    targets: list[cst.AssignTarget | cst.AnnAssign] = [*code.all(cst.AssignTarget), *code.all(cst.AnnAssign)]
    for each in targets:
        if dotted(each.target) in (f"self.{name}", name) and code.owner(each) is definition:
            return True
    bases = (code.classes.get(dotted(each.value) or "") for each in definition.bases)
    return any(each is not None and each is not definition and _has(work, each, name) for each in bases)
