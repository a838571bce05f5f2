"""Follows dotted names through the tree: where a name leads, through which modules, and whether it exists."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from netra_migrate.domain.references import Side
from netra_migrate.scan.facts import Aim, Definition, Facts, Sought
from netra_migrate.sources.naming import Names

_FARTHEST = 40
"""Modules that a name may be handed through; more is a circle."""
_EMPTY_BASES = frozenset(
    {"object", "ABC", "abc.ABC", "Protocol", "typing.Protocol", "Generic", "typing.Generic"}
)
_OF_EVERY_MODULE = frozenset({"__name__", "__file__", "__doc__", "__dict__", "__path__", "__spec__"})
_OF_EVERY_CLASS = frozenset(dir(object)) | {"__dict__", "__module__"}


class Trail(NamedTuple):
    """Where a name leads. `passed`: the modules on the way, the one named first, the one meant last."""

    side: Side
    module: str
    rest: tuple[str, ...]
    passed: tuple[str, ...]


class Library:
    """What is known of the tree's files; reads further ones when a question needs them."""

    def __init__(
        self,
        aim: Aim,
        names: Names,
        facts: Mapping[str, Facts],
        read: Callable[[str], Facts | None],
    ) -> None:
        self.names = names
        self._sides = {each.path: each for each in aim.sought}
        self._facts = facts
        self._read = read
        self._known: dict[str, Trail | None] = {}

    def forget(self) -> None:
        """Drops answers given before more facts came in."""
        self._known.clear()

    def side(self, module: str) -> Sought | None:
        """Which of the two modules a name is."""
        return self._sides.get(self.names.path(module) or "")

    def trace(self, dotted: str) -> Trail | None:
        """Where a dotted name leads, if it is one of the two modules."""
        if dotted not in self._known:
            self._known[dotted] = self._follow(dotted, ())
        return self._known[dotted]

    def _follow(self, dotted: str, passed: tuple[str, ...]) -> Trail | None:
        module, rest = self.names.locate(dotted)
        if not module or module in passed or len(passed) > _FARTHEST:
            return None
        side = self.side(module)
        if side is not None:
            return Trail(side.side, module, rest, (*passed, module))
        facts = self._facts.get(self.names.path(module) or "")
        if not rest or facts is None:
            return None
        return self._handed_on(facts, rest, (*passed, module))

    def _handed_on(self, facts: Facts, rest: tuple[str, ...], passed: tuple[str, ...]) -> Trail | None:
        target = facts.bindings.get(rest[0])
        if target is not None:
            trail = self._follow(target, passed)
            if trail is not None and len(trail.rest) > 1:  # a symbol's attribute is a value of its own
                return None
            return self._follow(".".join((target, *rest[1:])), passed)
        if rest[0] in facts.definitions:
            return None
        for star in facts.stars:
            if self._gives(star, rest[0]):
                trail = self._follow(".".join((star, *rest)), passed)
                if trail is not None:
                    return trail
        return None

    def _gives(self, module: str, name: str) -> bool:
        """Whether `from module import *` takes the name."""
        facts = self._facts.get(self.names.path(module) or "")
        if facts is not None and facts.exported is not None:
            return name in facts.exported
        if name.startswith("_"):
            return False
        return facts is None or self.side(module) is None or self.defines(module, (name,)) is not False

    def handed_on(self, path: str) -> dict[str, Trail]:
        """Names that a file hands on from one of the two modules, with where they come from."""
        facts = self._facts[path]
        module = next(iter(self.names.of(path)), "")
        if not module or path in self._sides:
            return {}
        found = {name: self.trace(f"{module}.{name}") for name in facts.bindings}
        for star in facts.stars:
            found.update({name: self.trace(f"{module}.{name}") for name in self.public(star)})
        return {name: trail for name, trail in found.items() if trail is not None}

    def public(self, module: str, seen: frozenset[str] = frozenset()) -> set[str]:
        """The names that a star takes from a module."""
        facts = self._facts.get(self.names.path(module) or "")
        if facts is None or module in seen:
            return set()
        if facts.exported is not None:
            return set(facts.exported)
        names = {*facts.bindings, *facts.definitions}
        for star in facts.stars:
            names |= self.public(star, seen | {module})
        return {name for name in names if not name.startswith("_")}

    def exists(self, module: str) -> bool:
        """Whether a module's file is there."""
        return self._facts_of(module) is not None

    def defines(self, module: str, rest: tuple[str, ...], depth: int = 0) -> bool | None:
        """Whether a module has a name, and that an attribute; None where reading alone cannot say."""
        facts = self._facts_of(module)
        if facts is None:
            return False
        if not rest or rest[0] in _OF_EVERY_MODULE:
            return True
        if depth > _FARTHEST or facts.unparsable:
            return None
        definition = facts.definitions.get(rest[0])
        if rest[0] in facts.bindings:
            return self._bound(facts.bindings[rest[0]], rest[1:], depth)
        if definition is not None:
            return self._member(module, definition, rest[1:], depth)
        if self.names.path(f"{module}.{rest[0]}"):
            return True
        return self._by_star(facts, rest, depth)

    def _by_star(self, facts: Facts, rest: tuple[str, ...], depth: int) -> bool | None:
        answers = [
            self.defines(star, rest, depth + 1) if self.names.path(star) else None for star in facts.stars
        ]
        if True in answers:
            return True
        return None if None in answers or facts.lazy else False

    def _bound(self, target: str, rest: tuple[str, ...], depth: int) -> bool | None:
        module, inner = self.names.locate(target)
        if not module:
            return True if not rest else None
        return self.defines(module, (*inner, *rest), depth + 1)

    def _member(self, module: str, definition: Definition, rest: tuple[str, ...], depth: int) -> bool | None:
        if not rest:
            return True
        if definition.kind != "class":
            return None
        if rest[0] in definition.members or rest[0] in _OF_EVERY_CLASS:
            return True if len(rest) == 1 else None
        answers = [self._by_base(module, base, rest, depth) for base in definition.bases]
        return True if True in answers else None if None in answers else False

    def _by_base(self, module: str, base: str, rest: tuple[str, ...], depth: int) -> bool | None:
        if base in _EMPTY_BASES:
            return False
        if base == "?" or depth > _FARTHEST:
            return None
        facts = self._facts_of(module)
        root = base.partition(".")[0]
        if facts is None or (root not in facts.definitions and root not in facts.bindings):
            return None
        return self.defines(module, (*base.split("."), *rest), depth + 1)

    def _facts_of(self, module: str) -> Facts | None:
        path = self.names.path(module)
        if path is None:
            return None
        return self._facts.get(path) or self._read(path)
