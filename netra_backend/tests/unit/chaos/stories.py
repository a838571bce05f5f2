"""Histories as a correct server would make them: facts of users, and what their clients recorded. Holds no test."""

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from netra_backend.chaos.facts import EventFact, MessageFact, RunFact, UserFacts
from netra_backend.chaos.tape import Entry, Recording, Snapshot, Span, canary
from netra_backend.domain.ids import Owner, TenantId, UserId

OWNERS = [
    Owner(TenantId("acme"), UserId("ada")),
    Owner(TenantId("acme"), UserId("bob")),
    Owner(TenantId("globex"), UserId("ada")),
]
EPOCH = "e-1"


@dataclass
class Story:
    """Facts, and recordings that go with them."""

    facts: dict[Owner, UserFacts]
    recordings: list[Recording]

    def of(self, owner: Owner) -> list[Recording]:
        """One user's recordings."""
        return [recording for recording in self.recordings if recording.owner == owner]


@dataclass
class Author:
    """Writes one user's log; `texts` has each message's text by its client id."""

    owner: Owner
    token: str
    facts: UserFacts = field(default_factory=UserFacts)
    frames: list[str] = field(default_factory=list)
    sends: dict[int, tuple[str, str]] = field(default_factory=dict)
    deltas: dict[int, str] = field(default_factory=dict)

    def event(self, kind: str, thread: str, run: str, payload: dict[str, Any]) -> int:
        """Add one event to log and wire; its number."""
        self.facts.head += 1
        seq = self.facts.head
        self.facts.events.append(EventFact(seq, kind, thread, run, payload))
        frame = {"type": kind, "seq": seq, "thread_id": thread, "run_id": run, "payload": payload}
        self.frames.append(json.dumps(frame))
        return seq

    def message(
        self, thread: str, run: str, role: str, content: str, client_id: str | None
    ) -> dict[str, Any]:
        """The wire's form of a message whose event comes next; it is in history as well."""
        seq = self.facts.head + 1
        identity = f"m-{self.owner.tenant_id}-{self.owner.user_id}-{seq}"
        self.facts.messages.append(MessageFact(seq, identity, thread, run, role, content, client_id))
        shown = {"id": identity, "role": role, "content": content}
        return shown if client_id is None else shown | {"client_id": client_id}

    def conversation(self, number: int, *, thread: int, tools: int, retried: bool) -> None:
        """A message and its whole run."""
        mine = f"{self.owner.tenant_id}-{self.owner.user_id}"
        where, run, client_id = f"t-{mine}-{thread}", f"r-{mine}-{number}", f"c-{number}"
        text = f"question {number} {self.token}"
        created = self.message(where, run, "user", text, client_id)
        self.sends[self.event("message_created", where, run, {"message": created})] = (client_id, text)
        answer = f"a-{mine}-{number}"
        self.facts.runs.append(RunFact(run, where, answer, "completed"))
        for attempt in (1, 2) if retried else (1,):
            self.event("agent_started", where, run, {"agent": "x", "attempt": attempt, "message_id": answer})
        self.event("agent_thinking", where, run, {"text": "hm"})
        for kind in ("tool_executing", "tool_completed"):
            for call in range(tools):
                self.event(kind, where, run, {"tool_call_id": f"{run}-{call}", "tool": "t"})
        delta = {"message_id": answer, "offset": 0, "text": "You"}
        self.deltas[self.facts.head] = json.dumps(
            {"type": "message_delta", "thread_id": where, "payload": delta}
        )
        message = self.message(where, run, "assistant", f"answer to {text}", None)
        self.event("agent_completed", where, run, {"status": "completed", "message": message})

    def watch(
        self, name: str, cuts: list[int], *, replay: list[int], sends: bool, snapshot: int
    ) -> Recording:
        """A client that was connected anew after each of `cuts`, and replayed so many events each time."""
        recording = Recording(owner=self.owner, name=name, canary=self.token, settled=True)
        known = 0
        for number, until in enumerate([*cuts, self.facts.head], 1):
            head = min(known + replay[(number - 1) % len(replay)], until)
            self._connection(recording, number, known, head, until, sends=sends)
            known = until
        shown = [message for message in self.facts.messages if message.seq <= snapshot]
        for thread in {message.thread_id for message in shown}:
            messages = [_view(message) for message in shown if message.thread_id == thread]
            recording.snapshots.append(Snapshot(thread_id=thread, after=snapshot, messages=messages))
        return recording

    def _connection(
        self, recording: Recording, number: int, known: int, head: int, until: int, *, sends: bool
    ) -> None:
        def note(sent: bool, **frame: Any) -> None:
            recording.entries.append(Entry(float(len(recording.entries)), number, sent, json.dumps(frame)))

        recording.spans.append(Span(number=number, url="ws://x/ws", tried_at=0.0))
        who = {"user_id": self.owner.user_id, "tenant_id": self.owner.tenant_id}
        note(False, type="connected", payload={**who, "epoch": EPOCH, "head": head, "heartbeat_s": 20})
        resume = f"resume-{number}"
        note(True, type="resume", id=resume, payload={"epoch": EPOCH, "after": known})
        if known == head:
            note(False, type="resumed", reply_to=resume, payload={"head": head})
        for seq in range(known + 1, until + 1):
            if sends and seq in self.sends:
                client_id, text = self.sends[seq]
                note(True, type="user_message", id=client_id, payload={"text": text})
            recording.entries.append(
                Entry(float(len(recording.entries)), number, False, self.frames[seq - 1])
            )
            if seq == head:
                note(False, type="resumed", reply_to=resume, payload={"head": head})
            if seq > head and seq in self.deltas:
                recording.entries.append(Entry(0.0, number, False, self.deltas[seq]))
            if sends and seq in self.sends:
                self._accept(note, seq)

    def _accept(self, note: Any, seq: int) -> None:
        stored = next(message for message in self.facts.messages if message.seq == seq)
        payload = {"message_id": stored.id, "duplicate": False, "queue_position": 0}
        ids = {"thread_id": stored.thread_id, "run_id": stored.run_id}
        note(False, type="accepted", reply_to=stored.client_id, payload=payload, **ids)


