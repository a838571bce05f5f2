"""The text of a first `migration.toml`: what the tree shows, with a comment on each key. Never writes it."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from netra_migrate.configuration import CanonicalSide, Configuration, LegacySide, Project
from netra_migrate.domain.handlers import HandlerClass, Shape
from netra_migrate.domain.outcomes import MigrationError
from netra_migrate.domain.plan import Target
from netra_migrate.domain.survey import Symbol
from netra_migrate.planning.guessing import Interface, is_weak, look, named, pairs, parsed, reasons
from netra_migrate.planning.messages import Message, bound, message
from netra_migrate.planning.targets import Sides, base_symbols, candidates, lost
from netra_migrate.scan.handlers import read_handlers, settle
from netra_migrate.scan.symbols import module_symbols
from netra_migrate.scan.syntax import last, resolver
from netra_migrate.sources.files import read
from netra_migrate.sources.naming import Names

WEAK = "# TO DECIDE: whether these are the two modules at all; little speaks for it."
_SHOWN = 5
_TYPES_OF_HANDLER = "[self.get_message_type()]"
"""What a canonical base takes for the types of a handler; a legacy one has a method for its only one."""
_NO_CLASS = frozenset(("Any", "Optional", "Union", "Dict", "Mapping"))


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What the tree shows beyond the two modules. `others`: further pairs that looked likely."""

    others: tuple[tuple[str, str], ...] = ()
    reasons: tuple[str, ...] = ()
    weak: bool = False
    has_tests: bool = True
    fixtures: tuple[tuple[str, str], ...] = ()
    message: Message | None = None


class Side(msgspec.Struct, frozen=True):
    """One of the two modules, read."""

    interface: Interface
    symbols: Sequence[Symbol]
    handlers: Sequence[HandlerClass]
    annotations: Sequence[str | None]
    """Of the method's parameters, as absolute names where they could be resolved."""


