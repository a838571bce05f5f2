"""The legacy module imported as a whole: `import a.b`, `import a.b as m`, `from a import b`, and uses by attribute."""

import re
from collections import Counter
from dataclasses import dataclass

import libcst as cst

from netra_migrate.rewrite.code import dotted, last_name, literal, local_name
from netra_migrate.rewrite.work import Item, Work

_BY_NAME = frozenset({"object", "setattr", "delattr", "getattr", "hasattr"})
"""`patch.object(module, "Name")`, `monkeypatch.setattr(module, "Name", …)` and their like."""


@dataclass(frozen=True, slots=True)
class _Use:
    """A symbol taken from the module. `whole` is `m.Name`; by name, `whole` is `m` and `string` the name."""

    whole: cst.CSTNode
    symbol: str
    to: str
    string: cst.SimpleString | None = None


def take_module(
    work: Work, statement: cst.Import | cst.ImportFrom, alias: cst.ImportAlias, module: str
) -> None:
    """Decide on one import of a module with legacy symbols."""
    if work.names.only_adapters:
        return
    is_legacy = module == work.names.legacy_module
    uses, others, stays = _uses(work, statement, alias, module)
    if others and is_legacy:
        for node in others:
            work.refuse(node, f"`{work.code.source(node)}` is used as a whole: use its names one by one.")
        return
    if stays or (not is_legacy and (others or not uses)):
        _one_by_one(work, uses)
        return
    counted = Counter(use.to.rpartition(".")[0] for use in uses)
    main = max(counted, key=lambda each: counted[each]) if counted else work.configuration.canonical.module
    _one_by_one(work, [use for use in uses if use.to.rpartition(".")[0] != main])
    local = _write(work, statement, alias, main)
    for use in uses:
        if use.to.rpartition(".")[0] != main:
            continue
        name = use.to.rpartition(".")[2]
        if use.string is not None:
            work.replace(use.whole, local, "import")
            _rename_string(work, use.string, name)
        elif isinstance(use.whole, cst.SimpleString):
            _in_annotation(work, use, _called(alias, statement), f"{local}.{name}")
        else:
            work.replace(use.whole, f"{local}.{name}", "import")


def _called(alias: cst.ImportAlias, statement: cst.Import | cst.ImportFrom) -> str:
    """How uses name the module."""
    whole = isinstance(statement, cst.Import) and alias.asname is None
    return (dotted(alias.name) or "") if whole else local_name(alias)


def _uses(
    work: Work, statement: cst.Import | cst.ImportFrom, alias: cst.ImportAlias, module: str
) -> tuple[list[_Use], list[cst.CSTNode], bool]:
    """The legacy symbols used through a binding, other uses of it, and whether the import has to stay."""
    code, called = work.code, _called(alias, statement)
    uses: list[_Use] = []
    others: list[cst.CSTNode] = []
    stays = False
    nodes = {
        use
        for assignment in code.scope(statement)[
            called if called in _names(work, statement) else local_name(alias)
        ]
        if assignment.node is statement
        for use in assignment.references
    }
    for node in sorted(nodes, key=code.span):
        use = _use(work, node, called, module)
        if isinstance(use, _Use):
            uses.append(use)
        elif use is not None:
            stays = stays or use == "adapted"
            if use == "other":
                others.append(node)
    return uses, others, stays


def _names(work: Work, statement: cst.CSTNode) -> set[str]:
    scope = work.code.scope(statement)
    return {each.name for each in scope.assignments if each.node is statement}


def _use(work: Work, node: cst.CSTNode, called: str, module: str) -> _Use | str | None:
    """One access: a use, "adapted", "other", or None when it was refused or is not ours."""
    code, names = work.code, work.names
    whole: cst.CSTNode = node
    string: cst.SimpleString | None = None
    if isinstance(node, cst.SimpleString | cst.ConcatenatedString):
        found = re.search(rf"(?<![\w.]){re.escape(called)}\.(\w+)", code.source(node))
        name = found[1] if found else None
    else:
        climbed = _climb(work, node, called)
        if climbed is None:
            return None
        parent = code.parents.get(climbed)
        if isinstance(parent, cst.Attribute) and parent.value is climbed:
            name, whole = parent.attr.value, parent
        else:
            whole = climbed
            name, string = _named_by_string(work, whole)
    place = names.place(f"{module}.{name}") if name else None
    if place is None or place.symbol is None:
        return "other"
    obstacle = names.obstacle(place.symbol)
    if obstacle:
        work.refuse(whole, obstacle, can_adapt=True)
        return None
    target = names.moved(place.symbol)
    return _Use(whole, place.symbol, target.to, string) if target and target.to else "adapted"


