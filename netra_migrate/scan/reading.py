"""One file's bytes to its facts, whatever the bytes are. Never raises for what a file holds."""

import ast
from collections.abc import Callable

from netra_migrate.domain.references import Form
from netra_migrate.domain.survey import Unparsable
from netra_migrate.scan.broken import read_broken
from netra_migrate.scan.calls import read_calls
from netra_migrate.scan.facts import Aim, Facts, Literal
from netra_migrate.scan.handlers import read_handlers, registrations
from netra_migrate.scan.notebooks import read_notebook
from netra_migrate.scan.parsing import Broken, parse
from netra_migrate.scan.reducing import pruned, reduced
from netra_migrate.scan.symbols import module_symbols
from netra_migrate.scan.text import Text
from netra_migrate.scan.visiting import Visitor
from netra_migrate.scan.wording import Wording
from netra_migrate.sources.decoding import Undecodable, decode, forgive
from netra_migrate.sources.kinds import Kind
from netra_migrate.sources.naming import Names


class Reader:
    """Reads files for one scan. Callers silence warnings: hostile literals make `ast` give some."""

    def __init__(self, aim: Aim, names: Names, tops: frozenset[str]) -> None:
        self._aim = aim
        self._tops = tops
        self._names = names
        sides = (aim.configuration.legacy, aim.configuration.canonical)
        self._wanted = tuple(part + each.method.encode() + b"(" for each in sides for part in (b"def ", b"."))

    def data(self, kind: Kind, content: bytes) -> Facts:
        """A file that is not Python."""
        if b"\0" in content:
            return Facts()
        text = forgive(content).replace("\r\n", "\n")
        if kind is Kind.NOTEBOOK:
            return read_notebook(text, self._aim)
        wording = Wording(Text(text), self._aim)
        wording.data(text, Form.DATA)
        return Facts(mentions=tuple(wording.mentions))

    def python(self, path: str, content: bytes) -> Facts:
        """A Python file, all of it."""
        try:
            text = decode(content)
            return self._whole(path, text, parse(text))
        except (Broken, Undecodable, RecursionError) as error:
            line = error.line if isinstance(error, Broken) else 1
            reason = str(error) if not isinstance(error, RecursionError) else "it is nested too deeply"
            facts = read_broken(forgive(content), path=path, aim=self._aim, names=self._names)
            unparsable = Unparsable(path=path, line=line, reason=reason)
            return _replaced(facts, unparsable)

    def handlers(self, path: str, content: bytes) -> Facts:
        """A Python file that names neither module: only its handlers and calls."""
        short = reduced(content, self._wanted)
        if short is None:
            return self.python(path, content)
        try:
            tree = ast.parse(short)
            return self._handling(path, tree, _imported(tree, path, self._names))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return self.python(path, content)

    def _whole(self, path: str, content: str, tree: ast.Module) -> Facts:
        text = Text(content)
        visitor = Visitor(path=path, text=text, names=self._names)
        visitor.visit(tree)
        wording = Wording(text, self._aim)
        wording.strings(visitor.left_over())
        wording.comments(visitor.strings)
        bindings = visitor.bindings
        handling = self._handling(path, pruned(tree, content, self._relevant(bindings.local)), bindings.local)
        exported = bindings.exported
        return Facts(
            imports=(*visitor.imports, *wording.imports),
            literals=_known(visitor),
            mentions=tuple(wording.mentions),
            bindings=bindings.top,
            definitions=bindings.definitions,
            stars=tuple(bindings.stars),
            exported=None if exported is None else tuple(exported),
            chains=tuple(sorted(visitor.chains)),
            lazy=bindings.lazy,
            handlers=handling.handlers,
            calls=handling.calls,
            registrations=handling.registrations,
            symbols=self._symbols(path, tree, bindings.local),
        )

    def _handling(self, path: str, tree: ast.Module, local: dict[str, str]) -> Facts:
        module = self._module(path)
        resolve = _resolver(local)
        sides = self._aim.configuration
        return Facts(
            handlers=read_handlers(tree, path=path, module=module, resolve=resolve, configuration=sides),
            calls=read_calls(tree, path=path, module=module, resolve=resolve, configuration=sides),
            registrations=registrations(tree, path=path, module=module, resolve=resolve),
        )

    def _relevant(self, local: dict[str, str]) -> set[str]:
        """Words of definitions that may be or register handlers: the methods, and classes of the tree."""
        classes = (
            name for name, target in local.items() if name.lstrip("_")[:1].isupper() and self._is_ours(target)
        )
        return {*(each.decode() for each in self._wanted), *classes, "Handler"}

    def _is_ours(self, target: str) -> bool:
        return target.partition(".")[0] in self._tops

    def _symbols(self, path: str, tree: ast.Module, local: dict[str, str]) -> tuple:  # type: ignore[type-arg]
        if all(path != each.path for each in self._aim.sought):
            return ()
        return module_symbols(tree, module=self._module(path), resolve=_resolver(local))

    def _module(self, path: str) -> str:
        """The name of the configuration for the two modules, else that of the longest source root."""
        for sought in self._aim.sought:
            if path == sought.path:
                return sought.names[0]
        return next(iter(self._names.of(path)), path)


def _resolver(local: dict[str, str]) -> Callable[[str], str]:
    def resolve(name: str) -> str:
        root, dot, rest = name.partition(".")
        return local[root] + dot + rest if root in local else name

    return resolve


def _known(visitor: Visitor) -> tuple[Literal, ...]:
    """Lookups with names of the file made absolute; what is no import's name is nobody's business."""
    local = visitor.bindings.local
    resolve = _resolver(local)
    taken: dict[str, list[str]] = {}
    for chain in visitor.chains:
        root, _, rest = chain.partition(".")
        if not rest.startswith("__"):
            taken.setdefault(local[root], []).append(rest.partition(".")[0])
    known: list[Literal] = []
    for each in visitor.literals:
        dotted, attributes = each.dotted, each.attributes
        if dotted.startswith("?"):
            if dotted[1:].partition(".")[0] not in local:
                continue
            dotted = "?" + resolve(dotted[1:])
        elif each.form is Form.DYNAMIC and not attributes:
            attributes = tuple(sorted(set(taken.get(dotted, ()))))
        known.append(Literal(each.line, each.column, each.form, dotted, each.contexts, attributes, each.text))
    return tuple(known)


def _imported(tree: ast.Module, path: str, names: Names) -> dict[str, str]:
    """Names bound by imports, without a full visit."""
    local: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                local[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            module = names.absolute(path, node.module or "", node.level)
            for alias in node.names:
                local[alias.asname or alias.name] = f"{module}.{alias.name}"
    return local


def _replaced(facts: Facts, unparsable: Unparsable) -> Facts:
    return Facts(
        imports=facts.imports, literals=facts.literals, mentions=facts.mentions, unparsable=unparsable
    )
