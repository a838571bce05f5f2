"""The outer wall of HTTP, as plain ASGI: request ids, security headers, limits, the last resort for errors."""

import asyncio

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from netra_backend.auth.urls import refuse_token_in_url
from netra_backend.domain.errors import BadMessage, NetraError, TooLarge
from netra_backend.domain.ids import IdSource
from netra_backend.domain.ports import Clock
from netra_backend.http.errors import failure, refusal
from netra_backend.observability.metrics import Metrics
from netra_backend.observability.redaction import describe

BODY_TIMEOUT_S = 10.0
"""Seconds for a whole body: 64 KiB over the slowest phone, but no body that trickles for ever."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every answer; one that sets a header itself keeps its own."""

QUIET_PATHS = frozenset(["/healthz", "/readyz", "/metrics"])
"""Asked every few seconds by machines: logged at debug only."""

log = structlog.get_logger()


class Boundary:
    """Binds a request id, logs each request once without its query, turns every error into an answer."""

    def __init__(self, app: ASGIApp, *, new_id: IdSource, clock: Clock, metrics: Metrics) -> None:
        self._app = app
        self._new_id = new_id
        self._clock = clock
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._new_id()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            began = self._clock.monotonic()
            status = await self._answer(scope, receive, send, request_id)
            self._log(scope, status, began)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> int:
        """Returns the status that was sent, 0 if none."""
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except NetraError as error:
            self._metrics.errors.inc(error.code)
            if not status:
                await refusal(error)(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the last resort: logged, and answered by an id
            self._metrics.errors.inc("internal")
            log.error("request_failed", path=scope["path"], **describe(error))  # noqa: TRY400 - without its text
            if not status:
                await failure(request_id)(scope, receive, sending)
        return status

    def _log(self, scope: Scope, status: int, began: float) -> None:
        write = log.debug if scope["path"] in QUIET_PATHS else log.info
        took = round((self._clock.monotonic() - began) * 1000, 1)
        write("request", method=scope["method"], path=scope["path"], status=status, duration_ms=took)


class Limits:
    """Refuses tokens in the URL and bodies that are too large, declared or chunked, before any route runs."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http":
            refuse_token_in_url(scope["query_string"])
            buffered = await _buffered(scope, receive, self._max_body_bytes)
            if buffered is None:
                return  # nobody waits for an answer any more
            receive = buffered
        await self._app(scope, receive, send)


async def _buffered(scope: Scope, receive: Receive, limit: int) -> Receive | None:
    """Read the whole body, which is small, and hand it on in one piece; None if the client left.

    Raises:
        TooLarge: before more than the limit was kept.
        BadMessage: it did not arrive in time.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or int(value) > limit):
            raise TooLarge(f"A body may have {limit} bytes at most.")
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await _read(receive, limit)
    except TimeoutError:
        raise BadMessage("The body did not arrive in time.") from None
    if body is None:
        return None
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


async def _read(receive: Receive, limit: int) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > limit:
            raise TooLarge(f"A body may have {limit} bytes at most.")
        if not message.get("more_body", False):
            return bytes(body)
