"""Logs as JSON lines on standard output: one object a line with event, level, ts and what is bound.

Bind ids with `structlog.contextvars` (request_id, connection_id, run_id). Never log what people,
models or tools say; `redaction` is the net below that rule, not a replacement of it.
"""

import json
import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict

from netra_backend.observability.redaction import describe, explain, redact

FIELDS_FIRST = ("event", "level", "ts")


def configure(level: str, *, stream: TextIO | None = None) -> None:
    """Send everything that is logged in this process through one pipeline.

    Loggers of libraries are heard from `warning` on: below that some quote addresses with their
    query, frames or prompts.

    Args:
        level: debug, info, warning or error.
        stream: where the lines go; standard output if None.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            _current_exception,
            explain,
            redact,
            _line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(stream or sys.stdout),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Forward()], level=logging.WARNING, force=True)
    for name in list(logging.root.manager.loggerDict):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.setLevel(logging.NOTSET)
        library.propagate = True
    logging.getLogger("uvicorn.access").disabled = True
    logging.captureWarnings(capture=True)


class _Forward(logging.Handler):
    """Hands records of the standard library's logging to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`. Only the first line: asyncio's further ones quote the exception."""
        try:
            text = record.getMessage().partition("\n")[0]
            error = record.exc_info[1] if record.exc_info else None
            details = describe(error) if error is not None else {}
            structlog.get_logger().log(record.levelno, text, logger=record.name, **details)
        except Exception:  # noqa: BLE001 - a log line must never break who logs; this is the library's way
            self.handleError(record)


def _current_exception(_logger: object, _method: str, event: EventDict) -> EventDict:
    """`logger.exception(...)` and `exc_info=True` mean the exception that is being handled."""
    if event.get("exc_info") is True:
        event["exc_info"] = sys.exc_info()
    return event


def _line(_logger: object, _method: str, event: EventDict) -> str:
    ordered = {key: event[key] for key in FIELDS_FIRST if key in event} | dict(event)
    return json.dumps(ordered, ensure_ascii=False, default=str)
