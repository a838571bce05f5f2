"""Handler classes: which they are, and the name, parameters and annotations of their method.

The base itself changes with its import; what the body returns is in `returns`.
"""

import re
from dataclasses import dataclass

import libcst as cst

from netra_migrate.configuration import Configuration
from netra_migrate.rewrite.code import Code, dotted, last_name
from netra_migrate.rewrite.scopes import Assignment
from netra_migrate.rewrite.work import Work

_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Roles:
    """What the parameters of the two methods are for, without `self`."""

    kept: tuple[str, ...]
    payload: str
    sockets: tuple[str, ...]
    message: str


def roles(configuration: Configuration) -> Roles | None:
    """Match the parameters by name; None when more than one legacy parameter has no counterpart."""
    old, new = configuration.legacy.parameters, configuration.canonical.parameters
    gone = [name for name in old if name not in new]
    added = [name for name in new if name not in old]
    root = re.match(r"\w+", configuration.canonical.payload)
    message = root[0] if root and root[0] in added else (added[-1] if added else "")
    if len(gone) != 1 or not message:
        return None
    kept = tuple(name for name in old if name in new)
    return Roles(kept, gone[0], tuple(name for name in added if name != message), message)


def method_of(definition: cst.ClassDef, name: str) -> cst.FunctionDef | None:
    """A method that the class itself defines."""
    for statement in definition.body.body:
        if isinstance(statement, cst.FunctionDef) and statement.name.value == name:
            return statement
    return None


def parameter_names(function: cst.FunctionDef) -> tuple[str, ...]:
    """All that can be given by name or place, with `self`."""
    every = function.params
    return tuple(each.name.value for each in (*every.posonly_params, *every.params, *every.kwonly_params))


def take_classes(work: Work) -> None:
    """Find the handlers of the file and give their methods the new interface."""
    if work.names.only_adapters:
        return
    legacy, canonical = work.configuration.legacy, work.configuration.canonical
    for definition in work.code.all(cst.ClassDef):
        symbol, inherits = _base(work, definition)
        method = method_of(definition, legacy.method)
        fits = method is not None and parameter_names(method)[1:] == legacy.parameters
        if not inherits and not fits:
            continue
        if method_of(definition, canonical.method) is not None:
            if inherits and method is not None:
                work.refuse(method, f"`{definition.name.value}` has both methods: keep one of them.")
            continue
        work.migrated[definition] = symbol
        if method is not None:
            _method(work, definition, method)


def _base(work: Work, definition: cst.ClassDef) -> tuple[str | None, bool]:
    """The legacy symbol among the bases, and whether the class is a legacy handler by inheritance."""
    for argument in definition.bases:
        symbol = work.names.symbol(work.code.meanings(argument.value))
        if symbol and work.names.moved(symbol):
            return symbol, True
        name = dotted(argument.value)
        own = work.code.classes.get(name or "")
        if own is not None and own is not definition and own in work.migrated:
            return work.migrated[own], True
    return None, False


def _method(work: Work, definition: cst.ClassDef, method: cst.FunctionDef) -> None:
    role = roles(work.configuration)
    reason = _unfit(work, method) if role else "the parameters of [legacy] and [canonical] do not match"
    if reason or role is None:
        name = f"{definition.name.value}.{method.name.value}"
        work.refuse(method, f"`{name}` cannot be given the new parameters: {reason}.")
        return
    work.methods.add(method)
    work.replace(method.name, work.configuration.canonical.method, "method")
    if method.asynchronous is None:
        work.insert(work.code.span(method)[0], "async ", "method")
    _rename_locals(work, method, role)
    _parameters(work, method, role)
    _returns(work, method)


def take_bindings(work: Work) -> None:
    """Give migrated methods the names that they still use, once the calls in them are rewritten."""
    role = roles(work.configuration)
    if role is not None:
        for method in work.methods:
            _bind(work, method, role)


def _unfit(work: Work, method: cst.FunctionDef) -> str | None:
    every = method.params
    names = {dotted(each.decorator) for each in method.decorators}
    if names & {"staticmethod", "classmethod", "property"}:
        return "it is no plain method"
    if isinstance(every.star_arg, cst.Param) or every.star_kwarg is not None or every.kwonly_params:
        return "it takes `*`, `*args` or `**kwargs`"
    wrapped = _wrapped(work, method)
    if wrapped is not None:
        return f"its decorator `{wrapped}` takes exactly the old ones"
    parameters = (*every.posonly_params, *every.params)
    if len(parameters) != 1 + len(work.configuration.legacy.parameters):
        return f"it takes {len(parameters) - 1} besides `self`"
    if any(each.default is not None for each in parameters):
        return "a parameter has a default"
    inside = [each for each in work.code.all(cst.Yield) if work.code.function(each) is method]
    if inside:
        return "it is a generator"
    text = work.code.source(method.returns.annotation) if method.returns else "None"
    if text.strip("'\"") not in ("None", "bool"):
        return f"it returns `{text}`"
    return None


def _wrapped(work: Work, method: cst.FunctionDef) -> str | None:
    """A decorator of this file whose inner function names the parameters one by one."""
    code = work.code
    for each in method.decorators:
        used = each.decorator.func if isinstance(each.decorator, cst.Call) else each.decorator
        name = last_name(used)
        for inner in code.all(cst.FunctionDef):
            outer = [holder for holder in code.ancestors(inner) if isinstance(holder, cst.FunctionDef)]
            takes = len(parameter_names(inner)) == 1 + len(work.configuration.legacy.parameters)
            starred = isinstance(inner.params.star_arg, cst.Param) or inner.params.star_kwarg is not None
            if takes and not starred and any(holder.name.value == name for holder in outer):
                return name
    return None


