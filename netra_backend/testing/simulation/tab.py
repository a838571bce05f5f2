"""A browser tab: speaks `netra.v1` as an independent client would, and records all that it gets.

It trusts the server to close gaps by itself: it resumes only when it connects, and so a gap that the
server overlooks is seen.
"""

import msgspec

from netra_backend.domain.ids import Owner, TenantId, UserId
from netra_backend.testing.simulation.agents import mark
from netra_backend.testing.simulation.plan import Deed
from netra_backend.testing.simulation.records import Frame, Recording
from netra_backend.testing.simulation.scene import Scene
from netra_backend.testing.simulation.wire import Wire

PATIENCE_S = 9.0
"""Seconds without an answer, or without any frame, after which a tab connects anew."""
BACK_S = 0.4
"""Seconds until a tab connects again."""

DURABLE = frozenset({"user_message", "start_agent", "stop_agent"})
"""What is sent again until it is answered."""


class Tab:
    """See the module.

    Args:
        name: `tenant/user/number`.
        patience: seconds until its first frame on its first connection.
    """

    def __init__(self, scene: Scene, name: str, *, patience: float = 0.0) -> None:
        tenant, user, _ = name.split("/")
        self.name = name
        self.owner = Owner(TenantId(tenant), UserId(user))
        self.wire: Wire | None = None
        self.greeted = False
        self.last: int | None = None
        self.pending: dict[str, Frame] = {}
        self.runs: list[str] = []
        self.threads: list[str] = []
        self._scene = scene
        self._patience = patience
        self._spoken = False
        self._asked_at: dict[str, float] = {}
        self._heard_at = 0.0
        self._sent = 0
        self._epoch = self._resuming = ""
        self._recording: Recording | None = None

    @property
    def settled(self) -> bool:
        """Whether it is connected, answered, and has every event that there is."""
        return self.greeted and not self.pending and self.last == self._scene.head(self.owner)

    def connect(self) -> None:
        """Open a socket to any gateway, again and again until one greets."""
        if self.wire is not None:
            return
        self.greeted, self._heard_at = False, self._scene.time()
        self.wire = self._scene.dial(self.owner, self.take, self.closed)
        if self.wire is None:
            self._later()
            return
        self._recording = self._scene.record(self.name, self.owner, self.wire.server.name)

    def leave(self, why: str) -> None:
        """Close the socket and come back."""
        if self.wire is not None:
            self.wire.hang_up()
            self.lost(self.wire, why)

    def lost(self, wire: Wire, why: str) -> None:
        """The socket is gone."""
        if wire is self.wire:
            self._scene.note(self.name, f"lost: {why}")
            self.wire, self.greeted = None, False
            self._later()

    def look_around(self) -> None:
        """Give up a socket on which nothing comes, or an answer does not."""
        now = self._scene.time()
        overdue = [since for frame_id, since in self._asked_at.items() if frame_id in self.pending]
        if self.wire is not None and now - min([self._heard_at, *overdue]) > PATIENCE_S:
            self._asked_at = dict.fromkeys(self._asked_at, now)
            self.leave("no answer")

    def ask(self, kind: str, payload: Frame | None = None, **fields: str) -> str:
        """Send a frame with an id of its own, or keep it until that is possible."""
        self._sent += 1
        frame_id = f"{self.name}-{self._sent}"
        self.ask_again({"type": kind, "id": frame_id, "payload": payload or {}, **fields})
        return frame_id

    def ask_again(self, frame: Frame) -> None:
        """Send a frame, perhaps one that was sent before."""
        if frame["type"] != "typing":
            self.pending[frame["id"]] = frame
            self._asked_at[frame["id"]] = self._scene.time()
        if self.greeted and self._spoken:
            self._send(frame)

    def do(self, deed: Deed) -> None:
        """Do what the plan says, with what is known now."""
        doing = getattr(self, f"_{deed.kind}")
        doing(deed)

    # What the wire brings.

    def take(self, wire: Wire, raw: bytes) -> None:
        """A frame came."""
        if wire is not self.wire or self._recording is None:
            return
        frame: Frame = msgspec.json.decode(raw)
        now = self._heard_at = self._scene.time()
        self._recording.frames.append((now, raw, frame))
        self._scene.note(self.name, raw)
        if "seq" in frame:
            self._event(frame)
        elif frame["type"] == "connected":
            self._connected(frame["payload"])
        if "reply_to" in frame:
            self._answered(frame)

    def closed(self, wire: Wire, code: int) -> None:
        """The server closed."""
        self.lost(wire, f"closed with {code}")

    def _connected(self, payload: Frame) -> None:
        self.greeted = True
        self._epoch = payload["epoch"]
        if self.last is None:
            self.last = payload["head"]
            self._scene.people.soon(self._speak, self.wire, delay=self._patience)
        else:
            self._resume_from(self.last)
            self._speak(self.wire)

    def _speak(self, wire: Wire | None) -> None:
        if wire is self.wire and self.greeted:
            self._spoken = True
            for frame in list(self.pending.values()):
                self._send(frame)

    def _event(self, frame: Frame) -> None:
        if self.last is None or frame["seq"] != self.last + 1:
            return
        self.last = frame["seq"]
        if frame["type"] == "message_created":
            self.runs.append(frame["run_id"])
            if frame["thread_id"] not in self.threads:
                self.threads.append(frame["thread_id"])

    def _answered(self, frame: Frame) -> None:
        asked = self.pending.pop(frame["reply_to"], None)
        if frame["type"] == "error" and frame["reply_to"] == self._resuming:
            self.leave("the resume was refused")
        if asked is None:
            return
        if frame["type"] == "accepted" and asked["type"] == "stop_agent":
            self._scene.stop_accepted(self.owner, asked["payload"]["run_id"])
        if frame["type"] == "error" and frame["payload"]["retryable"] and asked["type"] in DURABLE:
            self.pending[asked["id"]] = asked
            self._scene.people.soon(self._try_again, asked, delay=BACK_S)

    def _try_again(self, frame: Frame) -> None:
        if frame["id"] in self.pending and self.greeted:
            self._send(frame)

    # What it sends.

    def _send(self, frame: Frame) -> None:
        if self.wire is not None and self._recording is not None:
            self._recording.sent.append((self._scene.time(), frame))
            text = msgspec.json.encode(frame).decode()
            self._scene.note(self.name, f"sends {text}")
            self.wire.say(text)

    def _resume_from(self, after: int) -> None:
        self._spoken = True
        self._sent += 1
        self._resuming = f"{self.name}-{self._sent}"
        payload = {"epoch": self._epoch, "after": after}
        self._send({"type": "resume", "id": self._resuming, "payload": payload})

    def _later(self) -> None:
        self._scene.people.soon(self.connect, delay=BACK_S)

    def _say(self, deed: Deed) -> None:
        threads = self.threads[-2:]
        place = int(deed.pick * (len(threads) + 1))
        fields = {"thread_id": threads[place]} if place < len(threads) else {}
        payload = {
            "text": f"{mark(self.owner)} {deed.agent}",
            "agent": deed.agent,
            "if_running": deed.if_running,
        }
        self._scene.said(self.owner, self.pending[self.ask("user_message", payload, **fields)])

    def _start(self, deed: Deed) -> None:
        payload = {"query": f"{mark(self.owner)} {deed.agent}", "agent": deed.agent, "input": {"x": 1}}
        self._scene.said(self.owner, self.pending[self.ask("start_agent", payload)])

    def _stop(self, deed: Deed) -> None:
        if self.runs:
            self.ask("stop_agent", {"run_id": self.runs[-1 - int(deed.pick * min(3, len(self.runs)))]})

    def _repeat(self, deed: Deed) -> None:
        frame = self._scene.any_said(self.owner, deed.pick)
        if frame is not None:
            self.ask_again(frame)

    def _history(self, deed: Deed) -> None:
        if self.threads:
            self.ask("get_thread_history", {"limit": 1 + int(deed.pick * 9)}, thread_id=self.threads[-1])

    def _threads(self, deed: Deed) -> None:
        self.ask("list_threads", {"limit": 1 + int(deed.pick * 9)})

    def _follow(self, deed: Deed) -> None:
        if self.threads:
            self.ask("follow", thread_id=self.threads[int(deed.pick * len(self.threads))])

    def _unfollow(self, deed: Deed) -> None:
        if self.threads:
            self.ask("unfollow", thread_id=self.threads[int(deed.pick * len(self.threads))])

    def _ping(self, _: Deed) -> None:
        self.ask("ping")

    def _typing(self, _: Deed) -> None:
        if self.threads:
            self.ask("typing", {"active": True}, thread_id=self.threads[-1])

    def _resume(self, deed: Deed) -> None:
        if self._recording is not None and self.greeted and self._recording.sent and self.last is not None:
            self._resume_from(int(deed.pick * (self.last + 1)))

    def _pry(self, deed: Deed) -> None:
        """Ask for what is somebody else's; `checks` wants `not_found`."""
        theirs = self._scene.of_others(self.owner)
        if theirs is not None and deed.pick < 0.5:
            self.ask("get_thread_history", {}, thread_id=theirs[0])
        elif theirs is not None:
            self.ask("stop_agent", {"run_id": theirs[1]})