def _climb(work: Work, node: cst.CSTNode, called: str) -> cst.CSTNode | None:
    """From `a` to `a.b.c`, when that is what stands there."""
    current: cst.CSTNode = node
    while dotted(current) != called:
        text = dotted(current)
        parent = work.code.parents.get(current)
        if text is None or not called.startswith(text + ".") or not isinstance(parent, cst.Attribute):
            return None
        current = parent
    return current


def _named_by_string(work: Work, node: cst.CSTNode) -> tuple[str | None, cst.SimpleString | None]:
    argument = work.code.parents.get(node)
    call = work.code.parents.get(argument) if isinstance(argument, cst.Arg) else None
    if not isinstance(call, cst.Call) or len(call.args) < 2 or call.args[0] is not argument:
        return None, None
    called = last_name(call.func)
    value = call.args[1].value
    if called in _BY_NAME and isinstance(value, cst.SimpleString):
        return literal(value), value
    return None, None


def _one_by_one(work: Work, uses: list[_Use]) -> None:
    """Uses that cannot stay behind the module's name get an import of their own."""
    for use in uses:
        if use.string is not None or isinstance(use.whole, cst.SimpleString):
            work.refuse(
                use.whole, f"`{use.symbol}` is named by a string through a module that stays: import it."
            )
        else:
            work.replace(use.whole, work.want(use.to), "import")


def _rename_string(work: Work, string: cst.SimpleString, name: str) -> None:
    start, end = work.code.span(string)
    work.edits.add(start + len(string.prefix) + len(string.quote), end - len(string.quote), name, "patch")


def _in_annotation(work: Work, use: _Use, called: str, new: str) -> None:
    text = work.code.source(use.whole)
    work.replace(use.whole, re.sub(rf"(?<![\w.]){re.escape(called)}\.{use.symbol}\b", new, text), "import")


def _write(work: Work, statement: cst.Import | cst.ImportFrom, alias: cst.ImportAlias, main: str) -> str:
    """Make the import name the new module; the name under which uses find it."""
    code = work.code
    if isinstance(statement, cst.ImportFrom):
        item = Item(statement, alias, None, local_name(alias), to=main)
        work.items.append(item)
        last = main.rpartition(".")[2]
        free = last not in code.bound or last == item.local
        if alias.asname is None and free and not work.names.hands_on(code.module, item.local):
            item.local = last
        return item.local
    if alias.asname is not None:
        start = code.span(alias)[0]
        work.edits.add(start, code.span(alias.name)[1], main, "import")
        return local_name(alias)
    parent = (dotted(alias.name) or "").rpartition(".")[0]
    again = any(
        dotted(each.name) == main and each.asname is None
        for other in code.all(cst.Import)
        if code.parents[code.parents[other]] is code.parents[code.parents[statement]]
        for each in other.names
    )
    text = [] if again else [main]
    if _parent_needed(work, statement, alias, parent, main):
        text.insert(0, parent)
    if text:
        work.replace(alias, ", ".join(text), "import")
    elif len(statement.names) == 1:
        work.delete_statement(statement, "import")
    else:
        work.replace(alias, main, "import")
    return main


def _parent_needed(work: Work, statement: cst.Import, alias: cst.ImportAlias, parent: str, main: str) -> bool:
    """Whether other code relies on `import a.b.c` for `a` or `a.b`."""
    code = work.code
    head, module = local_name(alias), dotted(alias.name) or ""
    if not parent or (main + ".").startswith(parent + "."):
        return False
    others = [
        dotted(each.name) or ""
        for node in code.all(cst.Import)
        for each in node.names
        if each is not alias and each.asname is None
    ]
    if any((name + ".").startswith(parent + ".") for name in others):
        return False
    shallowest = ".".join(module.split(".")[:2]) + "."
    for assignment in code.scope(statement)[head]:
        for whole in assignment.references:
            while isinstance(outer := code.parents.get(whole), cst.Attribute) and outer.value is whole:
                whole = outer
            used = (dotted(whole) or "") + "."
            if used.startswith(shallowest) and not used.startswith(module + "."):
                return True
    return False