def _view(message: MessageFact) -> dict[str, Any]:
    shown = {"id": message.id, "role": message.role, "content": message.content}
    return shown if message.client_id is None else shown | {"client_id": message.client_id}


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Two or three users with one to three clients each; the first client sends."""
    facts: dict[Owner, UserFacts] = {}
    recordings: list[Recording] = []
    for place, owner in enumerate(OWNERS[: draw(st.integers(2, 3))]):
        author = Author(owner, canary(f"user{place}xyz"))
        for number in range(draw(st.integers(1, 4))):
            author.conversation(
                number,
                thread=draw(st.integers(0, 1)),
                tools=draw(st.integers(1, 2)),
                retried=draw(st.booleans()),
            )
        facts[owner] = author.facts
        for viewer in range(draw(st.integers(1, 3))):
            cuts = sorted(draw(st.lists(st.integers(0, author.facts.head), max_size=3)))
            replay = draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
            snapshot = draw(st.integers(1, author.facts.head))
            name = f"{owner.user_id}-{viewer}"
            recordings.append(author.watch(name, cuts, replay=replay, sends=viewer == 0, snapshot=snapshot))
    return Story(facts, recordings)


def story(conversations: int = 3, *, cuts: tuple[int, ...] = (4,)) -> Story:
    """A fixed one: two users, one client each, cut after the events named."""
    facts: dict[Owner, UserFacts] = {}
    recordings = []
    for place, owner in enumerate(OWNERS[:2]):
        author = Author(owner, canary(f"user{place}xyz"))
        for number in range(conversations):
            author.conversation(number, thread=0, tools=1, retried=False)
        facts[owner] = author.facts
        recordings.append(author.watch(owner.user_id, list(cuts), replay=[2], sends=True, snapshot=6))
    return Story(facts, recordings)
