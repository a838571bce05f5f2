"""Facts of one file to references: each import, lookup and mention that leads to one of the two modules."""

from collections.abc import Iterable, Iterator

from netra_migrate.domain.references import Form, Reference, Side
from netra_migrate.scan.facts import Facts, Import, Literal, Mention
from netra_migrate.scan.linking import Library, Trail

_Use = tuple[str, str, tuple[str, ...]]
"""A symbol, its name in this file, and its name in the module named."""


class Referrer:
    """One file's references. A module is no reference to itself."""

    def __init__(self, path: str, facts: Facts, library: Library) -> None:
        self._path = path
        self._facts = facts
        self._library = library
        self._imported = {each.module for each in facts.imports if not each.names}

    def references(self) -> Iterator[Reference]:
        """All of them, in no order."""
        for each in self._facts.imports:
            yield from self._import(each)
        for literal in self._facts.literals:
            yield from self._literal(literal)
        for mention in self._facts.mentions:
            yield from self._mention(mention)

    def _is_own(self, trail: Trail) -> bool:
        return self._library.names.path(trail.module) == self._path

    def _import(self, each: Import) -> Iterator[Reference]:
        if not each.names:
            yield from self._plain(each)
        elif self._library.side(each.module):
            yield from self._from(each)
        else:
            yield from self._from_another(each)

    def _plain(self, each: Import) -> Iterator[Reference]:
        """`import a.b`: the module itself, or one from which names are taken by attribute."""
        trail = self._library.trace(each.module)
        if trail is not None and not trail.rest:
            uses = self._uses(each.local, each.module, trail.side)
            yield from self._made(each, trail, Form.IMPORT, uses)
        elif trail is None:
            root, module = each.local, each.module
            if root == module:
                root = module = module.partition(".")[0]
            yield from self._by_chains(each, root, module, Form.IMPORT)

    def _from(self, each: Import) -> Iterator[Reference]:
        trail = self._library.trace(each.module)
        if trail is not None and not trail.rest:
            form = Form.STAR if each.names[0][0] == "*" else Form.FROM
            uses: list[_Use] = [(name, local, (name,)) for name, local in each.names]
            yield from self._made(each, trail, form, uses)

    def _from_another(self, each: Import) -> Iterator[Reference]:
        """`from a import b`: a module, a symbol that `a` hands on, or a package with the module in it."""
        grouped: dict[tuple[Side, tuple[str, ...]], list[tuple[str, str, Trail, tuple[str, ...]]]] = {}
        for at, (name, local) in enumerate(each.names):
            if name == "*":
                yield from self._star(each)
                continue
            trail = self._library.trace(f"{each.module}.{name}")
            if trail is None:
                yield from self._by_chains(each, local, f"{each.module}.{name}", Form.FROM_PACKAGE)
            elif trail.rest:
                group = grouped.setdefault((trail.side, trail.passed), [])
                group.append((trail.rest[0], local, trail, (name, *trail.rest[1:])))
            else:
                uses = self._uses(local, f"{each.module}.{name}", trail.side)
                form = Form.FROM_PACKAGE if len(trail.passed) == 1 else Form.REEXPORT
                yield from self._made(each, trail, form, uses, column=each.columns[at : at + 1])
        for group in grouped.values():
            uses = [(symbol, local, named) for symbol, local, _, named in group]
            yield from self._made(each, group[0][2], Form.REEXPORT, uses)

    def _star(self, each: Import) -> Iterator[Reference]:
        trails = (self._library.trace(f"{each.module}.{name}") for name in self._library.public(each.module))
        found = {(trail.side, trail.passed): trail for trail in trails if trail is not None and trail.rest}
        nearest: dict[Side, Trail] = {}
        for _, trail in sorted(found.items()):
            nearest.setdefault(trail.side, trail)
        for trail in nearest.values():
            yield from self._made(each, trail, Form.REEXPORT, [("*", "*", ())])

    def _by_chains(self, each: Import, root: str, module: str, form: Form) -> Iterator[Reference]:
        """Names taken by attribute through a module that is neither of the two."""
        grouped: dict[tuple[Side, tuple[str, ...]], list[_Use]] = {}
        kept: dict[tuple[Side, tuple[str, ...]], Trail] = {}
        for chain in self._chains(root):
            trail = self._library.trace(module + chain[len(root) :])
            if trail is None or (form is Form.IMPORT and trail.passed[0] in self._imported - {each.module}):
                continue
            key = (trail.side, trail.passed)
            kept.setdefault(key, trail)
            if trail.rest:
                local = _without(chain, len(trail.rest) - 1)
                grouped.setdefault(key, []).append((trail.rest[0], local, (local.rpartition(".")[2],)))
        for key, trail in kept.items():
            kind = form if len(trail.passed) == 1 else Form.REEXPORT
            if trail.rest or kind is not Form.REEXPORT:
                yield from self._made(each, trail, kind, sorted(set(grouped.get(key, ()))))

    def _uses(self, local: str, module: str, side: Side) -> list[_Use]:
        """Symbols taken by attribute from an imported module."""
        found = set()
        for chain in self._chains(local):
            trail = self._library.trace(module + chain[len(local) :])
            if trail is not None and trail.side is side and trail.rest:
                name = _without(chain, len(trail.rest) - 1)
                found.add((trail.rest[0], name, (trail.rest[0],)))
        return sorted(found)

    def _chains(self, root: str) -> Iterable[str]:
        return (chain for chain in self._facts.chains if chain.startswith(root + "."))

    def _made(
        self,
        each: Import,
        trail: Trail,
        form: Form,
        uses: list[_Use],
        *,
        column: tuple[int, ...] = (),
    ) -> Iterator[Reference]:
        if self._is_own(trail):
            return
        named = trail.passed[0]
        answers = [self._library.defines(named, rest) for _, _, rest in uses if rest != ("*",)]
        yield Reference(
            path=self._path,
            line=each.line,
            column=column[0] if column else each.column,
            side=trail.side,
            form=each.form or form,
            module=named,
            symbols=tuple(symbol for symbol, _, _ in uses),
            aliases=tuple(local for _, local, _ in uses),
            relative=each.relative,
            contexts=each.contexts,
            via=trail.passed[1:-1],
            exists=_all([self._library.exists(trail.module), *answers]),
            text=each.text,
        )

    def _literal(self, each: Literal) -> Iterator[Reference]:
        dotted = each.dotted.removeprefix("?")
        names = [f"{dotted}.{name}" for name in each.attributes] or [dotted]
        trails: list[tuple[str, Trail]] = []
        for name in names:
            trail = self._library.trace(name)
            if trail is not None and not (each.dotted != dotted and len(trail.rest) != 1):
                trails.append((name, trail))
        if not trails or self._is_own(trails[0][1]):
            return
        first = trails[0][1]
        symbols = dict.fromkeys(trail.rest[0] for _, trail in trails if trail.rest)
        yield Reference(
            path=self._path,
            line=each.line,
            column=each.column,
            side=first.side,
            form=each.form,
            module=first.passed[0],
            symbols=tuple(symbols),
            contexts=each.contexts,
            via=first.passed[1:-1],
            exists=_all([self._library.exists(first.module), *(self._has(name) for name, _ in trails)]),
            text=each.text,
        )

    def _has(self, dotted: str) -> bool | None:
        return self._library.defines(*self._library.names.locate(dotted))

    def _mention(self, each: Mention) -> Iterator[Reference]:
        module = each.module
        own = self._library.names.path(module)
        if own == self._path:
            return
        there = self._library.exists(module)
        known = bool(each.rest) and self._library.defines(module, (each.rest,)) is not False
        if each.by == "." and there and not known and not each.rest[0].isupper():
            return  # a file of nearly that name, or the end of a sentence
        symbols = (each.rest,) if each.by in (".", ":") and each.rest and (known or each.by == ".") else ()
        if "." not in module and each.by == ":" and not symbols:
            return
        yield Reference(
            path=self._path,
            line=each.line,
            column=each.column,
            side=each.side,
            form=each.form,
            module=module,
            symbols=symbols,
            contexts=each.contexts,
            exists=there,
            text=each.text,
        )


def _without(chain: str, count: int) -> str:
    """A chain without its last names."""
    return chain.rsplit(".", count)[0] if count > 0 else chain


def _all(answers: list[bool | None]) -> bool | None:
    if False in answers:
        return False
    return None if None in answers else True