def _parameters(work: Work, method: cst.FunctionDef, role: Roles) -> None:
    code, canonical = work.code, work.configuration.canonical
    own = dict(zip(work.configuration.legacy.parameters, _own(method), strict=True))
    annotated = own[role.payload].annotation is not None
    texts = {}
    for name in canonical.parameters:
        if name in own:
            texts[name] = re.sub(r"^\w+", name, _written(code, own[name]))
        else:
            kind = canonical.message_class if name == role.message else canonical.socket_class
            local = work.want(work.names.canonical(kind), annotation=True) if kind and annotated else None
            texts[name] = f"{name}: {local}" if local else name
    parameters = [method.params.params[0], *_own(method)] if method.params.params else list(_own(method))
    first, last = parameters[-len(own)], parameters[-1]
    start, end = code.span(first)[0], code.span(last.annotation or last)[1]
    several_lines = code.line(first) != code.line(last)
    separator = f",{code.newline}{code.indent_at(code.span(last)[0])}" if several_lines else ", "
    joined = separator.join(texts[name] for name in canonical.parameters)
    line = code.text[code.line_start(start) : code.line_end(end)].rstrip()
    grown = len(line) + len(joined) - (end - start)
    if not several_lines and grown > _WIDTH and not method.params.posonly_params:
        base = code.indent_at(code.span(method)[0])
        unit = code.tree.default_indent
        rows = [_written(code, parameters[0]), *(texts[name] for name in canonical.parameters)]
        joined = code.newline + "".join(f"{base}{unit}{row},{code.newline}" for row in rows) + base
        start = code.span(parameters[0])[0]
        tail = re.match(r"[ \t]*,[ \t]*", code.text[end:])
        end += tail.end() if tail else 0
    work.edits.add(start, end, joined, "method")


def _written(code: Code, parameter: cst.Param) -> str:
    """A parameter with its annotation; LibCST's place of one is only its name."""
    return code.text[code.span(parameter)[0] : code.span(parameter.annotation or parameter)[1]]


def is_class(work: Work, annotation: cst.BaseExpression, kind: str) -> bool:
    """Whether an annotation names a class, by import or by its plain name."""
    name = work.names.canonical(kind)
    text = work.code.source(annotation).strip("'\"")
    return name in work.code.meanings(annotation) or text.rpartition(".")[2] == name.rpartition(".")[2]


def _own(method: cst.FunctionDef) -> list[cst.Param]:
    return [*method.params.posonly_params, *method.params.params][1:]


def _returns(work: Work, method: cst.FunctionDef) -> None:
    if method.returns is None:
        return
    text = work.code.source(method.returns.annotation)
    work.replace(method.returns.annotation, text.replace("None", "bool"), "method")


def _bind(work: Work, method: cst.FunctionDef, role: Roles) -> None:
    """Where the body uses the payload, or a parameter under its own name, give it that."""
    code, body = work.code, method.body
    own = dict(zip(work.configuration.legacy.parameters, _own(method), strict=True))
    lines = []
    for name, parameter in own.items():
        called = parameter.name.value
        used = any(
            work.edits.replaces(*code.span(use)) is None
            for each in assignments_of(code, method, called)
            for use in each.references
        )
        if name == role.payload and used:
            lines.append(f"{called} = {work.configuration.canonical.payload}")
        elif name != role.payload and called != name and used:
            lines.append(f"{called} = {name}")
    if not lines:
        return
    if isinstance(body, cst.SimpleStatementSuite):
        work.insert(code.span(body.body[0])[0], "".join(f"{line}; " for line in lines), "method")
        return
    first = body.body[0]
    indent = code.indent_at(code.span(first)[0])
    docstring = method.get_docstring() is not None
    offset = code.line_end(max(0, code.span(first)[1] - 1)) if docstring else code.above(first)
    work.insert_lines(offset, lines, indent, "method")


def assignments_of(code: Code, method: cst.FunctionDef, name: str) -> list[Assignment]:
    """What gives a name of the method's own a value, its parameters among it."""
    scope = code.scope(method.body)
    return [each for each in scope[name] if each.scope is scope]


def _rename_locals(work: Work, method: cst.FunctionDef, role: Roles) -> None:
    """Variables of the body that have the name of a new parameter get another name."""
    code = work.code
    parameters = parameter_names(method)
    for name in (
        *role.sockets,
        *role.message.split(),
        *(each for each in role.kept if each not in parameters),
    ):
        if name in parameters:
            continue
        for outer in code.top[name]:
            for use in outer.references:
                if method in code.ancestors(use):
                    work.refuse(
                        use,
                        f"`{name}` of the module would be hidden by the new parameter: rename it.",
                    )
        found = assignments_of(code, method, name)
        declared = any(
            each.name.value == name and method in code.ancestors(each) for each in code.all(cst.NameItem)
        )
        if not found and not declared:
            continue
        new = f"{name}_value"
        if new in code.bound or declared or not all(isinstance(each.node, cst.Name) for each in found):
            work.refuse(method, f"`{name}` is a variable here and would be a parameter: rename the variable.")
            continue
        nodes = {each.node for each in found} | {use for each in found for use in each.references}
        for node in nodes:
            if isinstance(node, cst.Name):
                work.replace(node, new, "method")
