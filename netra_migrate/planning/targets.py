"""What a legacy symbol becomes: by the map, else by comparing it with the canonical module. Pure."""

from collections.abc import Collection, Iterable, Sequence
from difflib import SequenceMatcher
from functools import cache, lru_cache
from itertools import pairwise, takewhile

import msgspec

from netra_migrate.configuration import Configuration, SymbolRule
from netra_migrate.domain.handlers import HandlerClass, Shape
from netra_migrate.domain.outcomes import ConfigurationError
from netra_migrate.domain.plan import Decision, Target
from netra_migrate.domain.survey import Symbol

_ALIKE = 0.6
"""Share of a name that must agree for a suggestion; below it suggestions are noise."""
_SUGGESTIONS = 3
_SAYS_NOTHING = frozenset(("", "handler", "base", "message", "service"))
_MEANINGLESS = frozenset(("ABC", "Protocol", "object", "Generic"))


class Sides(msgspec.Struct, frozen=True):
    """The public names of both modules and the file that decides."""

    legacy: Sequence[Symbol]
    canonical: Sequence[Symbol]
    configuration: Configuration
    bases: Collection[str] = ()
    """Legacy symbols that are handlers' base classes, which `canonical.base` replaces."""

    def target(self, name: str) -> Target:
        """What a legacy symbol becomes; undecided, with what to write, where nobody can know."""
        symbol = next((each for each in self.legacy if each.name == name), None)
        found = self._decided(name, symbol)
        if symbol is None or not found.decided:
            return found
        return msgspec.structs.replace(
            found, constructor=tuple(_positional(symbol.constructor)), message_types=symbol.message_types
        )

    def _decided(self, name: str, symbol: Symbol | None) -> Target:
        rule = self.configuration.symbols.get(name)
        if rule is not None:
            return _ruled(name, rule, self)
        if symbol is None:
            return _open(name, f"{self.configuration.legacy.module} has no such name; {_say(name, '')}")
        if symbol.kind == "import":
            return _handed_on(symbol, self)
        base = self.configuration.canonical.base
        if name in self.bases and base is not None:
            to = _absolute(base, self.configuration)
            wanted = _wanted_by_base(symbol, base, self)
            if wanted:
                return _open(name, wanted)
            return Target(symbol=name, decision=Decision.RENAMED, to=to, reason="canonical.base replaces it")
        return _compared(symbol, self)


def _wanted_by_base(symbol: Symbol, base: str, sides: Sides) -> str | None:
    """What the constructor of the canonical base wants and no legacy handler gives; as a question."""
    other = next((each for each in sides.canonical if each.name == base.rpartition(".")[2]), None)
    missing = [each for each in other.required if each not in symbol.constructor] if other else []
    if not missing:
        return None
    added = ", ".join(f'{each} = "…"' for each in missing)
    same = base.rpartition(".")[2] == symbol.name
    decision = 'decision = "same"' if same else f'decision = "renamed", to = "{base}"'
    return (
        f"{base}.__init__ wants {', '.join(missing)}, which legacy handlers do not give; "
        f"say [symbols.{symbol.name}] {decision}, add = {{ {added} }}"
    )


def check_rules(sides: Sides, used: Collection[str]) -> None:
    """Refuses rules about symbols or targets that do not exist.

    Raises:
        ConfigurationError: with a line for each mistake.
    """
    names = {each.name for each in sides.legacy}
    mistakes = []
    for name, rule in sorted(sides.configuration.symbols.items()):
        if sides.legacy and name not in names and name not in used:
            known = _nearest(name, names)
            hint = f"did you mean {known[0]}?" if known else "take the rule out."
            module = sides.configuration.legacy.module
            mistakes.append(f"symbols.{name}: {module} has no such name; {hint}")
        mistakes += [f"symbols.{name}.{each}" for each in _mistakes(name, rule, sides)]
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))


