"""Everything that a scan found: the input of plan, verify and report."""

from collections.abc import Mapping

import msgspec

from netra_migrate.domain.handlers import Call, Claim, Clash, HandlerClass
from netra_migrate.domain.references import Reference, Side


class Unparsable(msgspec.Struct, frozen=True, kw_only=True):
    """A Python file that could not be read as Python. `found_by_text`: lines that name the legacy module."""

    path: str
    line: int
    reason: str
    found_by_text: tuple[int, ...] = ()


class Symbol(msgspec.Struct, frozen=True, kw_only=True):
    """A public name of one of the two modules. `kind`: class, function, value, import.

    `constructor` of a function are its parameters; `bases` of an import is the name where it comes from.

    Attributes:
        required: those of `constructor` that have no default.
        members: what instances of a class have, its bases in the module included.
        closed: whether that is all that they have, for no base is from elsewhere.
    """

    name: str
    kind: str
    line: int
    bases: tuple[str, ...] = ()
    constructor: tuple[str, ...] = ()
    message_types: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    closed: bool = False


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a scan; every list is sorted, so that two scans of one tree are equal byte by byte.

    Attributes:
        files: Python files read; data_files: others read.
        excluded: how many files were left out, by reason: ignored, backup, vendored, outside, too-large.
        legacy, canonical: the public names of the two modules; empty when the module is not there.
        imports: module to modules that it imports, of files that matter to the order of a plan.
        cycles: groups of modules that import one another.
        seconds: of the scan; not part of what is compared.
    """

    root: str
    files: int
    data_files: int
    excluded: Mapping[str, int]
    references: tuple[Reference, ...]
    handlers: tuple[HandlerClass, ...]
    calls: tuple[Call, ...]
    claims: tuple[Claim, ...]
    clashes: tuple[Clash, ...]
    cycles: tuple[tuple[str, ...], ...]
    imports: Mapping[str, tuple[str, ...]]
    legacy: tuple[Symbol, ...]
    canonical: tuple[Symbol, ...]
    unparsable: tuple[Unparsable, ...]
    seconds: float = 0.0

    def of(self, side: Side) -> tuple[Reference, ...]:
        """The references to one module."""
        return tuple(reference for reference in self.references if reference.side is side)
