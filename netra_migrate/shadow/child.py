"""Runs one handler of the target, in the target's own Python: standard library only, from Python 3.8 on.

Started by `children.py` and never imported by the kit. Reads a line of JSON for each message from its standard
input and answers with one on its standard output; what the target prints goes to standard error.

The contract of a factory, `[shadow] legacy = "module:callable"` in `migration.toml`:

    def legacy(effects):
        handler = StartAgentHandler(effects.service("supervisor", run="answer"), effects.store("db"))
        handler.manager = effects.connection("websocket")
        return handler

It is called anew for each message. What it returns is either a handler, whose configured method gets its
configured parameters by name (`user_id`, `payload`, … from the message; `websocket`, `connection` and `socket` are
`effects.connection("websocket")`; `message` is built with the configured message class), or any callable, sync or
async, which gets the whole message as a dict. `effects` has:

    connection(name), store(name), service(name, …)   recorders; every method called on one is an effect
    record(name, **details)                            an effect by hand, where the two sides' calls are unlike

All recorders take `sync=True` for methods that are not awaited, `attributes={…}` for what is not a method, and
method=value for what methods return, where a value that can be called gets the arguments.

A recorder is no mock of the subject. The subject is the handler, and every line of it runs. A recorder stands
where the handler's effects leave the process, and it is there to be read: no expectation is set on it, it never
decides whether something was right, and an effect counts only as what it did to the outside. An async method
records when it is awaited and not when it is called, because that is when a real one would act.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import dataclasses
import datetime
import decimal
import enum
import hashlib
import importlib
import inspect
import json
import logging
import os
import sys
import types
import uuid

TYPE_CHECKING = False
if TYPE_CHECKING:  # without importing typing first: the target's start is measured against a timeout
    from typing import Any

MOST_EFFECTS = 5_000
LONGEST_TEXT = 20_000
DEEPEST = 12
MOST_VALUES = 20_000
CONNECTIONS = ("websocket", "connection", "socket")


class TooManyEffects(Exception):
    """The handler does not come to an end; it goes on being told so."""


def plain(value: Any, depth: int = 0, left: Any = None) -> Any:
    """A copy of anything as JSON has it, without identities: equal things look equal in both processes.

    `left` counts down what may still be written: an argument may hang on to half of the application.
    """
    left = [MOST_VALUES] if left is None else left
    left[0] -= 1
    if depth > DEEPEST or left[0] < 0:
        return "<more>"
    if isinstance(value, (dict, list, tuple, set, frozenset)):
        return _container(value, depth + 1, left)
    return _single(value, depth + 1, left)


def _container(value: Any, depth: int, left: Any) -> Any:
    if isinstance(value, dict):
        return {str(plain(key, depth, left)): plain(item, depth, left) for key, item in value.items()}
    items = [plain(item, depth, left) for item in value]
    return items if isinstance(value, (list, tuple)) else sorted(items, key=repr)


def _single(value: Any, depth: int, left: Any) -> Any:
    if isinstance(value, enum.Enum):
        return plain(value.value, depth, left)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return _short(str(value))
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else repr(value)
    known = _known(value)
    if known is not None:
        return known
    fields = _fields(value)
    if fields is None:
        return "<" + type(value).__qualname__ + ">"
    return {str(name): plain(item, depth, left) for name, item in fields.items()}


def _known(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"base64": _short(base64.b64encode(bytes(value)).decode())}
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (uuid.UUID, decimal.Decimal, datetime.timedelta, os.PathLike)):
        return str(value)
    if isinstance(value, BaseException):
        return {"exception": type(value).__name__, "text": _short(str(value))}
    if isinstance(value, Recorder):
        return "<" + value._recorder_name + ">"
    if isinstance(value, type) or inspect.isroutine(value):
        return "<" + str(getattr(value, "__qualname__", type(value).__name__)) + ">"
    return None


def _fields(value: Any) -> Any:
    """What a value holds: of dataclasses, Pydantic, msgspec and attrs alike; the class is not on the wire."""
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    if callable(getattr(value, "model_dump", None)):
        return value.model_dump()
    names = getattr(value, "__struct_fields__", None) or getattr(type(value), "__slots__", None)
    if isinstance(names, (tuple, list)) and names:
        return {name: getattr(value, name, None) for name in names if not name.startswith("_")}
    held = getattr(value, "__dict__", None)
    return None if held is None else {name: item for name, item in held.items() if not name.startswith("_")}


def _short(text: str) -> str:
    if len(text) <= LONGEST_TEXT:
        return text
    return text[:200] + "… sha256 " + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


class Effects:
    """What a factory is given: makes recorders, and keeps what happens to them, in order."""

    def __init__(self) -> None:
        self.recorded: list[dict[str, Any]] = []
        self.swallowed: list[str] = []
        self._open = True

    def connection(self, name: str, **answers: Any) -> Recorder:
        """A stand-in for a connection, or for what sends on connections."""
        return Recorder(self, "connection." + name, **answers)

    def store(self, name: str, **answers: Any) -> Recorder:
        """A stand-in for a store, a database session or its factory."""
        return Recorder(self, "store." + name, **answers)

    def service(self, name: str, **answers: Any) -> Recorder:
        """A stand-in for anything else outside: a supervisor, a queue, a mailer."""
        return Recorder(self, "service." + name, **answers)

    def record(self, name: str, *arguments: Any, **details: Any) -> None:
        """Record an effect by hand, as if the method `name` of the world had been called."""
        self.keep("world", name, arguments, details)

    def keep(self, target: str, method: str, arguments: Any, details: Any) -> None:
        """Record; what comes after the message was answered is nobody's any more."""
        if not self._open:
            return
        if len(self.recorded) >= MOST_EFFECTS:
            raise TooManyEffects(str(MOST_EFFECTS))
        self.note_exception()
        call = {
            "target": target,
            "method": method,
            "arguments": plain(list(arguments)),
            "details": plain(details),
        }
        self.recorded.append(call)

    def note_exception(self) -> None:
        """Remember the exception that is being handled right now, if any: a legacy handler may swallow it."""
        kind = sys.exc_info()[0]
        if kind is not None and kind.__name__ not in self.swallowed:
            self.swallowed.append(kind.__name__)

    def close(self) -> None:
        """End recording."""
        self._open = False


