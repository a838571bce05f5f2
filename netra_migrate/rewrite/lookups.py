"""What is left to do once a file is read: bindings of outer functions, and the meaning of each use."""

from dataclasses import dataclass

import libcst as cst

from netra_migrate.rewrite.scopes import Kind, Scope


@dataclass(frozen=True, slots=True)
class Names:
    """What the names of a file mean.

    `places`: nodes that are evaluated in another scope than what holds them. `free`: names that are used, not
    in strings, and have no meaning where they are.
    """

    top: Scope
    scopes: tuple[Scope, ...]
    places: dict[cst.CSTNode, Scope]
    free: frozenset[str]


@dataclass(frozen=True, slots=True)
class Late:
    """A binding of a `nonlocal` name: what else binds that may come further down."""

    name: str
    node: cst.CSTNode
    scope: Scope
    made: int

    def bind(self) -> None:
        """Bind it in the nearest function around that does; in the next one where that only deletes it."""
        home = self.scope.home(self.name)
        if home is None or home.kind in (Kind.MODULE, Kind.BUILTINS):
            home = self.scope.around
        home.bind(self.name, self.node, self.made)


@dataclass(frozen=True, slots=True)
class Seen:
    """A name that is looked up.

    `taken`: the attributes taken from it, inmost first. `string`: the annotation that it stands in, if that is
    a string. `made`: see `scopes.Assignment`.
    """

    head: cst.Name
    taken: list[cst.Attribute]
    scope: Scope
    string: cst.CSTNode | None
    made: int

    def settle(self, dotted: frozenset[str]) -> bool:
        """Note the use with what it means; whether it means anything.

        Args:
            dotted: the names with dots that imports of the file bind. After `import a.b`, `a.b.c` is a use of
                `a.b` and not of `a`.
        """
        name = self.head.value
        meant: list[tuple[str, cst.CSTNode]] = [(name, self.head)]
        for each in self.taken if dotted else ():
            name = f"{name}.{each.attr.value}"
            if name in dotted and not self._hidden(name):
                meant.append((name, each))
        return any(self.scope.use(name, self.string or node, self.made) for name, node in reversed(meant))

    def _hidden(self, name: str) -> bool:
        """Whether the `a` of an imported `a.b` is something else here; LibCST does not ask."""
        head = self.head.value
        near = self.scope.home(head)
        return near is not self.scope.home(name) and not all(each.is_import for each in self.scope[head])
