"""What one file says, before anybody knows what the names in it lead to. Encodes to the cache as it is."""

from collections.abc import Mapping

import msgspec

from netra_migrate.configuration import Configuration
from netra_migrate.domain.handlers import Call, Claim, HandlerClass
from netra_migrate.domain.references import Context, Form, Side
from netra_migrate.domain.survey import Symbol, Unparsable


class _Fact(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    pass


class Sought(_Fact, frozen=True):
    """One of the two modules: its names, the one of the configuration first, and its file."""

    side: Side
    names: tuple[str, ...]
    path: str


class Aim(_Fact, frozen=True):
    """What a scan looks for; all that a worker process is told."""

    configuration: Configuration
    sought: tuple[Sought, ...]


class Glance(_Fact, frozen=True):
    """What a few searches in the bytes of a file show.

    Attributes:
        modules: what it imports or patches, dotted, relative ones made absolute.
        names_module: it may name one of the two modules, and has to be read.
        handles: it defines or calls a method of one of the two names.
    """

    modules: tuple[str, ...] = ()
    names_module: bool = False
    handles: bool = False


class Import(_Fact, frozen=True):
    """An import statement, or one alias of `import a, b`. `module` is absolute; `names` empty for `import`.

    Attributes:
        names: imported name and the local one; of `import a.b as x`, empty.
        local: of `import`, the name it binds: `x` or `a`.
        form: DYNAMIC and CODE for what is no statement of this file, else None.
        star_line: where a name's own column is, in the order of `names`; -1 if on another line.
    """

    line: int
    column: int
    module: str
    names: tuple[tuple[str, str], ...] = ()
    local: str = ""
    relative: bool = False
    contexts: tuple[Context, ...] = ()
    form: Form | None = None
    columns: tuple[int, ...] = ()
    text: str = ""


class Literal(_Fact, frozen=True):
    """A dotted path given to something that looks it up. `attributes`: names taken from it besides."""

    line: int
    column: int
    form: Form
    dotted: str
    contexts: tuple[Context, ...] = ()
    attributes: tuple[str, ...] = ()
    text: str = ""


class Mention(_Fact, frozen=True):
    """One of the two modules in words. `rest`: the identifier after it, `by`: `.`, `:`, or `/` for a path."""

    line: int
    column: int
    form: Form
    side: Side
    module: str
    rest: str = ""
    by: str = ""
    contexts: tuple[Context, ...] = ()
    text: str = ""


class Definition(_Fact, frozen=True):
    """A top-level name that the module itself defines; members and bases are of classes."""

    kind: str
    members: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()


class Facts(_Fact, frozen=True):
    """Everything read from one file.

    Attributes:
        bindings: top-level names that stand for something elsewhere, as absolute dotted names.
        definitions: top-level names of its own.
        stars: modules whose names it takes all.
        exported: `__all__`, where it is literal.
        chains: attributes taken from imported names, as written: `x.Name`.
        lazy: whether it has a `__getattr__`, so that any name might exist.
    """

    imports: tuple[Import, ...] = ()
    literals: tuple[Literal, ...] = ()
    mentions: tuple[Mention, ...] = ()
    bindings: Mapping[str, str] = {}
    definitions: Mapping[str, Definition] = {}
    stars: tuple[str, ...] = ()
    exported: tuple[str, ...] | None = None
    chains: tuple[str, ...] = ()
    lazy: bool = False
    handlers: tuple[HandlerClass, ...] = ()
    calls: tuple[Call, ...] = ()
    registrations: tuple[Claim, ...] = ()
    symbols: tuple[Symbol, ...] = ()
    unparsable: Unparsable | None = None
