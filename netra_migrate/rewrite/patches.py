"""Dotted paths in strings that code acts on: patches, dynamic imports, `sys.modules`, loggers, registries.

A path is rewritten only to one that exists afterwards; a patch of something that does not exist patches nothing.
Strings that are only words are left to people.
"""

import re

import libcst as cst

from netra_migrate.rewrite.code import dotted, last_name, literal
from netra_migrate.rewrite.names import Place
from netra_migrate.rewrite.work import Work

_ACTING = frozenset(
    {
        "patch",
        "object",
        "multiple",
        "dict",
        "setattr",
        "delattr",
        "setitem",
        "delitem",
        "import_module",
        "__import__",
        "find_spec",
        "importorskip",
        "import_string",
        "resolve_name",
        "reload",
        "getLogger",
        "at_level",
        "set_level",
        "pop",
        "get",
        "locate",
        "import_from_string",
        "module_loading",
    }
)
_IMPORTING = frozenset({"import_module", "__import__", "importorskip"})
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?::[A-Za-z_]\w*(?:\.\w+)*)?")


def take_patches(work: Work) -> None:
    """Rewrite or refuse each string that is a dotted path into the legacy side."""
    if work.names.only_adapters:
        return
    for string in work.code.all(cst.SimpleString):
        value = literal(string)
        if value is None or not _PATH.fullmatch(value):
            continue
        place = work.names.place(value.replace(":", "."))
        if place is None:
            continue
        _path(work, string, value, place)
    _formatted(work)


def _path(work: Work, string: cst.SimpleString, value: str, place: Place) -> None:
    acting = _acting(work, string)
    shim = place.module != work.names.legacy_module
    if shim and (place.symbol is None or not acting):
        return
    if place.symbol is None and acting and not shim:
        used = _unsure(work, string)
        if used is not None:
            work.refuse(
                used,
                f"`{work.code.source(used)}` takes names from a module that code imports: import them by name.",
            )
            return
    new = _target(work, value)
    if shim and work.names.importable(value):
        new = _member(work, value)  # what that module calls it is still there
    if new is not None and (place.symbol is None or _will_exist(work, new.replace(":", "."), place)):
        if acting or place.symbol is not None:
            _write(work, string, new)
    elif place.symbol and work.names.adapted(place.symbol):
        return
    elif acting:
        said = f"`{new}` does not exist" if new else "the path has no counterpart"
        work.refuse(string, f"`{value}` would be a dead patch target, for {said}: name one that exists.")


def _will_exist(work: Work, name: str, place: Place) -> bool:
    """Of an object that is no class, such as `manager.send`, nobody knows the attributes; it is there itself."""
    before = name.rsplit(".", len(place.rest))[0]
    is_class = before.rpartition(".")[2].lstrip("_")[:1].isupper() and not before.rpartition(".")[2].isupper()
    return work.names.importable(name) or (
        bool(place.rest) and not is_class and work.names.importable(before)
    )


def _unsure(work: Work, string: cst.SimpleString) -> cst.CSTNode | None:
    """A use of a module imported by a string, of which nobody can say that it stays good."""
    code = work.code
    call = code.within(string, cst.Call)
    called = last_name(call.func) if isinstance(call, cst.Call) else ""
    if not isinstance(call, cst.Call) or called not in _IMPORTING:
        return None
    parent = code.parents.get(call)
    target = parent.targets[0].target if isinstance(parent, cst.Assign) and len(parent.targets) == 1 else None
    if not isinstance(target, cst.Name):
        return None if _is_sure(work, call) else call
    uses = [
        use
        for assignment in code.scope(target)[target.value]
        if assignment.node is target
        for use in assignment.references
    ]
    return next((each for each in uses if not _is_sure(work, each)), None)


