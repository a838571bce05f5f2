"""Keeps secrets and what people write out of the log: by key, by look, and for whole exceptions."""

import re
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any

HIDDEN = "[hidden]"
MAX_DEPTH = 6
MAX_CAUSES = 5

_SECRET_KEYS = re.compile(
    r"(^|[_-])(pass(word|wd)?|secret|token|jwt|authorization|cookie|dsn|api[_-]?key|signing[_-]?key"
    r"|credentials?|(database|valkey|redis|owner)[_-]url)$",
    re.IGNORECASE,
)
_WRITTEN_KEYS = frozenset(["text", "content", "prompt", "query", "arguments", "result", "payload", "body"])
"""Keys that hold what users, models and tools say."""

_LOOKS = (
    (re.compile(r"eyJ[\w-]{4,}\.[\w-]*(\.[\w-]*)?"), "[token]"),
    (re.compile(r"(?i)\bbearer\s+[^\s\"',]+"), "Bearer [hidden]"),
    (re.compile(r"(?i)([a-z][a-z0-9+.-]*://)[^/\s@]*@"), r"\1[hidden]@"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*-----|$)", re.DOTALL), "[key]"),
    (re.compile(r"(?i)([?&](?:access_|id_)?token=)[^&\s]+"), r"\1[hidden]"),
)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The log event without secrets; a processor of structlog."""
    return {key: _clean(key, value, MAX_DEPTH) for key, value in event.items()}


def explain(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace `exc_info` by kind and places of the error; a processor of structlog.

    An exception's own text is left out: it may quote a prompt, a key or a database URL.
    """
    exc_info = event.pop("exc_info", None)
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, BaseException):
        event.update(describe(error))
    return event


def describe(error: BaseException) -> dict[str, Any]:
    """An exception for the log: kinds of it and its causes, and where it was raised, innermost last."""
    kinds: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(kinds) < MAX_CAUSES:
        kinds.append(f"{type(cause).__module__}.{type(cause).__qualname__}".removeprefix("builtins."))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": kinds,
        "at": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    }


def _clean(key: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if _SECRET_KEYS.search(key) or key in _WRITTEN_KEYS:
        return HIDDEN
    if isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {str(k): _clean(str(k), v, depth - 1) for k, v in value.items()} if depth else HIDDEN
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(key, each, depth - 1) for each in value] if depth else HIDDEN
    return _clean_text(value if isinstance(value, str) else str(value))


def _clean_text(text: str) -> str:
    for look, replacement in _LOOKS:
        text = look.sub(replacement, text)
    return text
