"""Which modules import one another, and an order in which the imported comes first. Pure."""

from collections.abc import Collection, Iterator, Mapping

Imports = Mapping[str, Collection[str]]


def cycles(imports: Imports) -> tuple[tuple[str, ...], ...]:
    """Groups of modules that import one another, each sorted, all sorted; a module that imports itself too."""
    return tuple(
        sorted(
            group for group in condensed(imports) if len(group) > 1 or group[0] in imports.get(group[0], ())
        )
    )


def condensed(imports: Imports) -> tuple[tuple[str, ...], ...]:
    """Every module once, in sorted groups: imported before importer, a cycle being one group.

    Tarjan's strongly connected components (1972), without recursion: chains of imports in real trees
    are longer than Python's stack. The same graph gives the same order, however its mapping is ordered.
    """
    search = _Search(imports)
    for module in sorted(_modules(imports)):
        if module not in search.number:
            search.visit(module)
    return tuple(search.groups)


def _modules(imports: Imports) -> set[str]:
    return set(imports).union(*imports.values())


class _Search:
    def __init__(self, imports: Imports) -> None:
        self.imports = imports
        self.number: dict[str, int] = {}
        self.low: dict[str, int] = {}
        self.open: list[str] = []
        self.is_open: set[str] = set()
        self.groups: list[tuple[str, ...]] = []

    def visit(self, first: str) -> None:
        path: list[tuple[str, Iterator[str]]] = [self._enter(first)]
        while path:
            module, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                self._leave(module, path[-1][0] if path else None)
            elif following not in self.number:
                path.append(self._enter(following))
            elif following in self.is_open:
                self.low[module] = min(self.low[module], self.number[following])

    def _enter(self, module: str) -> tuple[str, Iterator[str]]:
        self.number[module] = self.low[module] = len(self.number)
        self.open.append(module)
        self.is_open.add(module)
        return module, iter(sorted(self.imports.get(module, ())))

    def _leave(self, module: str, importer: str | None) -> None:
        if importer is not None:
            self.low[importer] = min(self.low[importer], self.low[module])
        if self.low[module] == self.number[module]:
            group: list[str] = []
            while not group or group[-1] != module:
                group.append(self.open.pop())
            self.is_open.difference_update(group)
            self.groups.append(tuple(sorted(group)))
