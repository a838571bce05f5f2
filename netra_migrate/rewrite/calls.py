"""Call sites of the legacy method: new name, and the connection and the message in place of the payload.

Failures stay visible. A legacy handler told of failure by an exception, which still comes; a canonical one may
answer False instead. So a call whose answer nobody reads becomes
- in a migrated handler, part of its own answer (see `returns`);
- in a `try` that catches everything and reports it, `if not await …: raise RuntimeError(…)`, so that the report
  is made for False as well;
- anywhere else the same statement as before: nobody looked at failures there.
Where only the payload is known, the call is refused, or adapted.
"""

import re
from collections.abc import Callable

import libcst as cst

from netra_migrate.rewrite.classes import Roles, roles
from netra_migrate.rewrite.code import last_name, literal
from netra_migrate.rewrite.context import Context
from netra_migrate.rewrite.doubles import ASSERTED, TOLD, Told, take_doubles
from netra_migrate.rewrite.lending import grant
from netra_migrate.rewrite.receivers import Known, receiver, unseen
from netra_migrate.rewrite.work import Work

_HARMLESS = frozenset(
    {
        "assert_called",
        "assert_called_once",
        "assert_not_called",
        "assert_awaited",
        "assert_awaited_once",
        "assert_not_awaited",
        "called",
        "call_count",
        "await_count",
        "reset_mock",
        "side_effect",
        "return_value",
        "__name__",
        "__doc__",
        "__qualname__",
    }
)
_REPORTS = re.compile(r"error|fail|exception|critical|reject|warn|log", re.IGNORECASE)


def take_calls(work: Work) -> None:
    """Rewrite or refuse each use of the legacy method on a handler."""
    role = roles(work.configuration)
    if role is None:
        return
    method = work.configuration.legacy.method
    pending: list[Callable[[], None]] = []
    told: list[Told] = [] if work.names.only_adapters else take_doubles(work)
    found = [node for node in work.code.all(cst.Attribute) if node.attr.value == method]
    for node in found:
        kind = receiver(work, node.value)
        parent = work.code.parents[node]
        if kind is None and work.linked and not work.names.only_adapters:
            _doubtful(work, node, parent)
        if not isinstance(kind, Known) or (work.names.only_adapters and not kind.adapted):
            continue
        if isinstance(parent, cst.Call) and parent.func is node:
            _call(work, role, node, parent, kind, pending)
        elif kind.adapted:
            work.unadaptable = True
        elif not kind.guessed:
            told += _mention(work, node, parent, kind)
    for write in () if work.unadaptable else pending:
        write()
    for each in told:
        _told(work, role, each)
    _services(work)


def _services(work: Work) -> None:
    """Calls of a service that is replaced: its own method may be called like the handlers', but takes less."""
    legacy, canonical = work.configuration.legacy, work.configuration.canonical
    for call in work.code.all(cst.Call):
        node = call.func
        if not isinstance(node, cst.Attribute) or node.attr.value != canonical.method or not legacy.services:
            continue
        kind = receiver(work, node.value)
        target = work.names.moved(kind.symbol) if isinstance(kind, Known) and kind.symbol else None
        if target and target.symbol in legacy.services and len(call.args) != len(canonical.parameters):
            work.refuse(
                call,
                f"`{work.code.source(node)}` is called as `{target.symbol}` wants it, which becomes "
                f"`{(target.to or '').rpartition('.')[2]}`: call that as it is defined.",
            )


def _doubtful(work: Work, node: cst.Attribute, parent: cst.CSTNode) -> None:
    """A call that fits, in a file of the migration's, on something of which nothing is known."""
    fits = isinstance(parent, cst.Call) and parent.func is node and _arguments(work, parent) is not None
    handed_over = isinstance(work.code.parents.get(parent), cst.Await | cst.Arg | cst.Element)
    if fits and handed_over and unseen(work, node.value):
        name = work.code.source(node.value)
        work.refuse(node, f"nothing tells whether `{name}` is one of the handlers: annotate it.")


def _mention(work: Work, node: cst.Attribute, parent: cst.CSTNode, kind: Known) -> list[Told]:
    """The method without a call: its name changes where its parameters do not matter; gives back where they do."""
    told = isinstance(parent, cst.Attribute) and parent.attr.value in TOLD
    assigned = isinstance(parent, cst.AssignTarget | cst.Del)
    harmless = isinstance(parent, cst.Attribute) and parent.attr.value in _HARMLESS
    asked = (
        isinstance(parent, cst.Arg)
        and isinstance(call := work.code.parents[parent], cst.Call)
        and last_name(call.func) in ("iscoroutinefunction", "callable", "getdoc")
    )
    if told or assigned or harmless or asked:
        work.replace(node.attr, work.configuration.canonical.method, "call")
    else:
        work.refuse(
            node,
            f"`{work.code.source(node)}` is passed on or compared without being called here: "
            f"what takes it must call `{work.configuration.canonical.method}`.",
            can_adapt=True,
        )
    return [Told(parent, kind)] if told and isinstance(parent, cst.Attribute) else []