def propose(
    root: Path,
    *,
    legacy: str | None = None,
    canonical: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> str:
    """A `migration.toml` for a tree; modules that are not given are guessed.

    Raises:
        MigrationError: no pair was found, or a given module is not there or has no method.
    """
    seen = look(root, progress=progress)
    given = [each for each in (legacy, canonical) if each]
    asked = {interface for each in given for interface in named(root, seen, each)}
    found = pairs({*seen.interfaces, *asked}, legacy=legacy, canonical=canonical)
    if not found:
        raise MigrationError(_nothing(given))
    first = found[0]
    configuration = Configuration(
        project=Project(source_roots=seen.source_roots),
        legacy=LegacySide(module=first[0].module, method=first[0].method, parameters=first[0].parameters),
        canonical=CanonicalSide(
            module=first[1].module, method=first[1].method, parameters=first[1].parameters
        ),
    )
    others = dict.fromkeys((one.module, other.module) for one, other in found)
    modules = {first[0].module, first[1].module}
    new = _side(root, first[1], configuration)
    return draft(
        _side(root, first[0], configuration),
        new,
        configuration=configuration,
        seen=Context(
            others=tuple(each for each in others if set(each) != modules),
            reasons=tuple(reasons(*first)),
            weak=is_weak(*first) and len(given) < 2,
            has_tests=seen.has_tests,
            fixtures=seen.fixtures,
            message=message(root, _annotated(new)[0], Names(seen.source_roots)),
        ),
    )


def _nothing(given: Sequence[str]) -> str:
    if len(given) > 1:
        return f"The methods of {' and '.join(given)} are alike, so nothing has to be migrated between them."
    what = f"for {given[0]}" if given else "in this tree"
    return (
        f"No two modules with handlers of different interfaces were found {what}; "
        "name both with --legacy and --canonical."
    )


def _side(root: Path, interface: Interface, configuration: Configuration) -> Side:
    tree = parsed(read(root, interface.path))
    imported = bound(tree, interface.path, Names(configuration.project.source_roots))

    def resolve(name: str) -> str:
        first, dot, rest = name.partition(".")
        return imported.get(first, first) + dot + rest

    known = resolver(tree, module=interface.module, resolve=resolve)
    handlers = read_handlers(
        tree, path=interface.path, module=interface.module, resolve=resolve, configuration=configuration
    )
    symbols = tuple(
        each
        for each in module_symbols(tree, module=interface.module, resolve=resolve)
        if not each.name.startswith("_")
    )
    annotations = tuple(None if each is None else known(each) for each in interface.annotations)
    return Side(interface, symbols, settle(handlers), annotations)


def draft(
    legacy: Side,
    canonical: Side,
    *,
    configuration: Configuration,
    seen: Context,
) -> str:
    """The text of `migration.toml` for two modules."""
    whole = _completed(configuration, legacy, canonical, seen)
    parts = (
        _project(whole, seen),
        _legacy(whole),
        _canonical(whole, seen),
        _validation(has_tests=seen.has_tests),
        _symbols(_undecided(whole, legacy, canonical), whole),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _completed(configuration: Configuration, legacy: Side, canonical: Side, seen: Context) -> Configuration:
    """The configuration with what only reading both modules shows."""
    replace = msgspec.structs.replace
    services = tuple(each.name for each in legacy.handlers if each.shape is Shape.SERVICE)
    bases = tuple(sorted(base_symbols(legacy.handlers, configuration)))
    message_class, socket = _annotated(canonical)
    made = seen.message
    kind, payload = (made.type or "type", made.payload or "payload") if made else ("type", "payload")
    enum = made.enum if made else None
    value = f"{last(enum)}({{type}})" if enum else "{type}"
    return replace(
        configuration,
        legacy=replace(configuration.legacy, bases=bases, services=services),
        canonical=replace(
            configuration.canonical,
            base=_base(canonical),
            message_class=message_class,
            socket_class=socket,
            payload=f"{_message_parameter(canonical.interface)}.{payload}",
            message=f"{{class}}({kind}={value}, {payload}={{payload}})",
            imports=(enum,) if enum else (),
            socket_fixture=seen.fixtures[0][0] if seen.fixtures else None,
        ),
    )


def _base(side: Side) -> str | None:
    """The class that canonical handlers inherit from; not a protocol, of which nobody inherits code."""
    inherited = {base for each in side.handlers for base in each.bases}
    likely = [
        each.name
        for each in side.handlers
        if each.shape in (Shape.CANONICAL, Shape.BOTH)
        and not any(last(base) == "Protocol" for base in each.bases)
        and (f"{each.module}.{each.name}" in inherited or each.name.startswith(("Base", "Abstract")))
    ]
    return min(likely, key=lambda name: (not name.startswith(("Base", "Abstract")), name), default=None)


def _message_parameter(interface: Interface) -> str:
    named = [each for each in interface.parameters if "message" in each or "event" in each]
    return (named or interface.parameters)[-1]


def _annotated(side: Side) -> tuple[str | None, str | None]:
    """The classes of the message and of the connection, by their parameters' annotations."""
    message = _message_parameter(side.interface)
    found: list[str | None] = [None, None]
    for name, annotation in zip(side.interface.parameters, side.annotations, strict=False):
        is_class = annotation is not None and "." in annotation and last(annotation) not in _NO_CLASS
        if is_class and name == message:
            found[0] = annotation
        elif is_class and any(each in name for each in ("socket", "connection", "ws")):
            found[1] = annotation
    return found[0], found[1]


def _undecided(configuration: Configuration, legacy: Side, canonical: Side) -> list[tuple[Target, Symbol]]:
    sides = Sides(legacy.symbols, canonical.symbols, configuration, configuration.legacy.bases)
    asked = [each for each in legacy.symbols if each.kind in ("class", "function")]
    targets = ((sides.target(each.name), each) for each in asked)
    near = (
        (target, next(iter(candidates(each, canonical.symbols)), None), each)
        for target, each in targets
        if not target.decided
    )
    return [
        (_suggested(target, each, other, configuration), each)
        for target, other, each in near
        if each.kind == "class" or other is not None
    ]


def _suggested(target: Target, symbol: Symbol, other: Symbol | None, configuration: Configuration) -> Target:
    """The undecided target with what the nearest canonical symbol would make of it."""
    if other is None:
        return target
    return msgspec.structs.replace(
        target,
        to=f"{configuration.canonical.module}.{other.name}",
        drop=lost(symbol, other.constructor),
        add={
            each: _TYPES_OF_HANDLER if "type" in each and "get_message_type" in symbol.members else "…"
            for each in other.required
            if each not in symbol.constructor
        },
    )


def _project(configuration: Configuration, seen: Context) -> Iterator[str]:
    yield "# What is to be migrated, as guessed from the tree. Check every line, then: netra migrate plan"
    yield f"# From {configuration.legacy.module} to {configuration.canonical.module}, because:"
    yield from (f"#   {each}" for each in seen.reasons or ("nothing speaks against it; you named them",))
    if seen.weak:
        yield WEAK
    if seen.others:
        yield "# Other pairs that look alike; name one with --legacy and --canonical if it is meant:"
        yield from (f"#   {one} -> {other}" for one, other in seen.others[:_SHOWN])
    yield ""
    yield "[project]"
    yield "# The root of the tree, from this file; everything else is relative to it."
    yield 'root = "."'
    yield "# Folders from which imports start."
    yield f"source_roots = {_toml(configuration.project.source_roots)}"
    yield "# Further files to leave out, in gitignore's syntax."
    yield "exclude = []"
    yield "# Which files are tests."
    yield f"tests = {_toml(configuration.project.tests)}"


def _legacy(configuration: Configuration) -> Iterator[str]:
    side = configuration.legacy
    yield "[legacy]"
    yield "# The module to leave, and the method of its handlers; parameters without self."
    yield f"module = {_toml(side.module)}"
    yield f"method = {_toml(side.method)}"
    yield f"parameters = {_toml(side.parameters)}"
    yield "# Classes of it that make a subclass a handler."
    yield f"bases = {_toml(side.bases)}"
    yield "# Classes of it that dispatch to handlers without being one."
    yield f"services = {_toml(side.services)}"
    yield "# Whether the module stays when nothing refers to it any more."
    yield "keep = false"


def _canonical(configuration: Configuration, seen: Context) -> Iterator[str]:
    side = configuration.canonical
    yield "[canonical]"
    yield "# The module to go to, and the method of its handlers; parameters without self."
    yield f"module = {_toml(side.module)}"
    yield f"method = {_toml(side.method)}"
    yield f"parameters = {_toml(side.parameters)}"
    yield "# What a migrated handler inherits from: a name of the module."
    yield _or_comment("base", side.base, "BaseHandler")
    yield "# Annotations of the message and of the connection: names of the module or dotted ones."
    yield _or_comment("message_class", side.message_class, "Message")
    yield _or_comment("socket_class", side.socket_class, "WebSocket")
    yield "# What the legacy payload is, as an expression over the new parameters."
    yield f"payload = {_toml(side.payload)}"
    yield "# How a message is made where a call has only the payload, as in tests; with the names that this uses."
    if seen.message and seen.message.required:
        yield f"# TO DECIDE: the class wants more than that: {', '.join(seen.message.required)}."
    yield f"message = {_toml(side.message)}"
    yield f"imports = {_toml(side.imports)}"
    yield from _sockets(seen)
    yield "# Exceptions that legacy handlers raise, to the domain errors that take their place."
    yield '# errors = { ValueError = "app.errors.BadMessage" }'


def _sockets(seen: Context) -> Iterator[str]:
    yield "# Where tests take a connection that the legacy method did not want: a pytest fixture,"
    if seen.fixtures:
        name, path = seen.fixtures[0]
        yield f"# here that of {path}, which must be above all tests that need it;"
        yield f"socket_fixture = {_toml(name)}"
    else:
        yield "# TO DECIDE: no conftest.py has one; without it most calls in tests are refused;"
        yield '# socket_fixture = "websocket"'
    yield "# and an expression for tests without fixtures, such as those of unittest, with its names."
    yield '# socket_in_tests = "FakeSocket()"'
    yield '# imports_in_tests = ["tests.sockets.FakeSocket"]'


def _validation(*, has_tests: bool) -> Iterator[str]:
    yield "[validation]"
    yield "# The command that must not get redder, without a shell; {junit} is a file for its results."
    line = 'command = ["python", "-m", "pytest", "-q", "--junit-xml={junit}"]'
    yield line if has_tests else f"# {line}"
    yield "# A quick one that runs first; {tests} are the test files beside a step."
    yield '# quick = ["python", "-m", "pytest", "-q", "{tests}"]'
    yield "timeout_s = 900"
    yield "# Test files at once, where tests are independent and pytest-xdist is installed."
    yield "# jobs = 2"
    yield ""
    yield "# Wraps a legacy handler as a canonical one, for symbols whose decision is adapt."
    yield "# [adapter]"
    yield '# to_canonical = "app.adapters.as_canonical"'


def _symbols(undecided: Iterable[tuple[Target, Symbol]], configuration: Configuration) -> Iterator[str]:
    yield "# What legacy symbols become: same, renamed (to, drop, rename, add), adapt or none."
    yield "# Names on which both sides agree need no entry, nor do names that nobody uses."
    for target, symbol in undecided:
        yield ""
        yield f"# {target.reason.partition('; say ')[0].removeprefix(f'symbols.{symbol.name}: ')}"
        yield f"# [symbols.{symbol.name}]"
        same = last(target.to or "") == symbol.name
        yield f"# decision = {_toml('same' if same else 'renamed')}"
        yield f"# to = {_toml(target.to or f'{configuration.canonical.module}.…')}"
        if target.drop:
            yield f"# drop = {_toml(target.drop)}"
        if target.add:
            added = ", ".join(f"{name} = {_toml(text)}" for name, text in target.add.items())
            yield f"# add = {{ {added} }}"


def _or_comment(key: str, value: str | None, example: str) -> str:
    return f"# {key} = {_toml(example)}" if value is None else f"{key} = {_toml(value)}"


def _toml(value: str | Sequence[str]) -> str:
    """A string or a list of strings; what JSON writes of those is TOML as well."""
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False)
