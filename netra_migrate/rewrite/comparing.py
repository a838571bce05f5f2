"""Comparisons of the two sides with each other, which become comparisons of a thing with itself."""

from collections.abc import Iterator

import libcst as cst

from netra_migrate.rewrite.code import last_name, literal
from netra_migrate.rewrite.work import Work

_ASSERTS = frozenset(
    {"assertIs", "assertIsNot", "assertEqual", "assertNotEqual", "issubclass", "assertIsSubclass"}
)


def take_comparisons(work: Work) -> None:
    """Refuse what would say something else: both sides in one comparison, and the name of the module of a class."""
    if work.names.only_adapters:
        return
    for holder, sides in _compared(work):
        meant = [_meant(work, each) for each in sides]
        became = [_became(work, each) for each in meant]
        if any(
            one != other and one and other and became[at] == became[below]
            for at, one in enumerate(meant)
            for below, other in enumerate(meant[:at])
        ):
            work.refuse(
                holder,
                "the legacy class is compared with the one that takes its place: say what is meant now.",
            )
        elif any(_of_module(work, each) for each in sides) and any(
            (literal(each) or "").startswith(work.names.legacy_module) for each in sides
        ):
            work.refuse(holder, "the module of a class is compared with the legacy one: name the new module.")


def _compared(work: Work) -> Iterator[tuple[cst.CSTNode, list[cst.BaseExpression]]]:
    for node in work.code.all(cst.Comparison):
        yield node, [node.left, *(each.comparator for each in node.comparisons)]
    for call in work.code.all(cst.Call):
        if last_name(call.func) in _ASSERTS:
            yield call, [each.value for each in call.args[:2]]


def _meant(work: Work, node: cst.BaseExpression) -> str | None:
    found = work.code.meanings(node)
    return next(iter(found)) if len(found) == 1 else None


def _became(work: Work, name: str | None) -> str | None:
    symbol = work.names.symbol([name]) if name else None
    target = work.names.moved(symbol) if symbol else None
    return target.to if target else name


def _of_module(work: Work, node: cst.BaseExpression) -> bool:
    return (
        isinstance(node, cst.Attribute)
        and node.attr.value == "__module__"
        and work.names.symbol(work.code.meanings(node.value)) is not None
    )
