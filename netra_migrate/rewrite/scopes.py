"""What the names of a file mean: its scopes, what is bound in each of them, and where that is used.

The rules are those of the Python Language Reference, "Naming and binding". Nothing here reads a tree; that is
in `binding`. Of the order of a program only what is certain counts: a use before every binding of its own scope.
"""

import builtins
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

import libcst as cst

_AT_ANY_TIME = sys.maxsize


class Kind(Enum):
    """What has names of its own. TYPES are type parameters and type aliases; LAMBDA is a FUNCTION here."""

    BUILTINS = auto()
    MODULE = auto()
    CLASS = auto()
    FUNCTION = auto()
    COMPREHENSION = auto()
    TYPES = auto()


class Declared(Enum):
    """What a statement says of a name."""

    GLOBAL = auto()
    NONLOCAL = auto()


@dataclass(slots=True, eq=False)
class Assignment:
    """One binding of a name.

    `name` has dots where `import a.b` binds: it gives `a` and `a.b` a meaning. `node` is what binds: the name
    itself, a parameter, a definition, or a whole import statement; None for a builtin. `made` is its place in
    the order in which a scope's bindings and uses are evaluated.
    """

    name: str
    scope: "Scope"
    node: cst.CSTNode | None
    made: int

    @property
    def references(self) -> list[cst.CSTNode]:
        """Where this meaning may be used, in order.

        Names; `a.b` where that is what an import binds; the whole string where an annotation is in a string.
        """
        uses = self.scope.uses.get(self.name, ())
        return list(dict.fromkeys(use.node for use in uses if self.made <= use.made))

    @property
    def is_builtin(self) -> bool:
        """Whether Python itself gives the name its meaning."""
        return self.node is None

    @property
    def is_import(self) -> bool:
        """Whether an import does."""
        return isinstance(self.node, cst.Import | cst.ImportFrom)


@dataclass(frozen=True, slots=True)
class Use:
    """A place where a name is looked up. `made` as in `Assignment`; later than all where it can run at any time."""

    node: cst.CSTNode
    made: int


@dataclass(slots=True, eq=False)
class Scope:
    """Names that are bound together. `bound` and `uses` are by name; `uses` are of what is bound here."""

    kind: Kind
    parent: "Scope | None"
    bound: dict[str, list[Assignment]] = field(default_factory=dict)
    declared: dict[str, Declared] = field(default_factory=dict)
    uses: dict[str, list[Use]] = field(default_factory=dict)

    @property
    def assignments(self) -> Iterator[Assignment]:
        """All that is bound here."""
        return (each for name in self.bound.values() for each in name)

    def __getitem__(self, name: str) -> tuple[Assignment, ...]:
        """What a name may mean here: all that binds it in the nearest scope that does."""
        home = self.home(name)
        return tuple(home.bound[name]) if home is not None else ()

    def home(self, name: str) -> "Scope | None":
        """The nearest scope seen from here that binds a name."""
        scope: Scope | None = self
        while scope is not None:
            if self._sees(scope):
                if scope.declared.get(name) is Declared.GLOBAL:
                    scope = scope.module
                if name in scope.bound:
                    return scope
            scope = scope.parent
        return None

    def _sees(self, outer: "Scope") -> bool:
        """A class's names are seen in its own block only, and in type parameters that stand right in it."""
        if outer is self or outer.kind is not Kind.CLASS:
            return True
        return self.kind is Kind.TYPES and self.parent is outer

    @property
    def module(self) -> "Scope":
        """The scope of the whole file."""
        scope = self
        while scope.kind is not Kind.MODULE and scope.parent is not None:
            scope = scope.parent
        return scope

    @property
    def binding(self) -> "Scope":
        """Where `:=` binds: not in the comprehension that it stands in."""
        scope = self
        while scope.kind is Kind.COMPREHENSION and scope.parent is not None:
            scope = scope.parent
        return scope

    @property
    def around(self) -> "Scope":
        """The next function outside; the module's scope where there is none."""
        scope = self.parent or self
        while scope.kind is not Kind.FUNCTION and scope.kind is not Kind.MODULE and scope.parent is not None:
            scope = scope.parent
        return scope

    def bind(self, name: str, node: cst.CSTNode, made: int) -> None:
        """Give a name a meaning here, whatever is declared of it."""
        self.bound.setdefault(name, []).append(Assignment(name, self, node, made))

    def use(self, name: str, node: cst.CSTNode, made: int) -> bool:
        """Note a use that is evaluated here; whether the name means anything."""
        home = self.home(name)
        if home is self and all(each.made > made for each in self.bound[name]):
            home, made = self._early(name), _AT_ANY_TIME
        elif home is not self:
            made = _AT_ANY_TIME
        if home is None:
            return False
        home.uses.setdefault(name, []).append(Use(node, made))
        return True

    def _early(self, name: str) -> "Scope | None":
        """The home of a use before all bindings of its own scope.

        In a block of a function the name is local all the same: the use is in a loop, or fails. A module's and
        a class's block look a name up when they come to it: what they have not got yet is global, or a builtin.
        """
        match self.kind:
            case Kind.CLASS:
                return self.module.home(name)
            case Kind.MODULE:
                return self.parent.home(name) if self.parent is not None else None
            case _:
                return self


def module_scope() -> Scope:
    """The scope of a file, with the builtins of the running Python around it."""
    outer = Scope(Kind.BUILTINS, None)
    outer.bound = {name: [Assignment(name, outer, None, 0)] for name in dir(builtins)}
    return Scope(Kind.MODULE, outer)
