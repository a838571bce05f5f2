"""A WebSocket client for tests: sends dictionaries, waits for frames, forgets nothing it received."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Frame = dict[str, Any]

PATIENCE_S = 20.0
"""Seconds until a frame that does not come fails the test; never a pause."""

LIFECYCLE = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")

_ids = itertools.count(1)


class Client:
    """One connection. `frames` holds everything received, in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[Frame] = []

    async def send(self, kind: str, payload: Mapping[str, Any] | None = None, **fields: Any) -> str:
        """Send a frame with an id of its own; returns the id."""
        frame_id = fields.setdefault("id", f"c{next(_ids)}")
        await self.socket.send(json.dumps({"type": kind, "payload": dict(payload or {}), **fields}))
        return str(frame_id)

    async def send_raw(self, text: str | bytes) -> None:
        """Send anything at all."""
        await self.socket.send(text)

    async def ask(self, kind: str, payload: Mapping[str, Any] | None = None, **fields: Any) -> Frame:
        """Send a frame and wait for its one answer."""
        frame_id = await self.send(kind, payload, **fields)
        return await self.until(lambda frame: frame.get("reply_to") == frame_id)

    async def say(self, text: str, *, thread_id: str | None = None, **payload: Any) -> Frame:
        """Send a user message; returns its `accepted`."""
        fields = {} if thread_id is None else {"thread_id": thread_id}
        answer = await self.ask("user_message", {"text": text, **payload}, **fields)
        assert answer["type"] == "accepted", answer  # noqa: S101 - a test helper
        return answer

    async def finished(self, run_id: str) -> list[Frame]:
        """Wait for the run's end; returns its lifecycle frames, in order."""
        await self.until(lambda frame: frame["type"] == "agent_completed" and frame.get("run_id") == run_id)
        return self.of_run(run_id)

    def of_run(self, run_id: str) -> list[Frame]:
        """The run's lifecycle frames so far, in order."""
        return [
            frame for frame in self.frames if frame.get("run_id") == run_id and frame["type"] in LIFECYCLE
        ]

    def durable(self) -> list[Frame]:
        """Everything with a number, in the order of arrival."""
        return [frame for frame in self.frames if "seq" in frame]

    def of_type(self, kind: str) -> list[Frame]:
        """Everything of one type, in the order of arrival."""
        return [frame for frame in self.frames if frame["type"] == kind]

    async def until(self, wanted: Callable[[Frame], bool]) -> Frame:
        """The first frame that `wanted` accepts, among those received and those to come."""
        for seen in self.frames:
            if wanted(seen):
                return seen
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame: Frame = json.loads(await self.socket.recv())
                self.frames.append(frame)
                if wanted(frame):
                    return frame

    async def closed(self) -> int:
        """Wait until the server closes; returns the close code."""
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(PATIENCE_S):
                async for text in self.socket:
                    self.frames.append(json.loads(text))
        return self.socket.close_code or 0


@asynccontextmanager
async def connected(
    url: str, token: str | None = None, *, headers: Mapping[str, str] | None = None, greet: bool = True
) -> AsyncIterator[Client]:
    """A connection to `http://…` as a client with `token`; waits for `connected` if `greet`."""
    sent = dict(headers or {})
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    address = url.replace("http", "ws", 1) + "/ws"
    async with connect(address, additional_headers=sent, subprotocols=["netra.v1"], max_size=None) as socket:  # type: ignore[list-item]
        client = Client(socket)
        if greet:
            await client.until(lambda frame: frame["type"] == "connected")
        yield client
