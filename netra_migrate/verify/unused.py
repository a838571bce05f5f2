"""Imports from the canonical module that nothing uses: what a migration by hand leaves behind."""

import ast
from collections.abc import Iterable, Iterator

from netra_migrate.domain.references import Form, Reference, Side
from netra_migrate.domain.verification import Finding
from netra_migrate.sources.decoding import lines as split
from netra_migrate.verify.subject import Source, Subject

IMPORTS = (Form.IMPORT, Form.FROM, Form.FROM_PACKAGE, Form.REEXPORT)


class Unused:
    """Looks at one file after the other and keeps what it found.

    `touched`: files that the migration changed; in others an unused import is a warning. Packages' `__init__`,
    `import X as X`, `__all__`, `noqa`, and names that others import from here are uses.
    """

    def __init__(self, subject: Subject, touched: frozenset[str] | None) -> None:
        self.findings: list[Finding] = []
        self._names = subject.names
        self._touched = touched
        self._handed_on = {
            (module, symbol)
            for reference in subject.survey.references
            if reference.form is Form.REEXPORT
            for module in (reference.module, *reference.via)
            for symbol in reference.symbols
        }
        self._references: dict[str, list[Reference]] = {}
        for reference in subject.survey.of(Side.CANONICAL):
            if reference.form in IMPORTS and not reference.path.endswith("__init__.py"):
                self._references.setdefault(reference.path, []).append(reference)

    def look(self, source: Source) -> None:
        """Take in one more file."""
        references = self._references.get(source.path)
        if not references or source.tree is None:
            return
        modules = self._names.of(source.path)
        for line, name in _unused(source, source.tree, references):
            if self._handed_on.isdisjoint((module, name) for module in modules):
                self.findings.append(
                    Finding(
                        path=source.path,
                        line=line,
                        sentence=f"imports {name} and does not use it; take it out.",
                        warning=self._touched is not None and source.path not in self._touched,
                    )
                )


def _unused(source: Source, tree: ast.Module, references: list[Reference]) -> set[tuple[int, str]]:
    used = _used(source.nodes) | _exported(tree)
    imports = [node for node in source.nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    noted = [number for number, line in enumerate(split(source.text or ""), 1) if "noqa" in line]
    return {
        (alias.lineno, name)
        for reference in references
        for alias, name in _bound(imports, reference)
        if name not in used and alias.asname != alias.name and alias.lineno not in noted
    }


def _bound(
    imports: list[ast.Import | ast.ImportFrom], reference: Reference
) -> Iterator[tuple[ast.alias, str]]:
    """The names that the import at the reference's place makes, for what belongs to the canonical module."""
    for node in imports:
        if node.lineno <= reference.line <= (node.end_lineno or node.lineno):
            for alias in node.names:
                if alias.name != "*" and _is_meant(alias.name, reference):
                    yield alias, alias.asname or alias.name.partition(".")[0]


def _is_meant(name: str, reference: Reference) -> bool:
    if reference.form is Form.IMPORT:
        return name == reference.module
    if reference.form is Form.FROM_PACKAGE:
        return name == reference.module.rpartition(".")[2]
    return name in reference.symbols


def _used(nodes: Iterable[ast.AST]) -> set[str]:
    """Every name that is read, also in annotations that are strings, in `__all__`, and by fixtures' names."""
    used: set[str] = set()
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Load() | ast.Del()):
                used.add(name)
            case ast.arg(arg=name, annotation=annotation):
                used |= {name} | _in_strings(annotation)
            case ast.FunctionDef(returns=annotation) | ast.AsyncFunctionDef(returns=annotation):
                used |= _in_strings(annotation)
            case ast.AnnAssign(annotation=annotation):
                used |= _in_strings(annotation)
            case ast.Call(func=ast.Name(id="cast") | ast.Attribute(attr="cast"), args=[first, *_]):
                used |= _in_strings(first)
    return used


def _in_strings(annotation: ast.expr | None) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(annotation) if annotation else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                inner = ast.parse(node.value, mode="eval")
            except (SyntaxError, ValueError):
                continue
            names |= {each.id for each in ast.walk(inner) if isinstance(each, ast.Name)}
    return names


def _exported(tree: ast.Module) -> set[str]:
    """The strings of `__all__`, however it is put together."""
    return {
        constant.value
        for statement in tree.body
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Expr)
        if any(isinstance(node, ast.Name) and node.id == "__all__" for node in ast.walk(statement))
        for constant in ast.walk(statement)
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
    }
