"""What a dotted name means to the migration: which legacy symbol it is, and what becomes of that."""

from collections.abc import Iterable
from dataclasses import dataclass

from netra_migrate.configuration import Configuration
from netra_migrate.domain.plan import Decision, Target
from netra_migrate.domain.rewriting import Decisions


@dataclass(frozen=True, slots=True)
class Place:
    """A dotted name that leads into a module with legacy symbols; `symbol` is None for the module itself."""

    module: str
    symbol: str | None = None
    rest: tuple[str, ...] = ()


class Names:
    """The decisions, asked by name. With `only_adapters`, all symbols but those to adapt are left alone."""

    def __init__(
        self, decisions: Decisions, configuration: Configuration, *, only_adapters: bool = False
    ) -> None:
        self._decisions = decisions
        self.configuration = configuration
        self.only_adapters = only_adapters
        own = {name: name for name in decisions.targets}
        self.legacy_module = configuration.legacy.module
        self.modules = {self.legacy_module: own, **decisions.modules}

    def canonical(self, name: str) -> str:
        """A name of the canonical module as a dotted name; dotted names stay."""
        return name if "." in name else f"{self.configuration.canonical.module}.{name}"

    def place(self, name: str) -> Place | None:
        """Where a dotted name leads, or None when it is nothing of the migration's."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            module = ".".join(parts[:length])
            if module not in self.modules:
                continue
            if length == len(parts):
                return Place(module)
            symbol = self.modules[module].get(parts[length])
            if symbol is None and module == self.legacy_module:
                symbol = parts[length]
            return Place(module, symbol, tuple(parts[length + 1 :])) if symbol else None
        return None

    def target(self, symbol: str) -> Target | None:
        """What becomes of a symbol. A base without a decision becomes the canonical base."""
        target = self._decisions.targets.get(symbol)
        base = self.configuration.canonical.base
        undecided = target is None or not target.decided or target.decision is Decision.NONE
        if undecided and base and symbol in self.configuration.legacy.bases:
            return Target(symbol=symbol, decision=Decision.RENAMED, to=self.canonical(base))
        return target

    def moved(self, symbol: str) -> Target | None:
        """The target of a symbol that has one to go to."""
        target = self.target(symbol)
        if target is None or not target.decided or not target.to:
            return None
        return target if target.decision in (Decision.SAME, Decision.RENAMED) else None

    def adapted(self, symbol: str) -> bool:
        """Whether a symbol stays, wrapped by the adapter."""
        target = self.target(symbol)
        adapter = self.configuration.adapter is not None
        return adapter and target is not None and target.decided and target.decision is Decision.ADAPT

    def obstacle(self, symbol: str) -> str | None:
        """Why a symbol cannot be rewritten, as a sentence; None when it can, or is to be left alone."""
        if self.only_adapters or self.moved(symbol) or self.adapted(symbol):
            return None
        target = self.target(symbol)
        if target is None:
            return f"`{symbol}` is not in the map of symbols: say in [symbols.{symbol}] what it becomes."
        if target.decision is Decision.ADAPT and target.decided:
            return f"`{symbol}` is to be adapted, but there is no [adapter]: name one, or give it a target."
        why = f" ({target.reason.rstrip('.')})" if target.reason else ""
        return f"`{symbol}` has no target{why}: say in [symbols.{symbol}] what it becomes."

    def symbol(self, meanings: Iterable[str]) -> str | None:
        """The one legacy symbol that these dotted names mean, without anything after it."""
        places = {self.place(name) for name in meanings}
        found = {place.symbol for place in places if place and place.symbol and not place.rest}
        return found.pop() if len(found) == 1 else None

    def importable(self, name: str) -> bool:
        """Whether a dotted name exists after the migration."""
        return name in self._decisions.importable

    def gone(self, symbol: str) -> frozenset[str]:
        """What instances of a legacy class have, and those of its target have not."""
        return self._decisions.gone.get(symbol, frozenset())

    @property
    def all_gone(self) -> frozenset[str]:
        """The same of all classes."""
        return frozenset().union(*self._decisions.gone.values())

    def hands_on(self, module: str, name: str) -> bool:
        """Whether others may still take that name from this module."""
        return name in self._decisions.modules.get(module, {})

    def targets(self) -> frozenset[str]:
        """All dotted names that legacy symbols become."""
        return frozenset(target.to for target in self._decisions.targets.values() if target.to)
