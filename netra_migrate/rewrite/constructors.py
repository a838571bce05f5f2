"""Constructions of legacy classes: arguments dropped, renamed and added as the map says; adapters put around.

Positional arguments are mapped by the legacy constructor's parameters, where the map knows them. A class with a
changed constructor that is passed on as a value cannot be followed, and is refused.
"""

import libcst as cst
import libcst.matchers as m

from netra_migrate.domain.plan import Target
from netra_migrate.rewrite.classes import method_of
from netra_migrate.rewrite.code import dotted, last_name
from netra_migrate.rewrite.receivers import Known, of_class
from netra_migrate.rewrite.work import Work

_TAKES_CLASSES = frozenset(
    {
        "isinstance",
        "issubclass",
        "cast",
        "object",
        "create_autospec",
        "hasattr",
        "getattr",
        "setattr",
        "raises",
        "signature",
        "getsource",
        "spec",
        "id",
        "TypeVar",
        "print",
        "repr",
        "str",
        "callable",
        "isclass",
        "isabstract",
        "getmembers",
        "getmro",
        "getdoc",
        "getfile",
        "getsourcefile",
        "dir",
        "vars",
        "hash",
        "get_type_hints",
        "assertTrue",
        "assertIsNotNone",
        "assertIsNone",
        "assertIs",
        "assertIsNot",
        "assertEqual",
        "assertNotEqual",
        "assertIsInstance",
        "assertNotIsInstance",
        "assertIsSubclass",
        "assertHasAttr",
    }
)
"""What looks at a class and does not call it."""
_SUPER_INIT = m.Call(func=m.Attribute(value=m.Call(func=m.Name("super")), attr=m.Name("__init__")))


def changed(target: Target | None) -> bool:
    """Whether a call of the constructor is written otherwise."""
    return target is not None and bool(target.drop or target.rename or target.add)


def take_constructors(work: Work) -> None:
    """Rewrite the constructions in the file."""
    for call in work.code.all(cst.Call):
        if m.matches(call, _SUPER_INIT):
            owner = work.code.owner(call)
            symbol = work.migrated.get(owner) if owner else None
            if symbol and owner is not None and _base_is_imported(work, owner):
                _arguments(work, call, work.names.moved(symbol))
            continue
        kind = of_class(work, call.func)
        if not isinstance(kind, Known):
            continue
        if kind.adapted:
            _wrap(work, call)
        elif kind.symbol and _constructs(work, kind):
            _arguments(work, call, work.names.moved(kind.symbol))
    for definition in work.migrated:
        _own_constructor(work, definition)
    _passed_on(work)


def _constructs(work: Work, kind: Known) -> bool:
    """Whether calling the class calls the legacy constructor."""
    definition = kind.definition
    target = work.names.moved(kind.symbol) if kind.symbol else None
    if definition is not None and target is not None and target.add:
        return False  # it has or gets an `__init__` of its own, which passes them on
    while definition is not None:
        if method_of(definition, "__init__") is not None:
            return False
        names = [dotted(each.value) or "" for each in definition.bases]
        definition = next((work.code.classes[name] for name in names if name in work.code.classes), None)
    return True


def _base_is_imported(work: Work, definition: cst.ClassDef) -> bool:
    return any(work.names.symbol(work.code.meanings(each.value)) for each in definition.bases)


def _wrap(work: Work, call: cst.Call) -> None:
    adapter = work.configuration.adapter
    if adapter is None or work.unadaptable:
        return
    argument = work.code.parents[call]
    outer = work.code.parents[argument] if isinstance(argument, cst.Arg) else None
    if isinstance(outer, cst.Call) and adapter.to_canonical in work.code.meanings(outer.func):
        return
    start, end = work.code.span(call)
    work.insert(start, f"{work.want(adapter.to_canonical)}(", "adapter")
    work.insert(end, ")", "adapter")


def _arguments(work: Work, call: cst.Call, target: Target | None) -> None:
    if target is None or not changed(target):
        return
    if any(each.star for each in call.args):
        work.refuse(
            call, f"`{target.symbol}` is made with `*` or `**`: write its arguments out.", can_adapt=True
        )
        return
    positional = [each for each in call.args if each.keyword is None]
    mapped = target.drop or target.rename
    if positional and mapped and len(positional) > len(target.constructor):
        work.refuse(call, f"`{target.symbol}` is made with positional arguments: name them.", can_adapt=True)
        return
    names = [each.keyword.value if each.keyword else "" for each in call.args]
    for index in range(len(positional)):
        names[index] = target.constructor[index] if index < len(target.constructor) else ""
    staying = [name for name in names if name not in (*target.drop, *target.rename)]
    added = {name: text for name, text in target.add.items() if name not in staying}
    leaving = [argument for argument, name in zip(call.args, names, strict=True) if name in target.drop]
    _rename(work, call, names, leaving, target)
    for name in target.imports:
        work.want(work.names.canonical(name))
    _remove(work, call, leaving)
    _append(work, call, leaving, added)


def _rename(work: Work, call: cst.Call, names: list[str], leaving: list[cst.Arg], target: Target) -> None:
    """New keywords; after one that left or was renamed, a place means nothing and gets its name."""
    by_keyword = False
    for argument, name in zip(call.args, names, strict=True):
        if argument in leaving:
            by_keyword = True
            continue
        new = target.rename.get(name, name)
        by_keyword = by_keyword or new != name
        if argument.keyword is not None and new != name:
            work.replace(argument.keyword, new, "constructor")
        elif argument.keyword is None and by_keyword:
            work.insert(work.code.span(argument)[0], f"{new}=", "constructor")


