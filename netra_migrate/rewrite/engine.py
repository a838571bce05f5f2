"""One file's rewrite: bytes in, bytes or refusals out. No I/O.

Order matters: classes before receivers, calls before what a method returns, and import statements last, when it
is known which names are still used. The result is read again before it is given away.
"""

import ast

import libcst as cst

from netra_migrate.configuration import Configuration
from netra_migrate.domain.rewriting import Decisions, Refusal, Refused, Rewritten
from netra_migrate.rewrite.calls import take_calls
from netra_migrate.rewrite.classes import take_bindings, take_classes
from netra_migrate.rewrite.code import Code, literal
from netra_migrate.rewrite.comparing import take_comparisons
from netra_migrate.rewrite.constructors import take_constructors
from netra_migrate.rewrite.edits import Conflict
from netra_migrate.rewrite.encoding import Source, Undecodable, decode
from netra_migrate.rewrite.imports import take_imports
from netra_migrate.rewrite.losing import take_losses
from netra_migrate.rewrite.names import Names
from netra_migrate.rewrite.patches import take_methods_by_name, take_patches
from netra_migrate.rewrite.raising import take_errors
from netra_migrate.rewrite.receivers import migrating, of_class, receiver
from netra_migrate.rewrite.returns import take_returns
from netra_migrate.rewrite.statements import write_imports
from netra_migrate.rewrite.strings import take_code
from netra_migrate.rewrite.work import Work
from netra_migrate.sources.nesting import too_deep

_DEPTH = 3
"""Code in strings in code in strings: nobody means more."""


def rewrite(
    content: bytes, *, path: str, module: str, decisions: Decisions, configuration: Configuration
) -> Rewritten | Refused:
    """Move a file from the legacy to the canonical module.

    Symbols decided `adapt` stay, wrapped by the configured adapter; everything else is rewritten, or the
    whole file is refused, with all its reasons. `path` is for refusals and tells a package from a module;
    `module` is the file's own dotted name.
    """
    names = Names(decisions, configuration)
    return _rewrite(content, path, module, names, 0)


def adapt(
    content: bytes, *, path: str, module: str, decisions: Decisions, configuration: Configuration
) -> Rewritten | Refused:
    """Only wrap what is decided `adapt`; every other legacy symbol stays as it is, and so do its imports."""
    names = Names(decisions, configuration, only_adapters=True)
    return _rewrite(content, path, module, names, 0)


def _rewrite(content: bytes, path: str, module: str, names: Names, depth: int) -> Rewritten | Refused:
    if module == names.legacy_module or not _concerned(content, names):
        return Rewritten(content=content)
    try:
        source = decode(content)
        deep = too_deep(source.text)
        if deep is not None:
            return _refused(path, deep, "the file cannot be parsed: it is nested too deeply.")
        code = Code(source, path=path, module=module)
        if not code.faithful:
            return _refused(path, 1, "the file cannot be read without loss: save it with plain line endings.")
        work = Work(code, names)
        _take(work, depth)
    except Undecodable as error:
        return _refused(path, error.line, f"the file cannot be read: {error}.")
    except cst.ParserSyntaxError as error:
        return _refused(path, error.raw_line, f"the file cannot be parsed: {_first_line(error.message)}.")
    except RecursionError:
        return _refused(path, 1, "the file cannot be parsed: it is nested too deeply.")
    return _finished(work, source, names)


def _finished(work: Work, source: Source, names: Names) -> Rewritten | Refused:
    code = work.code
    if work.refusals:
        return Refused(refusals=tuple(sorted(work.refusals)))
    try:
        text, changes = work.edits.apply(source.text)
    except Conflict as conflict:
        line = code.line_at(conflict.offset)
        return _refused(
            code.path, line, "two changes meet here: write the line more simply, or change it by hand."
        )
    left = _left(text, code, names) if changes else ()
    if left:
        return Refused(refusals=left)
    return Rewritten(content=source.encode(text), changes=changes)


def _take(work: Work, depth: int) -> None:
    take_imports(work)
    take_classes(work)
    take_calls(work)
    take_bindings(work)
    take_returns(work)
    take_errors(work)
    take_constructors(work)
    take_patches(work)
    take_methods_by_name(work, _known(work))
    take_losses(work)
    take_comparisons(work)
    if depth < _DEPTH and not work.names.only_adapters:
        take_code(work, lambda text: _rewrite(text.encode(), "<string>", "", work.names, depth + 1))
    if not work.refusals:
        write_imports(work)


def _known(work: Work) -> dict[cst.CSTNode, bool]:
    """First arguments of calls that name a method of a handler by a string."""
    method = work.configuration.legacy.method
    found: dict[cst.CSTNode, bool] = {}
    for call in work.code.all(cst.Call):
        if len(call.args) > 1 and literal(call.args[1].value) == method:
            subject = call.args[0].value
            found[subject] = migrating(work, (of_class(work, subject), receiver(work, subject))) is not None
    return found


def _concerned(content: bytes, names: Names) -> bool:
    """Whether the bytes hold anything that could be the migration's: a module's last name, or the method."""
    words = {module.rpartition(".")[2] for module in names.modules} | set(names.modules[names.legacy_module])
    words.add(names.configuration.legacy.method)
    return any(word.encode() in content for word in words)


def _left(text: str, code: Code, names: Names) -> tuple[Refusal, ...]:
    """What still leads to the legacy module in the result; the last guard, for mistakes of this engine."""
    try:
        imports = _imports(text, code)
    except cst.ParserSyntaxError as error:
        reason = "the rewritten file could not be parsed: change it by hand."
        return (Refusal(path=code.path, line=error.raw_line, reason=reason),)
    found: set[Refusal] = set()
    for line, name in imports:
        place = names.place(name)
        legacy = place is not None and (place.symbol is not None or place.module == names.legacy_module)
        if (
            place
            and legacy
            and not names.only_adapters
            and not (place.symbol and names.adapted(place.symbol))
        ):
            reason = f"`{name}` would still be imported: change it by hand."
            found.add(Refusal(path=code.path, line=line, reason=reason))
    return tuple(sorted(found))


def _imports(text: str, code: Code) -> list[tuple[int, str]]:
    """All that a text imports, by line. Python's own parser is fast; LibCST's knows newer syntax."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        again = Code(Source(text=text, encoding="utf-8", mark=b""), path=code.path, module=code.module)
        return again.imports()
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = code.resolved(node.module or "", node.level) or ""
            found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
    return found


def _refused(path: str, line: int, reason: str) -> Refused:
    return Refused(refusals=(Refusal(path=path, line=line, reason=reason),))


def _first_line(text: str) -> str:
    return (text.splitlines() or ["syntax error"])[0].rstrip(".")
