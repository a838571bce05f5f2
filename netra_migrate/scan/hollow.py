"""Whether a method does anything: a body of logging, constants and `return True` is hollow. Pure.

What cannot be recognised counts as an effect, so that no working method is called hollow.
"""

import ast
import re
from collections.abc import Iterable, Mapping

from netra_migrate.scan.syntax import Function, dotted, last, type_of_function

_LOGGING = frozenset(
    ("debug", "info", "warning", "warn", "error", "exception", "critical", "log", "trace", "success", "bind")
)
_HARMLESS = frozenset(
    (
        *("print", "str", "int", "float", "bool", "len", "dict", "list", "tuple", "set", "isinstance"),
        *("getattr", "hasattr", "repr", "type", "id", "min", "max", "sorted", "round", "abs", "format"),
        *("enumerate", "range", "zip", "any", "all", "sum", "cast", "suppress", "contextlib.suppress"),
        *(
            "sleep",
            "asyncio.sleep",
            "anyio.sleep",
            "time.sleep",
            "trio.sleep",
            "asyncio.gather",
            "typing.cast",
        ),
        *("time.time", "time.monotonic", "time.perf_counter", "perf_counter", "monotonic", "issubclass"),
        *("datetime.now", "datetime.utcnow", "datetime.datetime.now", "datetime.datetime.utcnow", "callable"),
        *(
            "uuid.uuid4",
            "uuid4",
            "json.dumps",
            "json.loads",
            "logging.getLogger",
            "structlog.get_logger",
            "asyncio.get_event_loop",
        ),
    )
)
_READING = frozenset(
    (
        *("get", "keys", "items", "values", "lower", "upper", "strip", "format", "split", "join", "copy"),
        *("isoformat", "startswith", "endswith", "model_dump", "dict", "count", "index", "replace", "title"),
    )
)
_LOGGER = re.compile(r"(^|[._])log(s|ger|ging)?$", re.IGNORECASE)
"""Names of loggers; not those of catalogs and dialogs."""
_OWN = ("self", "cls")
_QUIET = (ast.Pass, ast.Break, ast.Continue, ast.Global, ast.Nonlocal, ast.Import, ast.ImportFrom)
_NO_BODY = ("abstractmethod", "overload")


def hollow(function: Function, *, siblings: Mapping[str, Function], around: Mapping[str, Function]) -> bool:
    """Whether nothing outside the function is changed by it.

    `siblings` are the methods of its class and `around` the functions of its module: a call of one that
    is hollow itself is no effect either. Abstract methods are declarations and not hollow.
    """
    names = {last(dotted(each) or "") for each in function.decorator_list}
    return names.isdisjoint(_NO_BODY) and _Body(siblings, around).is_hollow(function)


class _Body:
    def __init__(self, siblings: Mapping[str, Function], around: Mapping[str, Function]) -> None:
        self.siblings = siblings
        self.around = around
        self.known: dict[int, bool] = {}
        self.fresh: set[str] = set()

    def is_hollow(self, function: Function) -> bool:
        key = id(function)
        if key not in self.known:
            self.known[key] = True  # two that only call each other do nothing
            outer, self.fresh = self.fresh, _fresh(function)
            self.known[key] = self._all(function.body)
            self.fresh = outer
        return self.known[key]

    def _all(self, body: Iterable[ast.stmt]) -> bool:
        return all(self._statement(each) for each in body)

    def _statement(self, node: ast.stmt) -> bool:
        match node:
            case ast.Assign(targets=targets, value=value):
                return self._pure(value) and all(self._local(each) for each in targets)
            case ast.AnnAssign(target=target, value=value) | ast.AugAssign(target=target, value=value):
                return self._pure(value) and self._local(target)
            case ast.Delete(targets=targets):
                return all(self._local(each) for each in targets)
            case ast.For(target=target) | ast.AsyncFor(target=target) if not self._local(target):
                return False
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return True  # a definition does nothing; what calls it is looked at
            case ast.Raise():
                return False
            case _:
                return isinstance(node, _QUIET) or self._parts(node)

    def _parts(self, node: ast.AST) -> bool:
        for child in ast.iter_child_nodes(node):
            quiet = self._statement(child) if isinstance(child, ast.stmt) else self._pure(child)
            if not quiet:
                return False
        return True

    def _local(self, target: ast.expr) -> bool:
        match target:
            case ast.Name():
                return True
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return all(self._local(each) for each in parts)
            case ast.Starred(value=inner):
                return self._local(inner)
            case ast.Subscript(value=ast.Name(id=name)):
                return name in self.fresh
            case _:
                return False

    def _pure(self, node: ast.AST | None) -> bool:
        match node:
            case None | ast.Constant() | ast.Name() | ast.Lambda():
                return True
            case ast.Call():
                return self._harmless(node) and self._parts_of_call(node)
            case ast.Yield() | ast.YieldFrom():
                return False
            case _:
                return self._parts(node)

    def _parts_of_call(self, node: ast.Call) -> bool:
        inner = node.func.value if isinstance(node.func, ast.Attribute) else None
        return self._pure(inner) and all(self._pure(each) for each in (*node.args, *node.keywords))

    def _harmless(self, call: ast.Call) -> bool:
        name = dotted(call.func)
        if name is None:
            return _of_a_value(call.func)
        owner, _, method = name.rpartition(".")
        if owner in _OWN and method in self.siblings:
            return self.is_hollow(self.siblings[method])
        if not owner and name in self.around:
            return self.is_hollow(self.around[name])
        if name in _HARMLESS or (method in _LOGGING and _LOGGER.search(owner)):
            return True
        return method in _READING and owner.split(".")[0] not in ("", *_OWN) and not call_is_bare(call)


def call_is_bare(call: ast.Call) -> bool:
    """Whether a reading call could be something else: `queue.get()` and `lock.index()` take no key."""
    return last(dotted(call.func) or "") in ("get", "count", "index") and not call.args


def _of_a_value(function: ast.expr) -> bool:
    """`"…".format` and `logging.getLogger(…).info`: methods of something that is not a plain name."""
    if not isinstance(function, ast.Attribute):
        return False
    if function.attr in _READING:
        return isinstance(function.value, (ast.Constant, ast.JoinedStr, ast.Dict, ast.Call, ast.BoolOp))
    made = dotted(function.value.func) if isinstance(function.value, ast.Call) else None
    return (
        function.attr in _LOGGING and made is not None and last(made).lower() in ("getlogger", "get_logger")
    )


def _fresh(function: Function) -> set[str]:
    """Names that hold something made right here, so that writing into it is no effect."""
    displays = (ast.Dict, ast.List, ast.Set)
    made: dict[str, bool] = {}
    for each in ast.walk(function):
        if isinstance(each, ast.Assign):
            for target in each.targets:
                if isinstance(target, ast.Name):
                    made[target.id] = made.get(target.id, True) and isinstance(each.value, displays)
    return {name for name, always in made.items() if always}


def functions_of(tree: ast.Module) -> dict[str, Function]:
    """The functions of a module, by name."""
    return {each.name: each for each in tree.body if isinstance(each, type_of_function)}
