"""Handler classes and what they are: by their bases, and by the signatures of their methods. Pure.

One file at a time; what a class inherits from another file is settled over all of them by `settle`.
"""

import ast
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from netra_migrate.configuration import Configuration
from netra_migrate.domain.handlers import Claim, HandlerClass, Method, Shape
from netra_migrate.scan.dispatching import dispatches
from netra_migrate.scan.hollow import functions_of, hollow
from netra_migrate.scan.message_types import Values, claimed, enum_values, registered
from netra_migrate.scan.syntax import (
    Function,
    Resolve,
    classes,
    constructor,
    dotted,
    last,
    methods,
    nodes,
    parameters,
    resolver,
)

_PLAIN_BASES = frozenset(
    (
        *(
            "object",
            "ABC",
            "Protocol",
            "Enum",
            "StrEnum",
            "IntEnum",
            "str",
            "int",
            "dict",
            "list",
            "Exception",
        ),
        *("BaseModel", "NamedTuple", "TypedDict", "TestCase", "RuntimeError", "ValueError", "Generic"),
    )
)
"""Bases that hand on no handler, so that their subclasses need not be kept for `settle`."""


class _File(NamedTuple):
    path: str
    module: str
    resolve: Resolve
    configuration: Configuration
    functions: dict[str, Function]
    values: Values
    registered: dict[str, list[str]]
    calls: bool
    """Whether it calls a handling method at all, so that a class may dispatch."""


def read_handlers(
    tree: ast.Module, *, path: str, module: str, resolve: Resolve, configuration: Configuration
) -> tuple[HandlerClass, ...]:
    """The classes of a file that handle messages, look so, or may inherit it: input of `settle`.

    `resolve` makes an absolute dotted name of a name as this file writes it.
    """
    known = resolver(tree, module=module, resolve=resolve)
    found = list(classes(tree))
    if not found:
        return ()
    values = enum_values(tree)
    by_class: dict[str, list[str]] = {}
    for message_type, handler, _ in registered(nodes(tree), values=values, resolve=known):
        by_class.setdefault(handler, []).append(message_type)
    names = (configuration.legacy.method, configuration.canonical.method)
    calls = any(isinstance(each, ast.Attribute) and each.attr in names for each in nodes(tree))
    file = _File(path, module, known, configuration, functions_of(tree), values, by_class, calls)
    read = (_read_class(node, name=name, file=file) for name, node in found)
    return tuple(each for each in read if each is not None)


def registrations(tree: ast.Module, *, path: str, module: str, resolve: Resolve) -> tuple[Claim, ...]:
    """Handlers registered for a type, wherever their class stands; further input of `claims`."""
    known = resolver(tree, module=module, resolve=resolve)
    return tuple(
        Claim(message_type=message_type, handler=handler, path=path, line=line)
        for message_type, handler, line in registered(nodes(tree), values=enum_values(tree), resolve=known)
    )


def _read_class(node: ast.ClassDef, *, name: str, file: _File) -> HandlerClass | None:
    bases = tuple(file.resolve(each) for each in map(dotted, node.bases) if each is not None)
    own = methods(node)
    types = (*claimed(node, file.values), *file.registered.get(f"{file.module}.{name}", ()))
    shape = _shape(node, name=name, bases=bases, evident=bool(types), file=file)
    names = (file.configuration.legacy.method, file.configuration.canonical.method)
    has_method = not own.keys().isdisjoint(names)
    if shape is Shape.UNRELATED and not has_method and not _may_inherit(name, bases):
        return None
    return HandlerClass(
        path=file.path,
        line=node.lineno,
        module=file.module,
        name=name,
        shape=shape,
        bases=bases,
        constructor=constructor(node) or (),
        methods=tuple(
            _method(each, siblings=own, file=file)
            for each in own.values()
            if each.name in (*names, "__init__")
        ),
        message_types=tuple(dict.fromkeys(types)),
    )


def _may_inherit(name: str, bases: tuple[str, ...]) -> bool:
    return "Handler" in name or any(last(each) not in _PLAIN_BASES for each in bases)


def _method(function: Function, *, siblings: dict[str, Function], file: _File) -> Method:
    return Method(
        name=function.name,
        line=function.lineno,
        is_async=isinstance(function, ast.AsyncFunctionDef),
        parameters=parameters(function),
        returns=None if function.returns is None else ast.unparse(function.returns),
        hollow=hollow(function, siblings=siblings, around=file.functions),
    )


