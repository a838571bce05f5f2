"""Names taken from legacy modules by `from … import`: what they become, and their uses.

Uses are renamed with the symbol; where the new name would meet another binding, or where others still take
the old name from this module, the import gets `as` instead. Writing of the statements is in `statements`.
"""

import re
from collections.abc import Iterable

import libcst as cst

from netra_migrate.domain.plan import Target
from netra_migrate.rewrite.code import Code, dotted, literal, local_name
from netra_migrate.rewrite.modules import take_module
from netra_migrate.rewrite.scopes import Assignment, Scope
from netra_migrate.rewrite.work import Item, Work


def take_imports(work: Work) -> None:
    """Decide on every import that leads to the legacy side, and rename the uses."""
    for statement in work.code.all(cst.ImportFrom):
        module = work.code.absolute(statement)
        if module is None:
            continue
        if isinstance(statement.names, cst.ImportStar):
            if module in work.names.modules:
                _star(work, statement, module)
            continue
        for alias in statement.names:
            _taken(work, statement, alias, f"{module}.{dotted(alias.name)}")
    for plain in work.code.all(cst.Import):
        for alias in plain.names:
            place = work.names.place(dotted(alias.name) or "")
            if place and place.symbol is None:
                take_module(work, plain, alias, place.module)
            elif place:
                work.refuse(plain, f"`{dotted(alias.name)}` is no module: import it with `from`.")


def _taken(work: Work, statement: cst.ImportFrom, alias: cst.ImportAlias, name: str) -> None:
    place = work.names.place(name)
    if place is None:
        return
    if place.symbol is None:
        take_module(work, statement, alias, place.module)
    else:
        _symbol(work, statement, alias, place.symbol)


def _symbol(work: Work, statement: cst.ImportFrom, alias: cst.ImportAlias, symbol: str) -> None:
    item = Item(statement, alias, symbol, local_name(alias))
    work.items.append(item)
    obstacle = work.names.obstacle(symbol)
    if obstacle:
        work.refuse(alias, obstacle, can_adapt=work.configuration.adapter is not None)
        return
    target = work.names.moved(symbol)
    if target is None or target.to is None or work.names.only_adapters:
        return
    item.to = target.to
    code = work.code
    scope = code.scope(statement)
    others = [each for each in scope[item.local] if each.scope is scope and each.node is not statement]
    if _from_both_sides(work, item, target, others):
        return
    new = target.to.rpartition(".")[2]
    if target.to == f"{code.module}.{new}":  # the canonical module itself took it from the legacy one
        item.dropped = True
        if all(each.node is statement for each in code.top[new]):
            work.refuse(alias, f"`{new}` is to come from this very module, which does not define it.")
        definition = code.classes.get(new)
        if definition and any(
            work.names.symbol(code.meanings(each.value)) == symbol for each in definition.bases
        ):
            work.refuse(
                definition, f"`{new}` would be its own base: write into it what it has from `{symbol}`."
            )
        rename(work, scope, item.local, new, statement)
    elif alias.asname is None and new != item.local and _free(work, scope, item, others, new):
        rename(work, scope, item.local, new, statement)
        if scope is code.top:
            _rename_in_all(work, item.local, new)
        item.local = new


def _from_both_sides(work: Work, item: Item, target: Target, others: Iterable[Assignment]) -> bool:
    """Refuse a name that two modules give in one place, when what it means would change."""
    for other in others:
        meant = work.code.imported(other)
        node = other.node
        if meant is None or node is None or _exclusive(work.code, item.statement, node):
            continue
        place = work.names.place(meant)
        if place and place.symbol == item.symbol:
            continue
        changed = bool(target.drop or target.rename or target.add)
        if (meant == target.to and changed) or (
            meant != target.to
            and (meant in work.names.targets() or work.configuration.canonical.module in meant)
        ):
            work.refuse(
                item.alias,
                f"`{item.local}` comes from `{meant.rpartition('.')[0]}` as well, on line {work.code.line(node)}: "
                "keep one of the two imports, or give one another name with `as`.",
            )
            return True
    return False


def _exclusive(code: Code, one: cst.CSTNode, other: cst.CSTNode) -> bool:
    """Whether two statements stand in branches of which one runs."""
    holders = list(code.ancestors(one))
    shared = next((each for each in code.ancestors(other) if each in holders), None)
    return isinstance(shared, cst.If | cst.Try | cst.TryStar)


