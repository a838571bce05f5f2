"""A running application as the end-to-end suites see it: an address, its users, and sockets. Holds no test."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from netra_backend.app import new_id
from netra_backend.chaos.proxy import FaultProxy
from netra_backend.testing.client import LIFECYCLE, Client, Frame
from netra_backend.tests.outcomes import Phase
from tests.e2e.deployment import Accounts, Person, bearer_of, log_in

BEFORE_S = 4.0
"""Seconds until a frame that the legacy application never sends is reported as such."""
AFTER_S = 20.0
"""The same where every frame comes: a deployment may be far away and busy."""
MODEL_S = 25.0
"""The same where the real model answers."""


class Tab(Client):
    """A connection that says what came instead when a frame does not come."""

    def __init__(self, socket: ClientConnection, patience_s: float) -> None:
        super().__init__(socket)
        self.patience_s = patience_s

    async def send(self, kind: str, payload: Mapping[str, Any] | None = None, **fields: Any) -> str:
        """See `Client.send`. Ids are new also to a deployment that outlives the tests."""
        return await super().send(kind, payload, **{"id": new_id()} | fields)

    async def until(self, wanted: Callable[[Frame], bool]) -> Frame:
        """See `Client.until`."""
        for seen in self.frames:
            if wanted(seen):
                return seen
        try:
            async with asyncio.timeout(self.patience_s):
                while True:
                    frame: Frame = json.loads(await self.socket.recv())
                    self.frames.append(frame)
                    if wanted(frame):
                        return frame
        except (TimeoutError, ConnectionClosed):
            came = ", ".join(each["type"] for each in self.frames)
            raise AssertionError(f"the frame never came; there came only: {came}") from None

    async def come(self, wanted: Callable[[Frame], bool]) -> Frame | None:
        """The frame, or None where it never comes."""
        try:
            return await self.until(wanted)
        except AssertionError:
            return None

    async def answered(
        self, kind: str, payload: Mapping[str, Any] | None = None, **fields: Any
    ) -> Frame | None:
        """Send a frame; its one answer, or None where none comes."""
        frame_id = await self.send(kind, payload, **fields)
        return await self.come(lambda frame: frame.get("reply_to") == frame_id)

    def live_text(self, thread_id: str) -> list[str]:
        """The pieces of live text of a thread so far."""
        return [
            frame["payload"]["text"]
            for frame in self.of_type("message_delta")
            if frame["thread_id"] == thread_id
        ]

    async def writing(self, thread_id: str) -> None:
        """Wait until somebody writes in a thread."""
        await self.until(lambda _: self.live_text(thread_id) != [])

    async def all_answers(self, frames: Sequence[Frame]) -> list[list[Frame]]:
        """Send frames, with a `ping` behind them; the answers to each that came before the `pong`."""
        ids = [await self.send(**frame) for frame in frames]
        await self.ask("ping")
        return [[frame for frame in self.frames if frame.get("reply_to") == each] for each in ids]


@dataclass(frozen=True, kw_only=True)
class Application:
    """An application that runs.

    Attributes:
        url: where it is reached, through its proxy if it has one.
        accounts: who makes its users.
        model: the way to the model, to close and open; None where it is somebody else's.
        root: the tree of its code.
        environ: settings of its processes; empty where they are somebody else's.
        data_dir: of the sample application.
    """

    phase: Phase
    url: str
    accounts: Accounts
    model: FaultProxy | None
    root: Path
    environ: Mapping[str, str]
    data_dir: Path | None = None

    @property
    def before(self) -> bool:
        """Whether the legacy handlers serve the socket."""
        return self.phase in (Phase.LEGACY, Phase.ADAPTER)

    async def person(self) -> Person:
        """A user of this test, who logs in as people do."""
        email, password = await self.accounts.make()
        began = time.monotonic()
        token = bearer_of(await log_in(self.url, email, password))["access_token"]
        return Person(email, password, token, time.monotonic() - began)

    @asynccontextmanager
    async def connect(self, person: Person) -> AsyncIterator[Tab]:
        """A socket of that user, greeted."""
        address = self.url.replace("http", "ws", 1) + "/ws"
        patience_s = BEFORE_S if self.before else AFTER_S
        # Without a limit of unread frames, which would hold up the close of a tab that hears what is not its own.
        options: dict[str, Any] = {"max_size": None, "max_queue": None}
        async with connect(address, additional_headers=person.bearer, **options) as socket:
            tab = Tab(socket, patience_s)
            await tab.until(lambda frame: frame["type"] == "connected")
            yield tab

    async def request(self, person: Person | None, method: str, path: str, **options: Any) -> httpx.Response:
        """An HTTP request of that user."""
        headers = (person.bearer if person else {}) | options.pop("headers", {})
        async with httpx.AsyncClient(base_url=self.url, timeout=AFTER_S) as client:
            return await client.request(method, path, headers=headers, **options)


def all_five(events: list[Frame]) -> None:
    """Each of the lifecycle events came once, in order."""
    came = [frame["type"] for frame in events]
    assert came == list(LIFECYCLE), f"of the five lifecycle events only {', '.join(came)} came"


def answer_in(events: list[Frame]) -> str:
    """The text that the run's end brings."""
    content: str = events[-1]["payload"]["message"]["content"]
    return content


async def ask(tab: Tab, text: str, *, thread_id: str | None = None) -> list[Frame]:
    """Ask the demo agent, which is the same everywhere; the lifecycle events of its run."""
    accepted = await tab.say(text, thread_id=thread_id, agent="demo")
    return await tab.finished(accepted["run_id"])


async def history(tab: Tab, thread_id: str) -> list[tuple[str, str]]:
    """Role and text of every message of a thread, in order."""
    answer = await tab.ask("get_thread_history", {"limit": 200}, thread_id=thread_id)
    assert answer.get("thread_id") == thread_id, (
        "history is that of the user's latest thread, not of the one asked for"
    )
    return [(message["role"], message["content"]) for message in answer["payload"]["messages"]]