class Recorder:
    """Records each method call; `await`able unless `sync`. Calling it, or entering it, gives itself."""

    def __init__(
        self, effects: Effects, name: str, *, sync: bool = False, attributes: Any = None, **answers: Any
    ) -> None:
        self._recorder_effects = effects
        self._recorder_name = name
        self._recorder_sync = sync
        self._recorder_answers = answers
        self.__dict__.update(attributes or {})

    def __getattr__(self, method: str) -> Any:
        if method.startswith("__"):  # copy, pickle and inspect ask for what is not there
            raise AttributeError(method)

        def act(*arguments: Any, **details: Any) -> Any:
            self._recorder_effects.keep(self._recorder_name, method, arguments, details)
            answer = self._recorder_answers.get(method)
            return answer(*arguments, **details) if callable(answer) else copy.deepcopy(answer)

        async def act_when_awaited(*arguments: Any, **details: Any) -> Any:
            answer = act(*arguments, **details)
            return await answer if inspect.isawaitable(answer) else answer

        return act if self._recorder_sync else act_when_awaited

    def __call__(self, *_arguments: Any, **_details: Any) -> Recorder:
        """Give itself, as the factory of database sessions gives a session."""
        return self

    def __deepcopy__(self, _memo: Any) -> Recorder:
        return self  # the outside is not copied with a message

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_failure: object) -> None:
        pass

    async def __aenter__(self) -> Recorder:
        return self

    async def __aexit__(self, *_failure: object) -> None:
        pass


class _Swallowed(logging.Handler):
    """Legacy handlers log what they swallow; logging happens while the exception is being handled."""

    effects = Effects()

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            self.effects.note_exception()


def _load(name: str) -> Any:
    module, _, attribute = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def _call(subject: Any, order: Any, effects: Effects, message: Any) -> Any:
    method = getattr(subject, order["method"], None)
    if method is None:
        return subject(message)
    return method(*[_argument(name, order, effects, message) for name in order["parameters"]])


def _argument(name: str, order: Any, effects: Effects, message: Any) -> Any:
    if name in CONNECTIONS:
        return effects.connection("websocket")
    if name == "message" and not isinstance(message.get("message"), str):
        return _message(order["message_class"], message.get("message") or message)
    return message.get(name)


def _message(message_class: Any, message: Any) -> Any:
    """The message as the canonical side has it: of its class where that is known, else with attributes."""
    if not message_class:
        return types.SimpleNamespace(**message)
    kind = _load(message_class)
    if callable(getattr(kind, "model_validate", None)):
        return kind.model_validate(message)
    accepted = inspect.signature(kind).parameters
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in accepted.values()):
        return kind(**message)
    return kind(**{name: value for name, value in message.items() if name in accepted})


async def _run(factory: Any, order: Any, effects: Effects, message: Any) -> Any:
    before = asyncio.all_tasks()
    answer = _call(factory(effects), order, effects, message)
    if inspect.isawaitable(answer):
        answer = await answer
    await _settle(asyncio.all_tasks() - before, order["settle_s"], effects)
    return answer


async def _settle(tasks: Any, settle_s: float, effects: Effects) -> None:
    """Wait for what the handler started and did not await: its effects are the handler's too."""
    if not tasks:
        return
    done, left = await asyncio.wait(tasks, timeout=settle_s)
    for task in done:
        if not task.cancelled() and task.exception() is not None:
            effects.keep("task", "failed", [task.exception()], {})
    if left:
        effects.keep("task", "left running", [len(left)], {})
        for task in left:
            task.cancel()


def _answer(factory: Any, order: Any, watcher: _Swallowed, message: Any) -> Any:
    effects = watcher.effects = Effects()
    given = copy.deepcopy(message)
    raised = None
    returned = None
    try:
        returned = asyncio.run(_run(factory, order, effects, given))
    except BaseException as error:  # noqa: BLE001 - also SystemExit is only how this side ended
        raised = {"kind": type(error).__name__, "text": _short(str(error))}
    if given != message:
        effects.keep("input", "mutated", [_changed(message, given)], {})
    effects.close()
    return {
        "raised": raised,
        "returned": plain(returned),
        "swallowed": effects.swallowed,
        "effects": effects.recorded,
    }


def _changed(before: Any, after: Any) -> Any:
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: after.get(name, "<removed>") for name in names}


def main() -> None:
    """Answer until the input ends. The first line in is the order, the first out says whether it can be kept."""
    orders, answers = os.fdopen(os.dup(0), "r", encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the target's prints
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    order = json.loads(orders.readline())
    sys.path[:1] = order["source_roots"]  # in the place of this script's own folder
    watcher = _Swallowed()
    try:
        factory = _load(order["factory"])
    except BaseException as error:  # noqa: BLE001 - the target's import may do anything, also exit
        print(json.dumps({"unusable": type(error).__name__ + ": " + str(error)}), file=answers, flush=True)
        return
    logging.getLogger().addHandler(watcher)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in orders:
        print(json.dumps(_answer(factory, order, watcher, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
    sys.stderr.flush()
    os._exit(0)  # threads that the target left behind do not keep the process