def _mistakes(name: str, rule: SymbolRule, sides: Sides) -> Iterable[str]:
    decision = rule.decision or (Decision.RENAMED if rule.to else Decision.SAME)
    canonical = {each.name for each in sides.canonical}
    module = sides.configuration.canonical.module
    if decision is Decision.RENAMED and rule.to is None:
        yield 'to: "renamed" needs the new name; give it, or say "same".'
    if decision is Decision.SAME and rule.to is None and canonical and name not in canonical:
        yield f'decision: {module} has no {name}; say "renamed" and to what.'
    if decision is Decision.SAME and rule.to is not None and rule.to.rpartition(".")[2] != name:
        yield 'to: this is another name; say decision = "renamed", or take `to` out.'
    if decision is Decision.ADAPT and sides.configuration.adapter is None:
        yield "decision: there is no [adapter]; name one in adapter.to_canonical."
    if rule.to is not None and canonical:
        to = _absolute(rule.to, sides.configuration)
        owner, _, new = to.rpartition(".")
        if owner == module and new not in canonical:
            known = _nearest(new, canonical)
            yield f"to: {module} has no {new}; " + (
                f"did you mean {known[0]}?" if known else "write it first."
            )


def _ruled(name: str, rule: SymbolRule, sides: Sides) -> Target:
    decision = rule.decision or (Decision.RENAMED if rule.to else Decision.SAME)
    to = rule.to
    if to is None and decision is Decision.SAME:
        to = name
    return Target(
        symbol=name,
        decision=decision,
        to=None if to is None else _absolute(to, sides.configuration),
        drop=rule.drop,
        rename=rule.rename,
        add=rule.add,
        imports=rule.imports,
        reason=rule.reason or "migration.toml says so",
    )


def _positional(parameters: Iterable[str]) -> Iterable[str]:
    """Those that an argument without a name can mean for certain."""
    return takewhile(lambda each: not each.startswith("*"), parameters)


def _handed_on(symbol: Symbol, sides: Sides) -> Target:
    """The legacy module only imports it: its users take it from where it comes from."""
    to = symbol.bases[0] if symbol.bases else symbol.name
    if "." not in to:
        return _open(symbol.name, f"it is a module that legacy code imports; import {to} itself")
    same = to == f"{sides.configuration.canonical.module}.{symbol.name}"
    return Target(
        symbol=symbol.name,
        decision=Decision.SAME if same else Decision.RENAMED,
        to=to,
        reason=f"{sides.configuration.legacy.module} only imports it",
    )


def _compared(symbol: Symbol, sides: Sides) -> Target:
    other = next((each for each in sides.canonical if each.name == symbol.name), None)
    module = sides.configuration.canonical.module
    if other is None:
        return _open(symbol.name, f"{module} has no {symbol.name}; {_advice(symbol, sides)}")
    against = _differences(symbol, other, sides)
    if not against:
        to = f"{module}.{symbol.name}"
        return Target(symbol=symbol.name, decision=Decision.SAME, to=to, reason="both sides agree")
    return _open(symbol.name, f"{', '.join(against)}; {_advice(symbol, sides)}")


def _differences(legacy: Symbol, canonical: Symbol, sides: Sides) -> list[str]:
    if legacy.kind != canonical.kind and "import" not in (legacy.kind, canonical.kind):
        return [f"one is a {legacy.kind}, the other a {canonical.kind}"]
    what = "parameters" if legacy.kind == "function" else "constructors"
    found = []
    if _bases(legacy, sides) != _bases(canonical, sides):
        found.append(f"the bases differ ({_list(legacy.bases)} → {_list(canonical.bases)})")
    if legacy.constructor != canonical.constructor:
        found.append(f"the {what} differ ({_list(legacy.constructor)} → {_list(canonical.constructor)})")
    if set(legacy.message_types) != set(canonical.message_types):
        types = f"{_list(legacy.message_types)} → {_list(canonical.message_types)}"
        found.append(f"the message types differ ({types})")
    return found


def _bases(symbol: Symbol, sides: Sides) -> set[str]:
    """Bases as they compare: without their module, and a legacy base as the one that replaces it."""
    base = sides.configuration.canonical.base
    plain = {each.rpartition(".")[2] for each in symbol.bases} - _MEANINGLESS
    if base is None:
        return plain
    return {base.rpartition(".")[2] if each in sides.bases else each for each in plain}


def _advice(symbol: Symbol, sides: Sides) -> str:
    near = candidates(symbol, sides.canonical)
    first = near[0] if near else None
    kept = () if first is None else first.constructor
    drop = lost(symbol, kept) if first is not None else ()
    also = f" (nearest: {', '.join(each.name for each in near)})" if near else ""
    return _say(symbol.name, sides.configuration.canonical.module, first, drop) + also


