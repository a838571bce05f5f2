"""The bare server: uvicorn with Netra's settings and nothing behind it. The floor that ratios are against.

To a message it sends the frames of a run, of the size that Netra's have, without storing or checking anything.
"""

import asyncio
import itertools
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
import uvloop

from benchmarks.agents import ANSWER
from benchmarks.user import LIFECYCLE
from netra_backend.domain.ids import uuid7

FRAME_BYTES = 4 * 65536
PING_S = 20.0
"""Netra's defaults, written down here so that nothing of Netra is loaded; a test compares them."""

_THREAD = "0198c1f0-7a00-7000-8000-00000000000a"
_TS = "2026-01-01T00:00:00.000000Z"
_ID = '"id":"'
_PONG = '{"type":"pong","payload":{"head":0}}'
_CONNECTED = '{"type":"connected","payload":{}}'
_PAYLOADS = (
    {"agent": "stub", "attempt": 1, "message_id": _THREAD},
    {"text": "Looking it up."},
    {"tool_call_id": "0123456789ab-1", "tool": "lookup", "arguments": {"query": "capital of France"}},
    {
        "tool_call_id": "0123456789ab-1",
        "tool": "lookup",
        "status": "ok",
        "duration_ms": 1,
        "result": {"found": "Paris"},
    },
    {
        "status": "completed",
        "duration_ms": 5,
        "attempts": 1,
        "message": {
            "id": _THREAD,
            "role": "assistant",
            "content": ANSWER,
            "created_at": _TS,
            "run_id": _THREAD,
        },
    },
)

_runs = itertools.count(1)


def _frame(**fields: object) -> str:
    return json.dumps(fields, separators=(",", ":"))


def _event(kind: str, payload: object) -> str:
    return _frame(type=kind, seq="SEQ", thread_id=_THREAD, run_id="RUN", ts=_TS, payload=payload)


_CREATED = {
    "id": _THREAD,
    "role": "user",
    "content": "What is the capital of France?",
    "created_at": _TS,
    "client_id": "1",
}
_EVENTS = [_event(kind.decode(), payload) for kind, payload in zip(LIFECYCLE, _PAYLOADS, strict=True)]
EXCHANGE = (
    _frame(
        type="accepted",
        reply_to="ID",
        thread_id=_THREAD,
        run_id="RUN",
        payload={"message_id": _THREAD, "duplicate": False, "queue_position": 0},
    ),
    _event("message_created", {"message": _CREATED}),
    *_EVENTS[:-1],
    _frame(
        type="message_delta",
        thread_id=_THREAD,
        run_id="RUN",
        payload={"message_id": _THREAD, "offset": 0, "text": ANSWER},
    ),
    _EVENTS[-1],
)
"""The frames that Netra answers one message with; `ID`, `RUN` and `SEQ` are filled in."""


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Accept, then answer each frame."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": _CONNECTED})
    seq = itertools.count(1)
    while (event := await receive())["type"] == "websocket.receive":
        text: str = event["text"]
        if text.startswith('{"type":"ping"'):
            await send({"type": "websocket.send", "text": _PONG})
            continue
        begin = text.index(_ID) + len(_ID)
        run, number = uuid7(next(_runs), 0), text[begin : text.index('"', begin)]
        for frame in EXCHANGE:
            filled = frame.replace("RUN", run, 1).replace('"ID"', f'"{number}"', 1)
            if '"SEQ"' in filled:
                filled = filled.replace('"SEQ"', str(next(seq)), 1)
            await send({"type": "websocket.send", "text": filled})


async def serve() -> None:
    """Serve on a free port until a signal, and say where."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(4096)
    config = uvicorn.Config(
        application,
        http="httptools",
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws_max_size=FRAME_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        timeout_graceful_shutdown=2,
    )
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    asyncio.get_running_loop().call_soon(lambda: print(_frame(event="ready", url=url), flush=True))
    await uvicorn.Server(config).serve(sockets=[listening])


if __name__ == "__main__":
    uvloop.run(serve())