def _told(work: Work, role: Roles, told: Told) -> None:
    """What a test asserts of the arguments, where it makes the call itself."""
    code, call = work.code, work.code.parents[told.node]
    asserted = isinstance(call, cst.Call) and call.func is told.node and told.node.attr.value in ASSERTED
    arguments = _arguments(work, call) if asserted and isinstance(call, cst.Call) else None
    if arguments is not None and isinstance(call, cst.Call) and _calls_itself(work, call):
        context = Context(work, role, call)
        payload = arguments[role.payload].value
        sockets = [context.socket(name) for name in role.sockets]
        message = context.message(payload) or _made(work, told.kind, payload)
        if None not in sockets and message is not None:
            texts = [each or "" for each in (*sockets, message)]
            _write(work, role, arguments, dict(zip((*role.sockets, role.message), texts, strict=True)))
            return
    work.refuse(
        told.node,
        f"`{code.source(told.node)}` depends on the arguments of `{work.configuration.legacy.method}`: "
        f"name those of `{work.configuration.canonical.method}` by hand.",
        can_adapt=True,
    )


def _calls_itself(work: Work, call: cst.Call) -> bool:
    """Whether the function around an assertion makes the call that it is about."""
    around = [each for each in work.code.ancestors(call) if isinstance(each, cst.FunctionDef)]
    return bool(around) and any(
        around[-1] in work.code.ancestors(made) for made in work.calls if made is not None
    )


def _arguments(work: Work, call: cst.Call) -> dict[str, cst.Arg] | None:
    """The arguments by the legacy parameters' names; None when they do not fit."""
    names = work.configuration.legacy.parameters
    found: dict[str, cst.Arg] = {}
    for index, argument in enumerate(call.args):
        name = argument.keyword.value if argument.keyword else names[index] if index < len(names) else None
        if argument.star or name is None or name not in names or name in found:
            return None
        found[name] = argument
    return found if len(found) == len(names) else None


def _call(
    work: Work,
    role: Roles,
    node: cst.Attribute,
    call: cst.Call,
    kind: Known,
    pending: list[Callable[[], None]],
) -> None:
    arguments = _arguments(work, call)
    if arguments is None:
        if kind.adapted:
            work.unadaptable = True
        elif not kind.guessed:
            work.refuse(
                call,
                f"the arguments of `{work.code.source(node)}` do not fit its parameters.",
                can_adapt=True,
            )
        return
    if kind.guessed and not work.linked and not _named_alike(work, arguments):
        return
    context = Context(work, role, call)
    sockets = [context.socket(name) for name in role.sockets]
    payload = arguments[role.payload].value
    message = context.message(payload) or _made(work, kind, payload)
    if None in sockets or message is None:
        if kind.adapted:
            work.unadaptable = True
            return
        socket = role.sockets[sockets.index(None)] if None in sockets else ""
        work.refuse(call, _missing(work, node, kind, message=message, socket=socket), can_adapt=True)
        return
    new = dict(zip((*role.sockets, role.message), (*sockets, message), strict=True))
    texts = {name: text or "" for name, text in new.items()}

    def write() -> None:
        if _awaitable(work, call, node, kind):
            grant(work, context.loan)
            work.calls.add(call)
            work.replace(node.attr, work.configuration.canonical.method, "call")
            _write(work, role, arguments, texts)
            _result(work, call)

    if kind.adapted:
        pending.append(write)
    else:
        write()


def _missing(work: Work, node: cst.Attribute, kind: Known, *, message: str | None, socket: str) -> str:
    """What a call lacks, and what to do about it."""
    called = f"`{work.code.source(node)}` is called where"
    if message is None:
        if kind.symbol or kind.definition:
            return f"{called} the message is not at hand: pass it on to here first."
        return (
            f"{called} neither the message is at hand, nor is known which handler it is: "
            "pass the message on to here, or annotate the handler."
        )
    if work.is_test:
        return (
            f"{called} a `{socket}` is not at hand: name the tests' connection in canonical.socket_fixture "
            "or canonical.socket_in_tests."
        )
    return f"{called} a `{socket}` is not at hand: pass it on to here first."


def _write(work: Work, role: Roles, arguments: dict[str, cst.Arg], new: dict[str, str]) -> None:
    """The new arguments, in the order of the canonical parameters when they are positional."""
    code, order = work.code, work.configuration.canonical.parameters
    by_keyword = any(each.keyword for each in arguments.values())
    spelled = [f"{name}={new[name]}" if by_keyword else new[name] for name in order if name in new]
    in_place = by_keyword or (order[: len(role.kept)] == role.kept and list(arguments)[-1] == role.payload)
    if in_place:
        _around(work, arguments[role.payload], ", ".join(spelled))
        return
    values = {name: code.source(argument.value) for name, argument in arguments.items()} | new
    every = list(arguments.values())
    text = ", ".join(values[name] for name in order if name in values)
    work.edits.add(code.span(every[0])[0], code.span(every[-1])[1], text, "call")