def _is_sure(work: Work, module: cst.CSTNode) -> bool:
    """Whether all that is taken from a module here has the same name and constructor on the other side."""
    parent = work.code.parents.get(module)
    name = parent.attr.value if isinstance(parent, cst.Attribute) else None
    if isinstance(parent, cst.Arg):
        call = work.code.parents[parent]
        by_name = (
            isinstance(call, cst.Call) and dotted(call.func) in ("getattr", "hasattr") and len(call.args) > 1
        )
        if not by_name:
            return isinstance(call, cst.Call) and (dotted(call.func) or "").endswith("reload")
        name = literal(call.args[1].value) if isinstance(call, cst.Call) else None
        if name is None:
            return False
    if name is None:
        return isinstance(parent, cst.Expr | cst.Comparison | cst.Assert | cst.If | cst.ComparisonTarget)
    place = work.names.place(f"{work.names.legacy_module}.{name}")
    target = work.names.moved(place.symbol) if place and place.symbol else None
    if target is None:
        return name.startswith("__")
    same = target.to == work.names.canonical(name)
    if isinstance(parent, cst.Arg) and isinstance(call, cst.Call) and dotted(call.func) == "hasattr":
        return same
    return same and not (target.drop or target.rename or target.add)


def _acting(work: Work, string: cst.SimpleString) -> bool:
    """Whether code acts on the string, rather than shows it."""
    code = work.code
    for holder in code.ancestors(string):
        if isinstance(holder, cst.Call):
            return (dotted(holder.func) or code.source(holder.func)).rpartition(".")[2] in _ACTING
        if isinstance(holder, cst.Subscript | cst.Comparison):
            return "sys.modules" in code.source(holder)
        if isinstance(holder, cst.BaseStatement | cst.BaseSmallStatement):
            return False
    return False


def _target(work: Work, value: str) -> str | None:
    """The path that takes the place of another, or None."""
    names, configuration = work.names, work.configuration
    place = names.place(value.replace(":", "."))
    if place is None:
        return None
    if place.symbol is None:
        return configuration.canonical.module
    target = names.moved(place.symbol)
    if target is None and names.target(place.symbol) is not None:
        return None
    to = target.to if target and target.to else names.canonical(place.symbol)
    beside = names.canonical(place.symbol)
    if not to.startswith(f"{configuration.canonical.module}.") and names.importable(beside):
        to = beside  # a patch must hit the name that the canonical module uses, not where it comes from
    module, _, last = to.rpartition(".")
    rest = list(place.rest)
    if rest and rest[0] == configuration.legacy.method:
        rest[0] = configuration.canonical.method
    return module + (":" if ":" in value else ".") + ".".join([last, *rest])


def _member(work: Work, value: str) -> str:
    method = work.configuration.legacy.method
    before, _, last = value.rpartition(".")
    return f"{before}.{work.configuration.canonical.method}" if last == method else value


def _write(work: Work, string: cst.SimpleString, new: str) -> None:
    start, end = work.code.span(string)
    size = len(string.quote)
    work.edits.add(start + len(string.prefix) + size, end - size, new, "patch")


def take_methods_by_name(work: Work, known: dict[cst.CSTNode, bool]) -> None:
    """`patch.object(Handler, "handle")`, `hasattr(handler, "handle")`: the name of the method as a string.

    `known`: first arguments of calls, to whether they are handlers or their classes.
    """
    legacy, canonical = work.configuration.legacy.method, work.configuration.canonical.method
    for call in work.code.all(cst.Call):
        if len(call.args) < 2 or literal(call.args[1].value) != legacy or not known.get(call.args[0].value):
            continue
        string = call.args[1].value
        last = last_name(call.func)
        if last in ("object", "setattr", "delattr", "hasattr", "spy") and isinstance(
            string, cst.SimpleString
        ):
            _write(work, string, canonical)
        elif last == "getattr":
            work.refuse(
                call,
                f'`getattr(…, "{legacy}")` hides the call: call `{canonical}` with its arguments.',
                can_adapt=True,
            )


def _formatted(work: Work) -> None:
    """Format strings that hold a path or an import cannot be followed."""
    module = work.names.legacy_module
    for text in work.code.all(cst.FormattedStringText):
        if module not in text.value:
            continue
        whole = work.code.within(text, cst.FormattedString)
        holder = work.code.within(text, cst.Call)
        called = last_name(holder.func) if isinstance(holder, cst.Call) else ""
        if re.search(rf"\b(from|import)\s+{re.escape(module)}\b", text.value) or called in _ACTING:
            work.refuse(
                whole or text, f"`{module}` stands in a format string that code acts on: write the name out."
            )
