"""A reference: one place in the tree that names the legacy or the canonical module."""

from enum import StrEnum

import msgspec


class Side(StrEnum):
    """Which of the two modules is meant."""

    LEGACY = "legacy"
    CANONICAL = "canonical"


class Form(StrEnum):
    """How the module is named; the words of reports, of the ratchet and of truth files."""

    IMPORT = "import"
    """`import a.b`, with or without `as`."""
    FROM = "from"
    """`from a.b import c`: symbols of the module."""
    FROM_PACKAGE = "from-package"
    """`from a import b`: the module itself."""
    STAR = "star"
    REEXPORT = "reexport"
    """A symbol of the module, imported from another module that hands it on."""
    DYNAMIC = "dynamic"
    """`import_module`, `__import__` and their like with a literal."""
    PATCH = "patch"
    """A dotted path in `mock.patch`, `monkeypatch.setattr`, `mocker.patch` and their like."""
    CODE = "code"
    """An import inside code that stands in a string, such as after `python -c`."""
    STRING = "string"
    """The module's dotted or file name in any other string: a registry, a settings table."""
    DATA = "data"
    """The same in a file that is not Python."""
    DOCSTRING = "docstring"
    COMMENT = "comment"


class Context(StrEnum):
    """Where a reference stands besides the top of a module."""

    FUNCTION = "function"
    CLASS = "class"
    TYPE_CHECKING = "type-checking"
    TRY = "try"
    CONDITIONAL = "conditional"


class Reference(msgspec.Struct, frozen=True, kw_only=True, order=True, omit_defaults=True):
    """One place.

    Attributes:
        path: from the root, with `/`.
        line: from 1; column: from 0, in characters. Of the name itself where that is known.
        module: the module named, absolute, also where the text is relative or an alias.
        symbols: names taken from it; empty for the module as a whole; `*` for a star.
        aliases: `symbols` under the names they have in this file, in the same order.
        relative: whether the text is a relative import.
        via: modules passed between the one named and the one meant, nearest first.
        exists: whether all that is named exists, by static reading; None where nobody can say.
        text: the line, without its indentation, at most 200 characters.
    """

    path: str
    line: int
    column: int = 0
    side: Side
    form: Form
    module: str
    symbols: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    relative: bool = False
    contexts: tuple[Context, ...] = ()
    via: tuple[str, ...] = ()
    exists: bool | None = None
    text: str = ""

    @property
    def binds(self) -> bool:
        """Whether code depends on it, so that deleting the module breaks this place."""
        return self.form not in (Form.COMMENT, Form.DOCSTRING, Form.STRING, Form.DATA)
