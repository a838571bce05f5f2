"""A user of Agno AgentOS: one HTTP connection that is kept, a request a message, events streamed back."""

import asyncio
import json
import os
import uuid
from typing import Any, cast
from urllib.parse import urlencode

import msgspec

from benchmarks.agents import ANSWER
from benchmarks.peers.streams import END, Event, EventReader
from benchmarks.peers.stub import ARGUMENTS, RESULT, THOUGHT
from benchmarks.peers.visitor import Visitor
from benchmarks.user import TEXT_SENT, TURNS

_STARTED, _THOUGHT, _CALLED, _RETURNED, _ENDED = range(5)
_FAILURES = (b"RunError", b"RunCancelled")


class AgnoVisitor(Visitor):
    """A run begins with `RunStarted`; it has ended when `RunCompleted` came and the answer is whole."""

    background = False
    """Whether runs go through the job queue, which stores them when it accepts them."""

    def __init__(self, address: str, token: str, **callbacks: Any) -> None:
        super().__init__(address, token, **callbacks)
        self._host, self._name = address, token
        self._events = EventReader()
        self._wire: asyncio.Transport | None = None
        self._session = ""
        self._last: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is nothing to wait for."""
        self._wire = cast("asyncio.Transport", transport)
        self.frames = 1  # the load generator takes one off, for what other products send first
        self.ready.set_result(None)

    def say(self, due: float) -> None:
        """Post the next message; every `TURNS` messages a new session begins, as our users begin threads."""
        if self.said % TURNS == 0:
            self._session = str(uuid.UUID(bytes=os.urandom(16), version=4))
        self.begin(due)
        fields = {
            "message": TEXT_SENT,
            "stream": "true",
            "background": str(self.background).lower(),
            "session_id": self._session,
            "user_id": self._name,
        }
        body = urlencode(fields).encode()
        head = (
            f"POST /agents/stub/runs HTTP/1.1\r\nHost: {self._host}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        if self._wire is None or self._wire.is_closing():
            return self._fail("the connection was closed between two messages")
        self._wire.write(head.encode() + body)
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """An HTTP server may close a connection that has nothing to do; one in use it may not."""
        if self.current is not None:
            super().connection_lost(exc)

    def leave(self) -> None:
        """Close the connection."""
        self.gone = True
        if self._wire is not None:
            self._wire.close()

    def data_received(self, data: bytes) -> None:
        """Take what came apart."""
        for event in self._events.feed(data):
            if event is END:
                self.reach(_ENDED, self._last)
            else:
                self.frames += 1
                self._hear(event)

    def _hear(self, event: Event) -> None:
        said = self._last = msgspec.json.decode(event.data)
        if event.name == b"RunStarted":
            self.reach(_STARTED, said)
        elif event.name == b"RunContent" and said.get("reasoning_content"):
            self.expect("the thought", said["reasoning_content"], THOUGHT)
            self.reach(_THOUGHT, said)
        elif event.name == b"ToolCallStarted":
            self.expect("the argument", said["tool"]["tool_args"], ARGUMENTS)
            self.reach(_CALLED, said)
        elif event.name == b"ToolCallCompleted":
            self.expect("the result", json.loads(said["tool"]["result"]), RESULT)
            self.reach(_RETURNED, said)
        elif event.name == b"RunCompleted":
            self.expect("the answer", said["content"], ANSWER)
        elif event.name in _FAILURES:
            self._fail(f"{event.name.decode()}: {str(said)[:300]}")


class QueueingVisitor(AgnoVisitor):
    """The same through the durable job queue."""

    background = True
