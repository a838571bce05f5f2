"""A user of Chainlit: Socket.IO over one WebSocket, as its own page speaks it."""

import asyncio
import json
import os
import uuid
from typing import Any, Final, cast

import msgspec

from benchmarks.agents import ANSWER
from benchmarks.frames import TEXT, client_frame
from benchmarks.peers.stub import ARGUMENTS, RESULT, THOUGHT
from benchmarks.peers.visitor import Visitor
from benchmarks.user import TEXT_SENT

_STARTED, _THOUGHT, _CALLED, _RETURNED, _ENDED = range(5)
# Packets of Engine.IO 4, and the Socket.IO packets inside its messages.
_OPEN: Final = b"0"
_PING: Final = b"2"
_PONG: Final = b"3"
_CONNECT: Final = b"40"
_REFUSED: Final = b"44"
_EVENT: Final = b"42"


class ChainlitVisitor(Visitor):
    """A run lasts from `task_start` to `task_end`; the answer must have come between. One thread a connection.

    A new thread would need a new connection; as Chainlit's work does not grow with a thread, it stays with one.
    """

    def __init__(self, address: str, token: str, **callbacks: Any) -> None:
        super().__init__(address, token, **callbacks)
        self._answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade, with the cookie of the login."""
        self._transport = cast("asyncio.Transport", transport)
        lines = (
            "GET /ws/socket.io/?EIO=4&transport=websocket HTTP/1.1",
            f"Host: {self._address}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {self._key.decode()}",
            "Sec-WebSocket-Version: 13",
            f"Cookie: {self._token}",
        )
        self._transport.write("\r\n".join((*lines, "", "")).encode())

    def say(self, due: float) -> None:
        """Send the next message."""
        self.begin(due)
        self._answered = False
        message = {
            "id": _new_id(),
            "name": "person",
            "type": "user_message",
            "output": TEXT_SENT,
            "createdAt": "2026-01-01T00:00:00.000Z",
        }
        self._emit("client_message", {"message": message, "fileReferences": []})

    def _take(self, payload: bytes) -> None:
        if payload == _PING:
            self._packet(_PONG)
        elif payload.startswith(_EVENT):
            self.frames += 1
            self._hear(*msgspec.json.decode(payload.removeprefix(_EVENT)))
        elif payload.startswith(_CONNECT):
            self._emit("connection_successful")
        elif payload.startswith(_OPEN):
            session = {"clientType": "webapp", "sessionId": _new_id(), "userEnv": "{}", "threadId": ""}
            self._packet(_CONNECT + json.dumps(session).encode())
        elif payload.startswith(_REFUSED):
            self._fail(f"the connection was refused: {payload[:200]!r}")

    def _hear(self, name: str, said: Any) -> None:
        if not self.ready.done():
            if name == "clear_call_fn":  # the last of what a new connection gets
                self.frames = 1
                self.ready.set_result(None)
        elif name == "task_start":
            self.reach(_STARTED, said)
        elif name == "task_end":
            self.expect("whether an answer came", self._answered, wanted=True)
            self.reach(_ENDED, said)
        elif name in ("new_message", "update_message"):
            self._see(said["type"], said, new=name == "new_message")

    def _see(self, kind: str, said: Any, *, new: bool) -> None:
        if kind == "llm":
            self.expect("the thought", said["output"], THOUGHT)
            self.reach(_THOUGHT, said)
        elif kind == "tool" and new:
            self.reach(_CALLED, said)
        elif kind == "tool":
            self.expect("the argument", json.loads(said["input"]), ARGUMENTS)
            self.expect("the result", json.loads(said["output"]), RESULT)
            self.reach(_RETURNED, said)
        elif kind == "assistant_message":
            self.expect("the answer", said["output"], ANSWER)
            self._answered = True

    def _emit(self, name: str, *said: object) -> None:
        self._packet(_EVENT + json.dumps([name, *said]).encode())

    def _packet(self, packet: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(client_frame(TEXT, packet))


def _new_id() -> str:
    return str(uuid.UUID(bytes=os.urandom(16), version=4))
