"""What all checks look at: the survey, the settings, and files of the tree. Reads; never writes."""

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from pathspec import GitIgnoreSpec

from netra_migrate.configuration import Configuration
from netra_migrate.domain.handlers import HandlerClass
from netra_migrate.domain.outcomes import TreeError
from netra_migrate.domain.survey import Survey
from netra_migrate.sources.decoding import Undecodable, decode
from netra_migrate.sources.files import read
from netra_migrate.sources.kinds import Kind
from netra_migrate.sources.naming import Names
from netra_migrate.sources.walking import walk

SMALL = frozenset({"ctx", "op"})


class Source:
    """A Python file, read when it is asked for."""

    def __init__(self, path: str, content: bytes) -> None:
        self.path = path
        self.content = content

    @cached_property
    def text(self) -> str | None:
        """None when the bytes are no text."""
        try:
            return decode(self.content)
        except Undecodable:
            return None

    @cached_property
    def tree(self) -> ast.Module | None:
        """None when it is not Python; the survey's `unparsable` speaks of those."""
        try:
            return None if self.text is None else ast.parse(self.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All nodes of the tree but for operators and contexts, in no order; `ast.walk` takes three times as long."""
        found: list[ast.AST] = []
        waiting: list[ast.AST] = [self.tree] if self.tree else []
        while waiting:
            node = waiting.pop()
            found.append(node)
            for field in node._fields:
                value = getattr(node, field, None)
                if value.__class__ is list:
                    waiting += [each for each in value if isinstance(each, ast.AST)]
                elif field not in SMALL and isinstance(value, ast.AST):
                    waiting.append(value)
        return tuple(found)


class Subject:
    """One tree after, or amid, a migration."""

    def __init__(self, survey: Survey, configuration: Configuration, root: Path) -> None:
        self.survey = survey
        self.configuration = configuration
        self.root = root
        self._tests = GitIgnoreSpec.from_lines(configuration.project.tests)

    def is_test(self, path: str) -> bool:
        """Whether a file belongs to the tests, by `project.tests`."""
        return self._tests.match_file(path)

    def is_kept(self, path: str) -> bool:
        """Whether a file is the legacy module itself and is to stay."""
        return self.configuration.legacy.keep and self.configuration.legacy.module in self.names.of(path)

    @cached_property
    def names(self) -> Names:
        """Module names of files."""
        return Names(self.configuration.project.source_roots)

    def source(self, path: str) -> Source | None:
        """One file; None if it has gone since the scan."""
        try:
            return Source(path, read(self.root, path))
        except (OSError, TreeError):
            return None

    def sources(self) -> Iterator[Source]:
        """All Python files of the tree, one at a time; those of the tests last."""
        files = walk(self.root, exclude=self.configuration.project.exclude).files
        python = (path for path, file in files.items() if file.kind is Kind.PYTHON)
        for path in sorted(python, key=lambda path: (self.is_test(path), path)):
            if source := self.source(path):
                yield source

    def is_interface(self, handler: HandlerClass) -> bool:
        """Whether a class only says what handlers are: the canonical base, a Protocol, an abstract class.

        So is a class whose heirs all have a method of their own: nobody comes by its own.
        """
        base = (self.configuration.canonical.base or "").rpartition(".")[2]
        leaves = {each.partition("[")[0].rpartition(".")[2] for each in handler.bases}
        if leaf(handler) == base or not leaves.isdisjoint({"ABC", "Protocol"}):
            return True
        heirs = self._heirs.get(f"{handler.module}.{handler.name}", [])
        method = self.configuration.canonical.method
        return bool(heirs) and all(any(each.name == method for each in heir.methods) for heir in heirs)

    @cached_property
    def _heirs(self) -> dict[str, list[HandlerClass]]:
        heirs: dict[str, list[HandlerClass]] = {}
        for handler in self.survey.handlers:
            if not self.is_test(handler.path):
                for base in handler.bases:
                    heirs.setdefault(base, []).append(handler)
        return heirs


def leaf(handler: HandlerClass) -> str:
    """The name of a class without what it is nested in."""
    return handler.name.rpartition(".")[2]