def _remove(work: Work, call: cst.Call, leaving: list[cst.Arg]) -> None:
    code, every = work.code, list(call.args)
    kept = [each for each in every if each not in leaving]
    if leaving and not kept:
        start, end = code.span(every[0])[0], code.span(call)[1] - 1
        work.edits.add(start, end, "", "constructor")
        return
    for index, argument in enumerate(every):
        if argument not in leaving:
            continue
        start, end = code.span(argument)
        if any(each in kept for each in every[index + 1 :]):
            work.edits.add(start, code.span(every[index + 1])[0], "", "constructor")
        else:
            work.edits.add(code.span(kept[-1])[1], end, "", "constructor")


def _append(work: Work, call: cst.Call, leaving: list[cst.Arg], added: dict[str, str]) -> None:
    if not added:
        return
    code = work.code
    kept = [each for each in call.args if each not in leaving]
    texts = [f"{name}={expression}" for name, expression in added.items()]
    if not kept:
        offset = code.span(call.args[0])[0] if call.args else code.span(call)[1] - 1
        work.insert(offset, ", ".join(texts), "constructor")
        return
    last = kept[-1]
    end = code.span(last)[1]
    rows = len({code.line(each) for each in call.args}) == len(call.args) and code.line(last) > code.line(
        call
    )
    if rows:
        indent = code.indent_at(code.span(last)[0])
        separator = "," + code.newline + indent
    else:
        separator = ", "
    work.insert(end, separator + separator.join(texts), "constructor")


def _own_constructor(work: Work, definition: cst.ClassDef) -> None:
    """A subclass of a base with a changed constructor calls it as it is now."""
    symbol = work.migrated[definition]
    target = work.names.moved(symbol) if symbol else None
    if target is None or not _base_is_imported(work, definition) or not changed(target):
        return
    code = work.code
    own = method_of(definition, "__init__")
    if own is None:
        if not target.add or definition.body.body == ():
            return
        if target.constructor:
            work.refuse(
                definition,
                f"`{definition.name.value}` inherits a constructor that changes: write its `__init__`.",
            )
            return
        _write_constructor(work, definition, target)
        return
    calls = [
        each for each in code.all(cst.Call) if own in code.ancestors(each) and m.matches(each, _SUPER_INIT)
    ]
    if not calls and target.add:
        first = own.body.body[0]
        if isinstance(own.body, cst.SimpleStatementSuite):
            work.insert(code.span(first)[0], f"{_super(work, target)}; ", "constructor")
            return
        docstring = own.get_docstring() is not None
        offset = code.line_end(max(0, code.span(first)[1] - 1)) if docstring else code.above(first)
        work.insert_lines(offset, [_super(work, target)], code.indent_at(code.span(first)[0]), "constructor")


def _super(work: Work, target: Target) -> str:
    for name in target.imports:
        work.want(work.names.canonical(name))
    return f"super().__init__({', '.join(f'{name}={text}' for name, text in target.add.items())})"


def _write_constructor(work: Work, definition: cst.ClassDef, target: Target) -> None:
    code = work.code
    if not isinstance(definition.body, cst.IndentedBlock):
        work.refuse(definition, f"`{definition.name.value}` is written on one line: write its `__init__`.")
        return
    first = definition.body.body[0]
    indent, unit = code.indent_at(code.span(first)[0]), code.tree.default_indent
    lines = ["def __init__(self) -> None:", unit + _super(work, target), ""]
    offset = code.above(first)
    if definition.get_docstring() is not None:
        offset = code.line_end(max(0, code.span(first)[1] - 1))
        lines = ["", *lines[:-1]]
    work.insert_lines(offset, lines, indent, "constructor")


def _passed_on(work: Work) -> None:
    """Classes with a changed constructor that others may construct."""
    for item in work.items:
        target = work.names.moved(item.symbol) if item.symbol else None
        if target is None or not changed(target):
            continue
        bound = item.alias.asname.name if item.alias.asname else item.alias.name
        for assignment in work.code.scope(item.statement)[dotted(bound) or ""]:
            if assignment.node is item.statement:
                for use in assignment.references:
                    _value(work, use, target)


def _value(work: Work, node: cst.CSTNode, target: Target) -> None:
    code = work.code
    parent = code.parents.get(node)
    if isinstance(parent, cst.Element | cst.DictElement):
        holder = code.within(parent, cst.Arg)
        call = code.parents.get(holder) if holder else None
        passed = not (isinstance(call, cst.Call) and _takes_classes(call)) and _outside_annotation(work, node)
    elif isinstance(parent, cst.Arg):
        call = code.parents[parent]
        spec = parent.keyword is not None and parent.keyword.value.startswith("spec")
        passed = (
            isinstance(call, cst.Call) and call.func is not node and not _takes_classes(call) and not spec
        )
    else:
        passed = isinstance(parent, cst.Return | cst.Assign) or (
            isinstance(parent, cst.AnnAssign) and parent.value is node
        )
    if passed:
        work.refuse(
            node,
            f"`{target.symbol}` is passed on as a class, and its constructor changes: construct it here.",
            can_adapt=True,
        )


def _takes_classes(call: cst.Call) -> bool:
    return last_name(call.func) in _TAKES_CLASSES


def _outside_annotation(work: Work, node: cst.CSTNode) -> bool:
    return work.code.within(node, cst.Annotation, cst.SubscriptElement) is None