def _around(work: Work, argument: cst.Arg, text: str) -> None:
    """Replace an argument; what stays of it is kept as it is, for other edits may be inside."""
    before, found, after = text.partition(work.code.source(argument.value))
    if argument.keyword is None and found and after:
        start, end = work.code.span(argument)
        work.insert(start, before, "call")
        work.insert(end, after, "call")
    else:
        work.replace(argument, text, "call")


def _named_alike(work: Work, arguments: dict[str, cst.Arg]) -> bool:
    return all(last_name(each.value) == name for name, each in arguments.items())


def _made(work: Work, kind: Known, payload: cst.BaseExpression) -> str | None:
    """A message made of the payload, where the handler's message type is known."""
    canonical = work.configuration.canonical
    message_type = _message_type(work, kind)
    if canonical.message_class is None or message_type is None:
        return None
    local = work.want(work.names.canonical(canonical.message_class))
    for name in canonical.imports:
        work.want(work.names.canonical(name))
    quoted = '"' + message_type.replace("\\", "\\\\").replace('"', '\\"') + '"'
    parts = {"{class}": local, "{type}": quoted, "{payload}": work.code.source(payload)}
    return re.sub(r"\{(class|type|payload)\}", lambda found: parts[found[0]], canonical.message)


def _message_type(work: Work, kind: Known) -> str | None:
    if kind.definition is not None:
        for string in work.code.all(cst.SimpleString):
            holder = work.code.function(string)
            told = holder is not None and holder.name.value == "get_message_type"
            if (
                told
                and work.code.owner(string) is kind.definition
                and isinstance(work.code.parents[string], cst.Return)
            ):
                return literal(string)
    target = work.names.target(kind.symbol) if kind.symbol else None
    return target.message_types[0] if target and len(target.message_types) == 1 else None


# -- what becomes of the answer


def _awaitable(work: Work, call: cst.Call, node: cst.Attribute, kind: Known) -> bool:
    """A call that stands alone without `await` was of a method that was not async: it gets one."""
    if not isinstance(work.code.parents[call], cst.Expr) or kind.guessed:
        return True
    function = work.code.function(call)
    if function is None or (function.asynchronous is None and function not in work.methods):
        work.refuse(
            call, f"`{work.code.source(node)}` is awaited from now on: make the function around it async."
        )
        return False
    work.insert(work.code.span(call)[0], "await ", "call")
    return True


def _result(work: Work, call: cst.Call) -> None:
    code = work.code
    outer: cst.CSTNode = code.parents[call]
    whole: cst.CSTNode = call
    if isinstance(outer, cst.Await):
        whole, outer = outer, code.parents[outer]
    elif not isinstance(outer, cst.Expr):
        return  # a coroutine handed to somebody: a task, a gathering, a timeout
    function = code.function(call)
    own = code.within(call, cst.FunctionDef, cst.Lambda) is function
    if function in work.methods and (isinstance(outer, cst.Expr | cst.Return) or not own):
        return
    if isinstance(outer, cst.Expr):
        _unread(work, outer)
    elif isinstance(outer, cst.Return):
        _returned(work, outer, function)
    elif not isinstance(outer, cst.Lambda | cst.Arg | cst.If | cst.UnaryOperation | cst.Assert):
        work.refuse(
            whole,
            "the answer of the call was None and is kept here: it will be a bool, so say what becomes of it.",
            can_adapt=True,
        )
    elif isinstance(outer, cst.If | cst.UnaryOperation | cst.Assert):
        work.refuse(
            whole, "the answer of the call was None and is tested here: it will be a bool.", can_adapt=True
        )


def _returned(work: Work, node: cst.Return, function: cst.FunctionDef | None) -> None:
    returns = function.returns if function else None
    if returns is None or node.value is None or work.code.source(returns.annotation).strip("'\"") != "None":
        return
    line = work.code.parents[node]
    work.edits.add(work.code.span(node)[0], work.code.span(node.value)[0], "", "call")
    work.insert_after(line if isinstance(line, cst.SimpleStatementLine) else node, ["return"], "call")


def _unread(work: Work, node: cst.Expr) -> None:
    code = work.code
    line = code.parents[node]
    attempt = _reporting_try(work, node)
    if attempt is None or not isinstance(line, cst.SimpleStatementLine) or len(line.body) > 1:
        return
    start, end = code.span(node)
    work.insert(start, "if not ", "call")
    work.insert(end, ":", "call")
    unit = code.tree.default_indent
    work.insert_after(line, [f'{unit}raise RuntimeError("the handler answered that it failed")'], "call")


def _reporting_try(work: Work, node: cst.CSTNode) -> cst.Try | None:
    """The `try` around, in the same function, that catches all exceptions and tells somebody."""
    code = work.code
    before: cst.CSTNode = node
    for holder in code.ancestors(node):
        if isinstance(holder, cst.FunctionDef | cst.Lambda):
            return None
        if isinstance(holder, cst.Try) and before is holder.body:
            for handler in holder.handlers:
                caught = code.source(handler.type) if handler.type else "BaseException"
                broad = re.search(r"\b(Base)?Exception\b|\bRuntimeError\b", caught)
                if broad and _REPORTS.search(code.source(handler.body)):
                    return holder
        before = holder
    return None
