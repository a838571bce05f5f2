"""The truth of an estate, gathered while it is written; never by reading it back.

Its words are those of `netra_migrate.domain`; `?` stands for what the specification leaves open.
"""

from collections import Counter

import msgspec

from netra_migrate.domain.handlers import Shape
from netra_migrate.domain.references import Context, Form, Side
from tests.estate.pages import Note, Page

LEGACY = "app.services.websocket.message_handler"
CANONICAL = "app.websocket_core.handlers"
MODULES = {Side.LEGACY: LEGACY, Side.CANONICAL: CANONICAL}
WORDS = frozenset({Form.COMMENT, Form.DOCSTRING, Form.STRING, Form.DATA})
"""Forms of which only the place is told: what symbols a sentence means is nobody's truth."""
RING = ("app.cycles.first", "app.cycles.second")
EXCLUDED = frozenset({"ignored", "backup", "vendored", "outside"})


class Expected(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A reference. Without `symbols` or `exists`: nobody can say."""

    path: str
    line: int
    form: Form
    side: Side
    module: str
    symbols: tuple[str, ...] | None = ()
    aliases: tuple[str, ...] | None = ()
    contexts: tuple[Context, ...] = ()
    via: tuple[str, ...] = ()
    relative: bool = False
    exists: bool | None = None


class ExpectedHandler(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A class that must be found with that shape."""

    path: str
    line: int
    name: str
    shape: Shape


class ExpectedCall(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A call of one of the two methods."""

    path: str
    line: int
    method: str


class ExpectedClaim(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A message type taken by a handler."""

    message_type: str
    handler: str
    path: str
    line: int


class ExpectedBroken(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A file that is not Python, with the lines in it that name the legacy module."""

    path: str
    found_by_text: tuple[int, ...]


class Truth(msgspec.Struct, kw_only=True):
    """Everything that a scan must find, and nothing that it must not. `excluded`: files by reason."""

    files: int = 0
    data_files: int = 0
    legacy_importers: list[str] = []
    canonical_importers: list[str] = []
    references: list[Expected] = []
    handlers: list[ExpectedHandler] = []
    calls: list[ExpectedCall] = []
    claims: list[ExpectedClaim] = []
    duplicate_claims: list[str] = []
    duplicate_names: list[str] = []
    shadowed_names: list[str] = []
    cycles: list[tuple[str, ...]] = []
    unparsable: list[ExpectedBroken] = []
    excluded: dict[str, int] = {}

    def take(self, page: Page) -> None:
        """Note what is true of a page."""
        if page.role in EXCLUDED:
            self.excluded[page.role] = self.excluded.get(page.role, 0) + 1
            return
        self.count(page.path)
        for note in page.notes:
            self._note(page.path, note)
        if page.role == "unparsable":
            lines = tuple(note.line for note in page.notes if note.kind == "text")
            self.unparsable.append(ExpectedBroken(path=page.path, found_by_text=lines))

    def count(self, path: str) -> None:
        """Count a file that is to be read."""
        if path.endswith(".py"):
            self.files += 1
        else:
            self.data_files += 1

    def finish(self) -> None:
        """Sort, and draw the conclusions: who imports what, what exists twice."""
        for values in (self.references, self.handlers, self.calls, self.claims, self.unparsable):
            values.sort()
        broken = {each.path for each in self.unparsable}
        binding = [each for each in self.references if each.form not in WORDS and each.path not in broken]
        self.legacy_importers = sorted({each.path for each in binding if each.side is Side.LEGACY})
        self.canonical_importers = sorted({each.path for each in binding if each.side is Side.CANONICAL})
        claimed = Counter(each.message_type for each in self.claims)
        self.duplicate_claims = sorted(name for name, number in claimed.items() if number > 1)
        self.cycles = [RING]
        self.duplicate_names = sorted(_in_several_files(self.handlers))
        self.shadowed_names = sorted(
            {name for _, name in _taken(binding, Side.LEGACY) & _taken(binding, Side.CANONICAL)}
        )

    def forms(self) -> dict[str, dict[str, int]]:
        """How many references there are, by side and form."""
        found: dict[str, dict[str, int]] = {side: {} for side in Side}
        for each in self.references:
            found[each.side][each.form] = found[each.side].get(each.form, 0) + 1
        return found

    def _note(self, path: str, note: Note) -> None:
        if note.kind == "handler":
            shape, name = note.arguments
            self.handlers.append(ExpectedHandler(path=path, line=note.line, name=name, shape=Shape(shape)))
        elif note.kind == "call":
            self.calls.append(ExpectedCall(path=path, line=note.line, method=note.arguments[0]))
        elif note.kind == "claim":
            kind, name = note.arguments
            self.claims.append(ExpectedClaim(message_type=kind, handler=name, path=path, line=note.line))
        elif note.kind != "text":
            self.references.append(_reference(path, note))


def _in_several_files(handlers: list[ExpectedHandler]) -> set[str]:
    """Names of handlers that stand in one of the two modules and in another file as well."""
    places: dict[str, set[str]] = {}
    for each in handlers:
        places.setdefault(each.name, set()).add(each.path)
    sides = {module.replace(".", "/") + ".py" for module in MODULES.values()}
    return {name for name, paths in places.items() if len(paths) > 1 and paths & sides}


def _taken(references: list[Expected], side: Side) -> set[tuple[str, str]]:
    """Path and name of everything that an import statement takes from a side."""
    return {
        (each.path, name)
        for each in references
        if each.side is side and each.form in (Form.FROM, Form.REEXPORT)
        for name in each.aliases or each.symbols or ()
    }


def _reference(path: str, note: Note) -> Expected:
    form, side = Form(note.kind), Side(note.arguments[0])
    symbols = _names(note.arguments[1]) if len(note.arguments) > 1 else None if form in WORDS else ()
    return Expected(
        path=path,
        line=note.line,
        form=form,
        side=side,
        module=note.options.get("module", MODULES[side]),
        symbols=symbols,
        aliases=_names(note.options["aliases"]) if "aliases" in note.options else None,
        contexts=tuple(Context(name) for name in _names(note.options.get("contexts", "")) or ()),
        via=_names(note.options.get("via", "")) or (),
        relative="relative" in note.options,
        exists={"true": True, "false": False}.get(note.options.get("exists", "")),
    )


def _names(text: str) -> tuple[str, ...] | None:
    if text == "?":
        return None
    return tuple(name for name in text.split(",") if name not in ("", "-"))
