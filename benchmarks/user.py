"""One simulated user: a socket, its runs, and whether every run did what the protocol promises.

The hot path decodes no JSON. Every run's events are checked for kind and order; a sample is checked in full.
"""

import asyncio
import base64
import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

from benchmarks.agents import ANSWER
from benchmarks.frames import CLOSE, PING, PONG, TEXT, FrameReader, client_frame, type_of, value_after

LIFECYCLE: Final = (
    b"agent_started",
    b"agent_thinking",
    b"tool_executing",
    b"tool_completed",
    b"agent_completed",
)
_STEP: Final = {name: step for step, name in enumerate(LIFECYCLE)}
_RUN_ID: Final = b'"run_id":"'
_ACCEPT_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TURNS: Final = 10
"""Messages of a thread before the user opens another: an agent is given the thread's earlier messages, so
endless threads would measure the length of the benchmark."""
TEXT_SENT: Final = "What is the capital of France?"


@dataclass(slots=True)
class Run:
    """One run: when it was due and what came of it. Times are `time.perf_counter` seconds."""

    due: float
    started: float = 0.0
    completed: float = 0.0
    step: int = 0


@dataclass(slots=True)
class Sample:
    """The frames of one run that is checked in full."""

    number: int
    frames: list[bytes] = field(default_factory=list)