def _free(work: Work, scope: Scope, item: Item, others: list[Assignment], new: str) -> bool:
    """Whether all uses of a name can be given another name."""
    code = work.code
    if scope is code.top and work.names.hands_on(code.module, item.local):
        return False
    for other in others:
        place = work.names.place(code.imported(other) or "")
        target = work.names.moved(place.symbol) if place and place.symbol else None
        if target is None or target.to != item.to:
            return False
    if any(item.local == each.name.value for node in code.all(cst.Global) for each in node.names):
        return False
    if new not in code.bound:
        return all(each.to == item.to for each in work.items if each.local == new)
    return all(
        code.imported(each) == item.to and each.scope in (scope, code.top)
        for every in code.scopes
        for each in every.assignments
        if each.name == new and each.scope is every
    )


def rename(work: Work, scope: Scope, old: str, new: str, statement: cst.CSTNode) -> None:
    """Rename the uses of a name that a statement binds."""
    if old == new:
        return
    for assignment in scope[old]:
        if assignment.node is not statement:
            continue
        for node in assignment.references:
            if isinstance(node, cst.Name):
                work.replace(node, new, "import")
            elif isinstance(node, cst.SimpleString | cst.ConcatenatedString):
                work.replace(
                    node, re.sub(rf"(?<![\w.]){re.escape(old)}\b", new, work.code.source(node)), "import"
                )


def exported(code: Code) -> dict[str, list[cst.SimpleString]]:
    """The strings of `__all__`, also of those that are added to it."""
    found: dict[str, list[cst.SimpleString]] = {}
    for string in code.all(cst.SimpleString):
        statement = code.within(string, cst.Assign, cst.AugAssign, cst.AnnAssign, cst.Expr)
        if statement is not None and code.function(string) is None and _gives_all(statement):
            found.setdefault(literal(string) or "", []).append(string)
    return found


def _gives_all(statement: cst.CSTNode) -> bool:
    """Whether a statement sets `__all__`, adds to it, or calls a method of it."""
    match statement:
        case cst.Assign(targets=targets):
            return any(dotted(each.target) == "__all__" for each in targets)
        case cst.AugAssign(target=target) | cst.AnnAssign(target=target):
            return dotted(target) == "__all__"
        case cst.Expr(value=cst.Call(func=cst.Attribute(value=owner))):
            return dotted(owner) == "__all__"
    return False


def _rename_in_all(work: Work, old: str, new: str) -> None:
    for string in exported(work.code).get(old, ()):
        start, end = work.code.span(string)
        quote = len(string.prefix) + len(string.quote)
        work.edits.add(start + quote, end - len(string.quote), new, "import")


def _star(work: Work, statement: cst.ImportFrom, module: str) -> None:
    """Give the names that a star brings; only those used here, or handed on from here."""
    code, names = work.code, work.names
    if names.only_adapters:
        return
    if sum(isinstance(each.names, cst.ImportStar) for each in code.all(cst.ImportFrom)) > 1:
        work.refuse(statement, "there are several star imports: name what is taken from the legacy module.")
        return
    handed = names.modules[module]
    strange = sorted(
        name
        for name in code.free - set(handed)
        if not re.fullmatch(r"__\w+__|reveal_type|WindowsError", name)
    )
    # All names of the legacy module are known; a shim may hand on others as well.
    if strange and module != work.configuration.legacy.module:
        work.refuse(statement, f"`{strange[0]}` may come from the star import: name it in an import.")
        return
    known = names.modules.get(code.module, {})
    used = sorted(name for name in handed if name in code.free or name in known or name in exported(code))
    for name in used:
        obstacle = names.obstacle(handed[name]) or (
            f"`{name}` is to be adapted: import it by its name first."
            if names.adapted(handed[name])
            else None
        )
        if obstacle:
            work.refuse(statement, obstacle)
    moved = [(name, names.moved(handed[name])) for name in used]
    lines: dict[str, list[str]] = {}
    for name, target in moved:
        if target and target.to:
            to, _, last = target.to.rpartition(".")
            lines.setdefault(to, []).append(last if last == name else f"{last} as {name}")
    if not lines:
        work.delete_statement(statement, "import")
        return
    text = [
        f"from {spelled_module(work.code, to, relative=bool(statement.relative))} import {', '.join(sorted(each))}"
        for to, each in sorted(lines.items())
    ]
    indent = code.indent_at(code.span(statement)[0])
    work.replace(statement, (code.newline + indent).join(text), "import")


def spelled_module(code: Code, module: str, *, relative: bool) -> str:
    """A module as written in `from … import`: relative when asked and when they share a package."""
    here, there = code.package.split("."), module.split(".")
    shared = 0
    for mine, its in zip(here, there, strict=False):
        if mine != its:
            break
        shared += 1
    if not relative or not code.package or shared == 0:
        return module
    return "." * (len(here) - shared + 1) + ".".join(there[shared:])
