"""Is there one interface only, does one handler claim a type, and does every handler do something?"""

import ast
from collections.abc import Iterator

from netra_migrate.domain.handlers import HandlerClass, Shape
from netra_migrate.domain.shadow import ShadowReport, Verdict
from netra_migrate.domain.verification import Finding
from netra_migrate.verify.subject import Subject

OLD = (Shape.LEGACY, Shape.BOTH)


def old_interfaces(subject: Subject) -> Iterator[Finding]:
    """Classes with the legacy method, by inheritance or by looks, and calls of it on handlers."""
    method = subject.configuration.legacy.method
    for handler in subject.survey.handlers:
        if handler.shape in OLD and not subject.is_kept(handler.path):
            yield _at(handler, f"{handler.name} still has {method}(); give it {_new(subject)}() alone.")
    known = {
        f"{each.module}.{each.name}" for each in subject.survey.handlers if each.shape is not Shape.UNRELATED
    }
    for call in subject.survey.calls:
        if call.method != method or subject.is_kept(call.path):
            continue
        sentence = f"still calls {call.receiver}.{method}(); call {_new(subject)}()."
        if call.target in known or (call.target or "").startswith(subject.configuration.legacy.module + "."):
            yield Finding(path=call.path, line=call.line, sentence=sentence)
        elif _looks_legacy(subject, call.target, call.receiver, call.arguments):
            yield Finding(path=call.path, line=call.line, sentence=f"perhaps {sentence}", warning=True)


def _looks_legacy(subject: Subject, target: str | None, receiver: str, arguments: int) -> bool:
    few = len(subject.configuration.legacy.parameters)
    return target is None and "handler" in receiver.lower() and arguments == few


def adapters(subject: Subject) -> Iterator[Finding]:
    """Classes of both shapes, and new methods that only hand on to an old one."""
    for handler in subject.survey.handlers:
        if handler.shape is Shape.BOTH:
            yield _at(
                handler, f"{handler.name} bridges both interfaces; migrate what is behind it and delete it."
            )
    method = subject.configuration.legacy.method
    for path in sorted({call.path for call in subject.survey.calls if call.method == method}):
        source = subject.source(path)
        if source and source.tree:
            yield from _wrappers(subject, path, source.tree)


def _wrappers(subject: Subject, path: str, tree: ast.Module) -> Iterator[Finding]:
    old, new = subject.configuration.legacy, subject.configuration.canonical
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name == new.method:
            for node in ast.walk(function):
                if _is_old_call(node, old.method, len(old.parameters)):
                    sentence = f"{new.method}() hands on to {old.method}(); that is an adapter: migrate what is behind it."
                    yield Finding(path=path, line=getattr(node, "lineno", function.lineno), sentence=sentence)


def _is_old_call(node: ast.AST, method: str, arguments: int) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == method
        and len(node.args) + len(node.keywords) == arguments
    )


def duplicate_claims(subject: Subject) -> Iterator[Finding]:
    """Message types with several handlers; handlers that tests bring along count neither way."""
    for clash in subject.survey.clashes:
        places = [place for place in clash.where if not subject.is_test(place.rpartition(":")[0])]
        if clash.what == "claim" and len(places) > 1:
            path, _, line = places[0].rpartition(":")
            others = ", ".join(places[1:])
            yield Finding(
                path=path,
                line=int(line),
                sentence=f"{clash.name!r} is claimed here and at {others}; import order decides: keep one.",
            )


def hollow(subject: Subject) -> Iterator[Finding]:
    """New handlers that say True and do nothing; in tests they are a warning."""
    for handler in subject.survey.handlers:
        if handler.shape not in (Shape.CANONICAL, Shape.BOTH) or subject.is_interface(handler):
            continue
        for method in handler.methods:
            if method.hollow and method.name == _new(subject):
                yield Finding(
                    path=handler.path,
                    line=method.line,
                    sentence=f"{handler.name}.{method.name}() has no effect; make it do what the old one did.",
                    warning=subject.is_test(handler.path),
                )


def shadowed(report: ShadowReport | None) -> Iterator[Finding]:
    """What the shadow run says against the new handlers; that both did nothing is a warning."""
    for compared in report.compared if report else ():
        path, _, line = compared.source.rpartition(":")
        if not compared.good or compared.verdict is Verdict.BOTH_HOLLOW:
            yield Finding(
                path=path or compared.source,
                line=int(line) if line.isdecimal() else 1,
                sentence=f"{compared.type}: {compared.verdict}; legacy {compared.legacy}, new {compared.canonical}.",
                warning=compared.good,
            )


def _new(subject: Subject) -> str:
    return subject.configuration.canonical.method


def _at(handler: HandlerClass, sentence: str) -> Finding:
    return Finding(path=handler.path, line=handler.line, sentence=sentence)
