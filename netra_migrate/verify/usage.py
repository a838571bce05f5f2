"""Who uses a name, anywhere in the tree: one pass over all files for handlers and for the adapters.

Goes by names and not by what they resolve to: a handler that shares its name with a used one counts as used.
"""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from netra_migrate.domain.handlers import HandlerClass, Shape
from netra_migrate.domain.verification import Finding
from netra_migrate.verify.subject import Source, Subject, leaf

ALL_SUBCLASSES = (b"__subclasses__", b"__init_subclass__")
"""Where these stand beside the handlers, being defined is being registered."""


class Use(NamedTuple):
    """An adapter's name where it is used. `kind`: definition, import or value."""

    name: str
    path: str
    line: int
    kind: str


class Usage:
    """Looks at one file after the other, those of the tests last; afterwards it knows.

    A handler that was seen in use is not looked for any more, so that few files have to be parsed.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._handlers = _handlers(subject)
        self._adapters = _adapter_names(subject)
        self._unseen = {leaf(handler) for handler in self._handlers}
        self._tested: set[str] = set()
        self._uses: list[Use] = []
        self._pattern = _pattern(self._unseen | self._adapters)

    def look(self, source: Source) -> None:
        """Take in one more file."""
        if self._pattern is None or not self._pattern.search(source.content):
            return
        wanted = self._unseen | self._adapters
        seen: set[str] = set()
        for node in source.nodes:
            for name, kind in _named(node):
                if name in self._adapters and kind != "text":
                    self._uses.append(Use(name, source.path, getattr(node, "lineno", 1), kind))
                if name in wanted and kind != "definition":
                    seen.add(name)
        if self._subject.is_test(source.path):
            self._tested |= seen
        else:
            self._unseen -= seen
            self._pattern = _pattern(self._unseen | self._adapters)

    def unreachable(self) -> Iterator[Finding]:
        """New handlers that nothing outside the tests imports, registers or makes."""
        for handler in self._handlers:
            if leaf(handler) in self._unseen and not _registers_itself(self._subject, handler):
                who = (
                    "only tests use"
                    if leaf(handler) in self._tested
                    else "nothing imports, registers or makes"
                )
                sentence = f"{who} {handler.name}; register it or delete it."
                yield Finding(path=handler.path, line=handler.line, sentence=sentence)

    def adapters(self) -> Iterator[Finding]:
        """The adapters of `[adapter]`: where they are defined, imported, or called."""
        for use in self._uses:
            sentence = (
                f"the adapter {use.name} is still here ({use.kind}); migrate what it wraps and delete it."
            )
            yield Finding(path=use.path, line=use.line, sentence=sentence)


def _pattern(names: set[str]) -> re.Pattern[bytes] | None:
    if not names:
        return None
    return re.compile(rb"\b(?:" + b"|".join(re.escape(each.encode()) for each in sorted(names)) + rb")\b")


def _handlers(subject: Subject) -> list[HandlerClass]:
    return [
        each
        for each in subject.survey.handlers
        if each.shape is Shape.CANONICAL and not subject.is_test(each.path) and not subject.is_interface(each)
    ]


def _adapter_names(subject: Subject) -> set[str]:
    adapter = subject.configuration.adapter
    dotted = (adapter.to_canonical, adapter.to_legacy) if adapter else ()
    return {re.split(r"[.:]", each)[-1] for each in dotted if each}


def _registers_itself(subject: Subject, handler: HandlerClass) -> bool:
    source = subject.source(handler.path)
    if source is None or source.tree is None or any(each in source.content for each in ALL_SUBCLASSES):
        return True
    return any(
        isinstance(node, ast.ClassDef) and node.decorator_list and node.name == leaf(handler)
        for node in source.nodes
    )


def _named(node: ast.AST) -> Iterator[tuple[str, str]]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name, "definition"
        case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name):
            yield name, "value"
        case ast.ImportFrom(names=aliases):
            for alias in aliases:
                yield alias.name, "import"
        case ast.Constant(value=str(text)) if re.fullmatch(r"[\w.]+[.:]\w+", text):
            yield re.split(r"[.:]", text)[-1], "text"  # a registry's "app.handlers:Handler", not __all__
