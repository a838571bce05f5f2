"""How refusals look on the wire: `error` payloads and close codes. The one place that maps them."""

from enum import IntEnum

import msgspec
from msgspec import UNSET

from netra_backend.domain.errors import BadMessage, NetraError, UnknownType
from netra_backend.protocol.messages import Error
from netra_backend.protocol.payloads import ErrorPayload

ERROR_CODES = (
    "bad_message",
    "unknown_type",
    "too_large",
    "unauthenticated",
    "forbidden",
    "not_found",
    "conflict",
    "rate_limited",
    "busy",
    "bad_resume",
    "degraded",
    "internal",
)


class CloseCode(IntEnum):
    """Why the server closed. Clients reconnect after 1001, 1012 and 4000-4499, not after 4500-4999."""

    GOING_AWAY = 1001
    RESTART = 1012
    TOO_SLOW = 4008
    NO_PONG = 4009
    RATE = 4029
    TOKEN = 4401
    VIOLATION = 4500
    TOO_MANY_CONNECTIONS = 4503
    FORBIDDEN = 4513


def error_frame(error: NetraError, *, reply_to: str | None) -> Error:
    """The one `error` frame for a refusal."""
    return Error(
        reply_to=reply_to if reply_to is not None else UNSET,
        payload=ErrorPayload(
            code=error.code,
            message=str(error),
            retryable=error.retryable,
            retry_after_ms=error.retry_after_ms if error.retry_after_ms is not None else UNSET,
            path=error.path if error.path is not None else UNSET,
        ),
    )


def internal_frame(error_id: str, *, reply_to: str | None) -> Error:
    """The `error` frame for an unforeseen failure: an id that is in the log, and nothing else."""
    return Error(
        reply_to=reply_to if reply_to is not None else UNSET,
        payload=ErrorPayload(code="internal", message=f"Internal error {error_id}.", retryable=True),
    )


def from_decode_error(error: msgspec.DecodeError) -> BadMessage:
    """The refusal for a frame that could not be decoded, with the path that msgspec names."""
    if not isinstance(error, msgspec.ValidationError):
        return BadMessage("The frame is not valid JSON.", path="$")
    text, _, where = str(error).partition(" - at `")
    path = where.removesuffix("`") or "$"
    if path == "$.type" and text.startswith("Invalid value"):
        return UnknownType(path=path)
    if "matching regex" in text:  # the pattern itself helps nobody
        text = "The text is empty or holds characters that are not allowed here"
    return BadMessage(f"{text}.", path=path)
