"""The scopes of real code are those that LibCST finds, but for what LibCST gets wrong by the Python reference.

A use here is what binds a name and where that is used: `Access.referents`. (`Assignment.references` are these,
and those of names that the scope itself binds as well, which is wrong.) The rules that differ are in `_differs`;
`test_scopes` has an example of each.
"""

import sysconfig
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import libcst as cst
from libcst.metadata import Access, MetadataWrapper, Scope, ScopeProvider

from netra_migrate.rewrite.code import Code
from netra_migrate.rewrite.encoding import decode

_LIBRARY = Path(sysconfig.get_path("stdlib"))
_FILES = 40
_LONGEST = 40_000
_WITH_PATTERNS = _LIBRARY / "dataclasses.py"
_WITH_WALRUS = _LIBRARY / "statistics.py"


class _Use(NamedTuple):
    name: str
    bound: cst.CSTNode | None
    used: cst.CSTNode


def _sample() -> list[Path]:
    """Files from all over the standard library: the same of one version of Python."""
    every = sorted(
        path for path in _LIBRARY.glob("*/*.py") if path.parent.name not in ("test", "site-packages")
    )
    short = [path for path in (*sorted(_LIBRARY.glob("*.py")), *every) if path.stat().st_size < _LONGEST]
    return [*short[:: len(short) // _FILES][:_FILES], _WITH_PATTERNS, _WITH_WALRUS]


class Compared:
    """Ours and LibCST's of one file."""

    def __init__(self, content: bytes) -> None:
        self.code = Code(decode(content), path="m.py", module="m")
        found = MetadataWrapper(self.code.tree, unsafe_skip_copy=True).resolve(ScopeProvider)
        self._scopes: set[Scope] = {scope for scope in found.values() if scope is not None}
        self.theirs = {
            _Use(meant.name, getattr(meant, "node", None), access.node)
            for access in self.accesses()
            for meant in access.referents
        }
        builtins = self.code.top.parent
        assert builtins is not None
        self.ours = {
            _Use(meant.name, meant.node, used)
            for scope in (*self.code.scopes, builtins)
            for meant in scope.assignments
            for used in meant.references
        }

    def accesses(self) -> Iterator[Access]:
        """All that LibCST has."""
        return (access for scope in self._scopes for access in scope.accesses)

    def strange(self) -> list[str]:
        """What is found otherwise by a name, or used otherwise, but for what LibCST gets wrong."""
        other = self.ours ^ self.theirs
        wrong = {use.used for use in other if self._differs(use)}
        return sorted([self._told(use) for use in other if use.used not in wrong] + list(self._looked_up()))

    @cached_property
    def _outer(self) -> frozenset[str]:
        """Names that LibCST binds in the next scope, whatever that is: of `nonlocal`, and of `:=`."""
        named = (name.name.value for node in self.code.all(cst.Nonlocal) for name in node.names)
        taken = (
            each.target.value for each in self.code.all(cst.NamedExpr) if isinstance(each.target, cst.Name)
        )
        return frozenset((*named, *taken))

    def _looked_up(self) -> Iterator[str]:
        for access in self.accesses():
            if isinstance(access.node, cst.Name) and access.node.value not in {"__class__", *self._outer}:
                name = access.node.value
                theirs = {getattr(each, "node", None) for each in access.scope[name]}
                ours = {each.node for each in self.code.scope(access.node)[name]}
                if ours != theirs and not any(self._is_pattern(node) for node in ours):
                    yield f"{self.code.line(access.node)}: {name}"

    def _told(self, use: _Use) -> str:
        side = "ours" if use in self.ours else "LibCST's"
        bound = self.code.line(use.bound) if use.bound is not None else 0
        return f"{self.code.line(use.used)}: {use.name} of line {bound} is {side}"

    def _differs(self, use: _Use) -> bool:
        code, bound, used = self.code, use.bound, use.used
        holders = () if bound is None else (bound, *code.ancestors(bound))
        clause = next((each for each in holders if isinstance(each, cst.CompFor)), None)
        target = code.within(used, cst.AssignTarget)
        return (
            use.name in self._outer
            or self._is_pattern(bound)
            or self._is_pattern(used)  # LibCST takes it for a use
            or self._is_early(use)
            # a later loop of a comprehension binds before its conditions, and before the loops in it
            or (clause is not None and isinstance(code.parents[clause], cst.CompFor))
            # the values of a loop are evaluated before its names are bound
            or any(isinstance(each, cst.For) and used in code.inside(each.iter) for each in holders)
            # targets are bound from the left
            or (target is not None and bound is not None and code.statement(bound) is code.statement(used))
            # every class block has it, and every method sees it; it is no builtin
            or use.name == "__class__"
        )

    def _is_pattern(self, node: cst.CSTNode | None) -> bool:
        """Names of patterns are bound, and their keywords are no names."""
        kinds = cst.MatchAs | cst.MatchStar | cst.MatchMapping | cst.MatchKeywordElement
        return node is not None and isinstance(self.code.parents.get(node), kinds)

    def _is_early(self, use: _Use) -> bool:
        """A name that a block binds is not the one of the function around, also where it is used before."""
        scope = self.code.scope(use.used)
        own = {each.node for each in scope.bound.get(use.name, ())}
        return bool(own) and not any(_Use(use.name, node, use.used) in self.theirs for node in own)


def compared(path: Path) -> Compared | None:
    """None where LibCST cannot read the file."""
    try:
        return Compared(path.read_bytes())
    except cst.ParserSyntaxError:
        return None


def test_names_mean_what_libcst_says() -> None:
    """By name, with the scope's rules; and each binding's uses, with their order."""
    files = [(path, both) for path in _sample() if (both := compared(path)) is not None]
    strange = {path.name: found for path, both in files if (found := both.strange())}
    uses = sum(len(both.theirs) for _, both in files)
    differing = sum(len(both.ours ^ both.theirs) for _, both in files)
    print(f"{len(files)} files, {uses} uses, {differing} of them otherwise")  # noqa: T201 - the figures
    assert strange == {}
    assert uses > 5_000
    assert differing < uses / 200  # 0.04 % of the whole library, more where files are chosen for it
