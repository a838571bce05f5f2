"""What strings, docstrings and comments of a Python file say about the two modules. Pure."""

import ast
from collections.abc import Iterable, Iterator

from netra_migrate.domain.references import Form
from netra_migrate.scan.contexts import Contexts
from netra_migrate.scan.embedded import Embedded, embedded, names_of
from netra_migrate.scan.facts import Aim, Import, Mention
from netra_migrate.scan.mentions import Match, find, last_names
from netra_migrate.scan.text import Place, Text

Strings = Iterable[tuple[ast.Constant, bool, Contexts]]


class Wording:
    """Collects from one file."""

    def __init__(self, text: Text, aim: Aim) -> None:
        self.mentions: list[Mention] = []
        self.imports: list[Import] = []
        self._text = text
        self._aim = aim
        self._tokens = frozenset(token for each in aim.sought for token in last_names(each))
        self._used: set[tuple[int, int]] = set()

    def strings(self, strings: Strings) -> None:
        """String constants; those that document something are no code."""
        for node, documents, contexts in strings:
            value = node.value.decode("latin-1") if isinstance(node.value, bytes) else str(node.value)
            codes = [] if documents else list(embedded(value))
            for code in codes:
                self._code(node, code, contexts)
            if any(token in value for token in self._tokens):
                form = Form.DOCSTRING if documents else Form.STRING
                for match in find(value, self._aim):
                    if not any(code.start <= match.start < code.start + len(code.text) for code in codes):
                        self._mention(self._inside(node, match.word), match, form, contexts)

    def comments(self, strings: Strings) -> None:
        """Comments; `strings` are all of the file, to know a `#` within one."""
        spans = [_span(node) for node, _, _ in strings]
        for number, line in enumerate(self._text.lines, 1):
            if "#" in line and any(token in line for token in self._tokens):
                start = next((at for at in _hashes(line) if not _inside(spans, line, number, at)), None)
                if start is not None:
                    for match in find(line[start:], self._aim):
                        self._mention(Place(number, start + match.start), match, Form.COMMENT, ())

    def data(self, content: str, form: Form) -> None:
        """Any other text."""
        for match in find(content, self._aim):
            before = content[: match.start]
            line = before.count("\n") + 1
            place = Place(line, match.start - (before.rfind("\n") + 1))
            self._mention(place, match, form, ())

    def _mention(self, place: Place, match: Match, form: Form, contexts: Contexts) -> None:
        shown = self._text.shown(place.line)
        self.mentions.append(
            Mention(*place, form, match.side, match.module, match.rest, match.by, contexts, shown)
        )

    def _code(self, node: ast.Constant, code: Embedded, contexts: Contexts) -> None:
        place = self._inside(node, code.text.split("\n")[0])
        shown = self._text.shown(place.line)
        if isinstance(code.node, ast.ImportFrom) and code.node.level:
            return
        for module, names, local in names_of(code.node):
            self.imports.append(Import(*place, module, names, local, False, contexts, Form.CODE, (), shown))

    def _inside(self, node: ast.Constant, word: str) -> Place:
        """Where a word of a string stands in the file, each place once; else where the string starts."""
        own = self._text.place(node)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            line = self._text.lines[number - 1] if number <= len(self._text.lines) else ""
            at = line.find(word, own.column if number == own.line else 0)
            while at >= 0:
                if (number, at) not in self._used:
                    self._used.add((number, at))
                    return Place(number, at)
                at = line.find(word, at + 1)
        return own


_Span = tuple[tuple[int, int], tuple[int, int]]


def _span(node: ast.expr) -> _Span:
    end = (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
    return (node.lineno, node.col_offset), end


def _hashes(line: str) -> Iterator[int]:
    at = line.find("#")
    while at >= 0:
        yield at
        at = line.find("#", at + 1)


def _inside(spans: list[_Span], line: str, number: int, at: int) -> bool:
    place = (number, len(line[:at].encode(errors="surrogatepass")))
    return any(start <= place < end for start, end in spans)