def _shape(node: ast.ClassDef, *, name: str, bases: tuple[str, ...], evident: bool, file: _File) -> Shape:
    sides = file.configuration
    services = {last(each) for each in sides.legacy.services}
    if name in services and file.module == sides.legacy.module:
        return Shape.SERVICE
    heir_of_legacy = _is_heir(bases, module=sides.legacy.module, known=sides.legacy.bases)
    canonical_base = () if sides.canonical.base is None else (sides.canonical.base,)
    heir_of_canonical = _is_heir(bases, module=sides.canonical.module, known=canonical_base)
    own = methods(node)
    legacy = fits(own.get(sides.legacy.method), sides.legacy.parameters, sure=heir_of_legacy, evident=evident)
    canonical = fits(
        own.get(sides.canonical.method), sides.canonical.parameters, sure=heir_of_canonical, evident=evident
    )
    heir = heir_of_legacy or heir_of_canonical
    if file.calls and not heir and dispatches(node, is_handler=legacy or canonical, configuration=sides):
        return Shape.SERVICE
    return _both(legacy=legacy or heir_of_legacy, canonical=canonical or heir_of_canonical)


def _both(*, legacy: bool, canonical: bool) -> Shape:
    if legacy and canonical:
        return Shape.BOTH
    return Shape.LEGACY if legacy else Shape.CANONICAL if canonical else Shape.UNRELATED


def _is_heir(bases: tuple[str, ...], *, module: str, known: Iterable[str]) -> bool:
    wanted = {each if "." in each else f"{module}.{each}" for each in known}
    return not wanted.isdisjoint(bases)


def fits(
    function: Function | None, wanted: Sequence[str], *, sure: bool = False, evident: bool = False
) -> bool:
    """Whether a method can be called with these parameters and means them.

    It must take that many positional arguments. Unless its class is `sure` to be a handler by its
    bases or `evident` by the message types it claims, at least half of the names must stand in their
    places: `handle(self, request, client_address)` is something else with as many parameters.
    """
    if function is None or sure:
        return sure and function is not None
    names = [each.strip("_").lower() for each in parameters(function)]
    by_name = {each.arg.strip("_").lower() for each in function.args.kwonlyargs}
    if by_name.issuperset(wanted):
        return True
    if not _takes(function, count=len(wanted), first=len(names)):
        return False
    same = sum(have == want.strip("_").lower() for have, want in zip(names, wanted, strict=False))
    return evident or (same > 0 and same * 2 >= len(wanted))


def _takes(function: Function, *, count: int, first: int) -> bool:
    arguments = function.args
    required_by_name = [default for default in arguments.kw_defaults if default is None]
    stars = (arguments.vararg is not None) + (arguments.kwarg is not None)
    positional = first - stars - len(arguments.kwonlyargs)
    enough = positional >= count or arguments.vararg is not None
    return enough and positional - len(arguments.defaults) <= count and not required_by_name


def settle(handlers: Iterable[HandlerClass]) -> tuple[HandlerClass, ...]:
    """All classes of a tree with what they inherit across files, sorted; those that only might have, gone.

    A subclass of a legacy class is legacy, also if it overrides nothing; it has its base's constructor
    unless it has its own.
    """
    every = sorted(handlers, key=lambda each: (each.path, each.line, each.name))
    family = _Family(every)
    settled = [family.settled(each) for each in every]
    names = {last(each.name) for each in settled if each.shape is not Shape.UNRELATED}
    return tuple(each for each in settled if each.shape is not Shape.UNRELATED or _looks_like(each, names))


def _looks_like(handler: HandlerClass, names: set[str]) -> bool:
    return last(handler.name) in names or any(each.name != "__init__" for each in handler.methods)


class _Family:
    """Who inherits from whom, by absolute name; a class that inherits from itself ends the search."""

    def __init__(self, handlers: Sequence[HandlerClass]) -> None:
        self.by_name = {f"{each.module}.{each.name}": each for each in handlers}

    def ancestors(self, handler: HandlerClass) -> list[HandlerClass]:
        found: dict[str, HandlerClass] = {}
        waiting = list(handler.bases)
        while waiting:
            name = waiting.pop(0)
            base = self.by_name.get(name)
            if base is not None and name not in found and base is not handler:
                found[name] = base
                waiting += base.bases
        return list(found.values())

    def settled(self, handler: HandlerClass) -> HandlerClass:
        above = self.ancestors(handler)
        shapes = {handler.shape, *(each.shape for each in above)}
        shape = handler.shape
        if shape is not Shape.SERVICE:
            both = Shape.BOTH in shapes
            shape = _both(legacy=both or Shape.LEGACY in shapes, canonical=both or Shape.CANONICAL in shapes)
        if shape is Shape.UNRELATED and Shape.SERVICE in shapes:
            shape = Shape.SERVICE
        return msgspec.structs.replace(handler, shape=shape, constructor=_inherited(handler, above))


def _inherited(handler: HandlerClass, above: Sequence[HandlerClass]) -> tuple[str, ...]:
    for each in (handler, *above):
        if each.constructor or any(method.name == "__init__" for method in each.methods):
            return each.constructor
    return ()