def lost(symbol: Symbol, kept: Collection[str]) -> tuple[str, ...]:
    """Parameters that a call has to drop; `*args` is none, for no call names it."""
    return tuple(each for each in symbol.constructor if each not in kept and not each.startswith("*"))


def _say(name: str, module: str, near: Symbol | None = None, drop: Sequence[str] = ()) -> str:
    to = "…" if near is None else f"{module}.{near.name}"
    lost = f", drop = {msgspec.json.encode(list(drop)).decode()}" if drop else ""
    return f'say [symbols.{name}] decision = "renamed", to = "{to}"{lost}'


def candidates(symbol: Symbol, canonical: Iterable[Symbol]) -> tuple[Symbol, ...]:
    """The canonical symbols that a legacy one may mean, best first, at most three.

    By message types in common, then by the likeness of names and the words in common in them.
    """
    scored = [(_likeness(symbol, each), each) for each in canonical if each.kind == symbol.kind]
    good = [pair for pair in scored if pair[0] >= _ALIKE]
    good.sort(key=lambda pair: (-pair[0], pair[1].name))
    return tuple(each for _, each in good[:_SUGGESTIONS])


def _likeness(one: Symbol, other: Symbol) -> float:
    ours, theirs = _words(one.name), _words(other.name)
    names = (
        0.0 if _starts(one.name).isdisjoint(_starts(other.name)) else _ratio("".join(ours), "".join(theirs))
    )
    words = len(set(ours) & set(theirs)) / max(1, len(set(ours) | set(theirs)))
    types = bool(set(one.message_types) & set(other.message_types))
    return max(names, words, one.name == other.name) + types


def _ratio(one: str, other: str) -> float:
    """Of two texts; 0 where a glance shows that it is too small: modules with thousands of names are compared."""
    shorter, longer = sorted((len(one), len(other)))
    if not shorter or 2 * shorter < _ALIKE * (shorter + longer):
        return 0
    matcher = _matcher(one)
    matcher.set_seq1(other)
    return matcher.ratio() if matcher.quick_ratio() >= _ALIKE else 0


@lru_cache(maxsize=1)  # one name is compared with all others, then the next
def _matcher(text: str) -> SequenceMatcher[str]:
    return SequenceMatcher(None, "", text)


@cache
def _words(name: str) -> tuple[str, ...]:
    """`StartAgentHandler` as start and agent; what every handler is called says nothing."""
    cuts = [0, *(at for at in range(1, len(name)) if name[at].isupper() or name[at - 1] == "_"), len(name)]
    parts = (name[start:end].strip("_").lower() for start, end in pairwise(cuts))
    return tuple(each for each in parts if each not in _SAYS_NOTHING)


@cache
def _starts(name: str) -> frozenset[str]:
    """Of its words; names without one in common are not alike, and most pairs of a large module have none."""
    return frozenset(each[:3] for each in _words(name))


def _nearest(name: str, among: Iterable[str]) -> list[str]:
    scored = sorted((-SequenceMatcher(None, name.lower(), each.lower()).ratio(), each) for each in among)
    return [each for ratio, each in scored if -ratio >= _ALIKE][:_SUGGESTIONS]


def _open(name: str, reason: str) -> Target:
    return Target(symbol=name, decision=Decision.NONE, reason=f"symbols.{name}: {reason}", decided=False)


def _absolute(name: str, configuration: Configuration) -> str:
    return name if "." in name else f"{configuration.canonical.module}.{name}"


def _list(names: Sequence[str]) -> str:
    return ", ".join(each.rpartition(".")[2] for each in names) or "none"


def base_symbols(handlers: Sequence[HandlerClass], configuration: Configuration) -> frozenset[str]:
    """Names of the legacy module that handlers inherit from: as configured, else as they look.

    A base class has the shape, claims no message type, inherits from nobody in the module, and has heirs.
    """
    if configuration.legacy.bases:
        return frozenset(each.rpartition(".")[2] for each in configuration.legacy.bases)
    inherited = {base for each in handlers for base in each.bases}
    module = configuration.legacy.module
    return frozenset(
        each.name
        for each in handlers
        if each.module == module and each.shape is Shape.LEGACY and not each.message_types
        if f"{module}.{each.name}" in inherited
        if not any(base.startswith(f"{module}.") for base in each.bases)
    )
