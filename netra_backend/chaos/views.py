"""One recording, read frame by frame as an independent client would: what it was shown, what it was promised.

It finds what the wire alone can show: gaps (I7), repetitions and wrong order (I2), text after the end of a run
(I3), bytes of somebody else (I5).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from netra_backend.chaos.tape import Entry, Recording, foreign_canaries
from netra_backend.chaos.verdict import Invariant, Kind, Violation, user_of
from netra_backend.chaos.wire import Envelope, envelope, message_of
from netra_backend.domain.ids import Owner


class Asked(NamedTuple):
    """A message that the client sent, after it knew `after` (an id of its own) to be accepted."""

    text: str
    after: str | None


class Promise(NamedTuple):
    """What `accepted` said."""

    message_id: str
    thread_id: str | None
    run_id: str | None


@dataclass(slots=True)
class Line:
    """One connection's durable stream.

    Attributes:
        head: of its `connected`; None before.
        due: the number that must come next.
        resumes: `after` by id of `resume` frames without an answer, in order.
        replayed: those of them whose replay has begun.
        first: the id of a `resume` that opened the stream and is not answered.
        missing: numbers that were jumped over.
        spoke: whether the stream has begun: something was sent after `connected`, or an event came.
    """

    head: int | None = None
    due: int = 1
    resumes: dict[str, int] = field(default_factory=dict)
    replayed: set[str] = field(default_factory=set)
    first: str | None = None
    skipped_first: bool = False
    missing: set[int] = field(default_factory=set)
    spoke: bool = False


class View:
    """What one recording says.

    Args:
        recording: it is read at once, in order.
        owners: whose each known thread and run is.
        answers: the id of the answer of each known run.

    Attributes:
        asked: messages sent, by the client's id.
        promises: every `accepted` of them, in order.
        refused: ids that got an `error`.
        events: the raw frame of each number, as first shown.
        differing: further frames of a number that were not the same text.
        start: the number after which the view begins.
        position: up to here nothing is missing, but for what a `resync` excused.
    """

    def __init__(
        self, recording: Recording, *, owners: Mapping[str, Owner], answers: Mapping[str, str]
    ) -> None:
        self.recording = recording
        self.user = user_of(recording.owner)
        self.asked: dict[str, Asked] = {}
        self.promises: dict[str, list[Promise]] = {}
        self.refused: set[str] = set()
        self.events: dict[int, str] = {}
        self.differing: list[tuple[int, str]] = []
        self.start: int | None = None
        self.position = 0
        self.resyncs = 0
        self.violations: list[Violation] = []
        self._owners = owners
        self._answers = dict(answers)
        self._ended: set[str] = set()
        self._lines: dict[int, Line] = {}
        for entry in recording.entries:
            self._read(entry)
        self._finish()

    def _finish(self) -> None:
        if self.start is None:  # it saw no event: its view begins where its first connection did
            self.position = next((line.head for line in self._lines.values() if line.head is not None), 0)
        for number, line in self._lines.items():
            if line.missing:
                where = f"connection {number} jumped over {_numbers(line.missing)} without a word"
                self._found("I7", "wrong", where, len(line.missing))

    def absent(self, head: int) -> list[int]:
        """Numbers up to `head` that the view should hold and does not."""
        return [seq for seq in range(self.position + 1, head + 1) if seq not in self.events]

    def _read(self, entry: Entry) -> None:
        frame = envelope(entry.raw)
        line = self._lines.get(entry.connection)
        if line is None:
            line = self._lines[entry.connection] = Line()
        if frame is None:
            if not entry.sent:
                self._found("I2", "wrong", f"connection {entry.connection} got something that is no frame")
        elif entry.sent:
            self._sent(line, frame)
        else:
            self._check_owner(entry, frame)
            self._received(entry, line, frame)

    def _sent(self, line: Line, frame: Envelope) -> None:
        if frame.type == "resume":
            self._sent_resume(line, frame)
        elif frame.type in ("user_message", "start_agent") and frame.id is not None:
            body = frame.body()
            text = str(body.get("text", body.get("query", "")))
            self.asked.setdefault(frame.id, Asked(text, next(reversed(self.promises), None)))
        if line.head is not None:
            line.spoke = True

    def _sent_resume(self, line: Line, frame: Envelope) -> None:
        after = int(frame.body().get("after", 0))
        key = frame.id or f"#{len(line.resumes)}"
        line.resumes[key] = after
        if self.start is None:
            self.start = self.position = after
        elif after > self.position:
            text = f"the client went on after {after}, but was shown everything only up to {self.position}"
            self._found("I7", "wrong", text, after - self.position)
            self.position = after
        if line.head is not None and not line.spoke:
            line.first = key
            line.due = after + 1
            line.replayed.add(key)  # nothing may come before it

    def _received(self, entry: Entry, line: Line, frame: Envelope) -> None:
        if frame.seq is not None:
            self._durable(entry, line, frame, frame.seq)
        elif frame.type in ("message_delta", "message_snapshot"):
            self._live(entry, frame)
        elif frame.type == "connected":
            self._connected(line, frame)
        elif frame.type == "accepted":
            self._accepted(frame)
        elif frame.type == "error":
            self._refused(line, frame)
        elif frame.type in ("resumed", "resync"):
            self._resumed(entry, line, frame)

    def _connected(self, line: Line, frame: Envelope) -> None:
        body = frame.body()
        told = (body.get("tenant_id"), body.get("user_id"))
        if told != tuple(self.recording.owner):
            self._found("I5", "wrong", f"connected as {told[0]}/{told[1]}")
        if line.head is None:
            line.head = int(body.get("head", 0))
            line.due = line.head + 1

    def _accepted(self, frame: Envelope) -> None:
        if frame.reply_to in self.asked:
            promise = Promise(message_of(frame), frame.thread_id, frame.run_id)
            self.promises.setdefault(frame.reply_to, []).append(promise)

    def _refused(self, line: Line, frame: Envelope) -> None:
        if frame.reply_to in self.asked:
            self.refused.add(frame.reply_to)
        elif frame.reply_to in line.resumes:
            del line.resumes[frame.reply_to]

    def _resumed(self, entry: Entry, line: Line, frame: Envelope) -> None:
        key = frame.reply_to if frame.reply_to in line.resumes else next(iter(line.resumes), "")
        line.resumes.pop(key, None)
        head = int(frame.body().get("head", 0))
        first, line.first = line.first == key, None if line.first == key else line.first
        if frame.type == "resync":
            self._resync(line, head, first=first, restored=frame.body().get("reason") == "epoch")
            return
        if first and line.skipped_first and key not in line.replayed:
            self._found("I7", "wrong", f"connection {entry.connection} said resumed and left the replay out")
        elif line.due <= head:
            text = f"connection {entry.connection} said resumed to {head}, but the replay ended at {line.due - 1}"
            self._found("I7", "wrong", text, head + 1 - line.due)
            line.due = head + 1

    def _resync(self, line: Line, head: int, *, first: bool, restored: bool) -> None:
        self.resyncs += 1
        if restored:  # another life of the database: what was shown before is of no number now
            self.events.clear()
            self.differing.clear()
        if first and not line.skipped_first and line.head is not None:
            line.due = line.head + 1
        self.position = head
        self._advance()

    def _durable(self, entry: Entry, line: Line, frame: Envelope, seq: int) -> None:
        if self.start is None:
            self.start = self.position = line.head or 0
        self._place(entry, line, seq)
        line.spoke = True
        shown = self.events.setdefault(seq, entry.raw)
        if shown != entry.raw:
            self.differing.append((seq, entry.raw))
        self._advance()
        if frame.type == "agent_started" and frame.run_id is not None:
            self._answers[frame.run_id] = message_of(frame)
        elif frame.type == "agent_completed" and frame.run_id in self._answers:
            self._ended.add(self._answers[frame.run_id])

    def _place(self, entry: Entry, line: Line, seq: int) -> None:
        """Whether `seq` may come now on this connection."""
        if seq == line.due:  # perhaps a replay's first, perhaps sent before the server had read the `resume`
            line.due += 1
        elif self._replay_begins(line, seq) or self._resync_to_come(line, seq):
            line.due = seq + 1
        elif seq > line.due:
            line.missing.update(range(line.due, seq))
            line.due = seq + 1
        elif seq in line.missing:
            line.missing.discard(seq)
            text = f"connection {entry.connection} got {seq} after {line.due - 1}"
            self._found("I2", "out_of_order", text)
        else:
            self._found("I2", "duplicated", f"connection {entry.connection} got {seq} again")

    def _replay_begins(self, line: Line, seq: int) -> bool:
        for key, after in line.resumes.items():
            if seq == after + 1 and key not in line.replayed:
                line.replayed.add(key)
                return True
        return False

    def _resync_to_come(self, line: Line, seq: int) -> bool:
        """After a `resync` the stream starts after `connected.head`, and may do so before the word comes."""
        if line.first is None or line.skipped_first or seq != (line.head or 0) + 1:
            return False
        if line.due != line.resumes.get(line.first, 0) + 1:
            return False
        line.replayed.discard(line.first)
        line.skipped_first = True
        return True

    def _advance(self) -> None:
        while self.position + 1 in self.events:
            self.position += 1

    def _live(self, entry: Entry, frame: Envelope) -> None:
        message_id = message_of(frame)
        if message_id in self._ended:
            text = f"connection {entry.connection} got {frame.type} of {message_id} after its run had ended"
            self._found("I3", "wrong", text)

    def _check_owner(self, entry: Entry, frame: Envelope) -> None:
        foreign = foreign_canaries(entry.raw, self.recording.canary)
        if foreign:
            self._found("I5", "wrong", f"connection {entry.connection} got {frame.type} with {foreign[0]}")
        for identity in (frame.thread_id, frame.run_id):
            if (
                identity is not None
                and self._owners.get(identity, self.recording.owner) != self.recording.owner
            ):
                text = (
                    f"connection {entry.connection} got {frame.type} of {identity}, which is another user's"
                )
                self._found("I5", "wrong", text)

    def _found(self, invariant: Invariant, kind: Kind, evidence: str, count: int = 1) -> None:
        text = f"{self.recording.name}: {evidence}"
        self.violations.append(Violation(invariant, kind, self.user, text, count))


def _numbers(seqs: set[int]) -> str:
    first, last = min(seqs), max(seqs)
    return str(first) if first == last else f"{first} to {last} ({len(seqs)} numbers)"