class User(asyncio.Protocol):
    """A connection of one user.

    Args:
        address: host and port for the handshake's `Host`.
        token: sent as bearer.
        completed: called after each `agent_completed`.
        failed: called when something is not as it must be.
        verify_every: which runs are checked in full.
        series: what message ids begin with: an id that the user had before would be a duplicate.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        completed: Callable[["User", Run], None],
        failed: Callable[[], None],
        verify_every: int,
        series: bytes = b"",
    ) -> None:
        self._address = address
        self._token = token
        self._completed = completed
        self._failed = failed
        self._verify_every = verify_every
        self._series = series
        self._reader = FrameReader()
        self._head = b""
        self._key = base64.b64encode(os.urandom(16))
        self._upgraded = False
        self._transport: asyncio.Transport | None = None
        self._sent: list[Run] = []
        self._by_run: dict[bytes, Run] = {}
        self._early: dict[bytes, Run] = {}
        self._thread = b""
        self._sample: Sample | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pong: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.frames = 0
        self.verified = 0
        self.wrong: list[str] = []
        self.gone = False

    def say(self, due: float) -> None:
        """Send the next message; `due` is when it should have been sent."""
        number = len(self._sent)
        self._sent.append(Run(due))
        if number % TURNS == 0:
            self._thread = b""
        if number % self._verify_every == 0 and self._sample is None:
            self._sample = Sample(number)
        where = b',"thread_id":"%s"' % self._thread if self._thread else b""
        self._send(
            b'{"type":"user_message","id":"%s%d"%s,"payload":{"text":"%s"}}'
            % (self._series, number, where, TEXT_SENT.encode())
        )

    def ping(self) -> None:
        """Ask for a `pong`; the future of that name gets it."""
        self._send(b'{"type":"ping","payload":{}}')

    def leave(self) -> None:
        """Close the connection."""
        self.gone = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(client_frame(CLOSE, b"\x03\xe8"))
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        lines = (
            "GET /ws HTTP/1.1",
            f"Host: {self._address}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {self._key.decode()}",
            "Sec-WebSocket-Version: 13",
            f"Authorization: Bearer {self._token}",
        )
        self._transport.write("\r\n".join((*lines, "", "")).encode())

    def connection_lost(self, exc: Exception | None) -> None:
        """A connection that the server ends is a fault of the run."""
        if not self.gone:
            known = "after" if self.ready.done() else "before `connected` but after"
            self._fail(f"the connection was lost {known if self._upgraded else 'before'} the upgrade ({exc})")

    def data_received(self, data: bytes) -> None:
        """Take what came apart."""
        if not self._upgraded:
            data = self._upgrade(data)
        for opcode, payload in self._reader.feed(data):
            if opcode == TEXT:
                self._take(payload)
            elif opcode == PING and self._transport is not None:
                self._transport.write(client_frame(PONG, payload))
            elif opcode == CLOSE:
                self._fail(f"the server closed with {int.from_bytes(payload[:2], 'big')}")

    def _upgrade(self, data: bytes) -> bytes:
        self._head += data
        head, separator, rest = self._head.partition(b"\r\n\r\n")
        if not separator:
            return b""
        accept = base64.b64encode(hashlib.sha1(self._key + _ACCEPT_GUID).digest())  # noqa: S324 - RFC 6455 says so
        if not head.startswith(b"HTTP/1.1 101") or accept not in head:
            self._fail(f"the upgrade was refused: {head[:60]!r}")
            return b""
        self._upgraded = True
        return rest

    def _take(self, payload: bytes) -> None:
        self.frames += 1
        kind = type_of(payload)
        if self._sample is not None:
            self._sample.frames.append(payload)
        if kind in _STEP:
            self._advance(kind, payload)
        elif kind == b"accepted":
            self._accept(payload)
        elif kind == b"connected":
            self.ready.set_result(None)
        elif kind == b"pong" and not self.pong.done():
            self.pong.set_result(None)
        elif kind == b"error":
            self._fail(f"error frame: {payload[:200]!r}")

    def _accept(self, payload: bytes) -> None:
        number = value_after(payload, b'"reply_to":"')
        self._thread = value_after(payload, b'"thread_id":"')
        if b'"duplicate":true' in payload:
            self._fail("a message was taken for a duplicate")
        run = self._sent[int(number.removeprefix(self._series))]
        run_id = value_after(payload, _RUN_ID)
        early = self._early.pop(run_id, None)
        if early is not None:
            run.started, run.completed, run.step = early.started, early.completed, early.step
        self._by_run[run_id] = run
        if run.completed:
            self._end(run_id, run)

    def _advance(self, kind: bytes, payload: bytes) -> None:
        run_id = value_after(payload, _RUN_ID)
        run = self._by_run.get(run_id)
        if run is None:  # events may overtake `accepted`: they come by another way
            run = self._early.setdefault(run_id, Run(0.0))
        step = _STEP[kind]
        if step != run.step:
            self._fail(f"{kind.decode()} came as event {run.step + 1} of a run")
        run.step = step + 1
        if step == 0:
            run.started = time.perf_counter()
        elif run.step == len(LIFECYCLE):
            run.completed = time.perf_counter()
            if b'"status":"completed"' not in payload:
                self._fail(f"a run did not complete: {payload[:300]!r}")
            if run.due:
                self._end(run_id, run)

    def _end(self, run_id: bytes, run: Run) -> None:
        if self._sample is not None and self._sent[self._sample.number] is run:
            sample, self._sample = self._sample, None
            self.verified += 1
            for what in check(
                sample.frames, run_id.decode(), client_id=f"{self._series.decode()}{sample.number}"
            ):
                self._fail(what)
        self._completed(self, run)

    def _send(self, payload: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(client_frame(TEXT, payload))

    def _fail(self, what: str) -> None:
        self.gone = True
        self.wrong.append(what)
        for future in (self.ready, self.pong):
            if not future.done():
                future.set_exception(ConnectionError(what))
                future.exception()  # marked as seen: the text is in `wrong`
        self._failed()


def check(payloads: list[bytes], run_id: str, *, client_id: str) -> list[str]:
    """What is wrong with the frames of one run, decoded in full; nothing if all is well."""
    frames: list[dict[str, Any]] = [json.loads(payload) for payload in payloads]
    mine = [frame for frame in frames if frame.get("run_id") == run_id]
    events = [frame for frame in mine if frame["type"].encode() in _STEP]
    seqs = [frame["seq"] for frame in frames if "seq" in frame]
    deltas = "".join(frame["payload"]["text"] for frame in frames if frame["type"] == "message_delta")
    found: list[str] = []
    if [event["type"].encode() for event in events] != list(LIFECYCLE):
        found.append(f"events {[event['type'] for event in events]}")
    if seqs != list(range(seqs[0], seqs[0] + len(seqs))):
        found.append(f"sequence numbers {seqs}")
    if events and events[-1]["payload"].get("message", {}).get("content") != ANSWER:
        found.append(f"answer {events[-1]['payload']}")
    if deltas and not (ANSWER.startswith(deltas) or deltas.startswith(ANSWER)):
        found.append(f"live text {deltas!r}")
    if not any(frame["type"] == "accepted" and frame.get("reply_to") == client_id for frame in mine):
        found.append("no `accepted`")
    return found
