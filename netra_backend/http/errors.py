"""How refusals look over HTTP. The one place that maps them to statuses."""

import math
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from netra_backend.domain.errors import BadMessage, NetraError, NotFound
from netra_backend.observability.metrics import Metrics
from netra_backend.protocol.errors import error_frame, internal_frame
from netra_backend.protocol.messages import encode
from netra_backend.protocol.payloads import ErrorPayload

STATUS: Mapping[str, int] = {
    "bad_message": 400,
    "unknown_type": 400,
    "bad_resume": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "too_large": 413,
    "rate_limited": 429,
    "internal": 500,
    "busy": 503,
    "degraded": 503,
}
"""One status for each of the wire's error codes."""

RETRY_AFTER_S = 1
"""Asked for with 429 and 503 when the refusal itself names no time."""


def refusal(error: NetraError) -> Response:
    """The answer to a request that was refused."""
    headers = {}
    if error.code == "unauthenticated":
        headers["WWW-Authenticate"] = "Bearer"
    if error.retryable:
        wait = error.retry_after_ms / 1000 if error.retry_after_ms is not None else RETRY_AFTER_S
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    return _answer(error_frame(error, reply_to=None).payload, headers=headers)


def failure(error_id: str) -> Response:
    """The answer when something unforeseen happened: an id that is in the log, and nothing else."""
    return _answer(internal_frame(error_id, reply_to=None).payload)


def install(app: FastAPI, metrics: Metrics) -> None:
    """Answer every refusal in this form, also those that the framework itself makes."""

    async def refused(_request: Request, error: Exception) -> Response:
        known = _as_netra_error(error)
        metrics.errors.inc(known.code)
        response = refusal(known)
        if isinstance(error, HTTPException):
            response.status_code = error.status_code
            response.headers.update(error.headers or {})
        return response

    for kind in (NetraError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, refused)


def _as_netra_error(error: Exception) -> NetraError:
    match error:
        case NetraError():
            return error
        case RequestValidationError():
            return _from_validation(error.errors()[0])
        case HTTPException(status_code=404):
            return NotFound("There is nothing at this address.")
        case HTTPException(status_code=405):
            return BadMessage("This address does not take this method.")
        case _:
            return BadMessage("The request is not valid.")


def _from_validation(first: Mapping[str, Any]) -> NetraError:
    """The first mistake with its path; what was sent is never repeated."""
    place, *inner = first["loc"]
    if place == "path":  # what is not an id names nothing
        return NotFound()
    if first["type"] == "json_invalid":
        return BadMessage("The body is not valid JSON.", path="$")
    return BadMessage(f"{first['msg']}.", path=".".join(["$", *map(str, inner)]))


def _answer(payload: ErrorPayload, *, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        encode({"error": payload}),
        status_code=STATUS[payload.code],
        headers=headers,
        media_type="application/json",
    )
