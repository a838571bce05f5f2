import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from netra_backend.domain.ids import MessageId, RunId, ThreadId
from netra_backend.protocol.messages import MessageDelta, MessageSnapshot, ServerFrame
from netra_backend.websocket_core.following import MAX_ENDED, MAX_MESSAGES, MAX_THREADS, Following

THREAD = ThreadId("t")
MESSAGE = MessageId("m")


def texts(frames: "list[ServerFrame] | object") -> list[tuple[str, int, str]]:
    """Frames as kind, offset and text."""
    assert isinstance(frames, list)
    return [
        ("delta", frame.payload.offset, frame.payload.text)
        if isinstance(frame, MessageDelta)
        else ("snapshot", 0, frame.payload.text)
        for frame in frames
        if isinstance(frame, MessageDelta | MessageSnapshot)
    ]


class LiveText(RuleBasedStateMachine):
    """One attempt's text; deltas are lost, repeated and reordered, snapshots come late.

    `shown` is what a client shows that applies every frame by code points.
    """

    def __init__(self) -> None:
        super().__init__()
        self.following = Following()
        self.following.follow(THREAD)
        self.text, self.shown = "", ""
        self.deltas: list[tuple[int, str]] = []
        self.fetching: list[str] = []

    def show(self, frames: list[ServerFrame]) -> None:
        """Apply frames as a client does; a delta must continue what is shown."""
        for frame in frames:
            if isinstance(frame, MessageSnapshot):
                self.shown = frame.payload.text
            elif isinstance(frame, MessageDelta):
                assert frame.payload.offset == len(self.shown)
                self.shown += frame.payload.text

    @rule(more=st.text("aé🦊\u0301", min_size=1, max_size=4))
    def write(self, more: str) -> None:
        """The agent writes."""
        self.deltas.append((len(self.text), more))
        self.text += more

    @rule(data=st.data(), keep=st.booleans())
    def hear(self, data: st.DataObject, keep: bool) -> None:
        """Any delta arrives, perhaps not for the last time; the first one only in its time."""
        if not self.deltas:
            return
        offset, more = self.deltas[data.draw(st.integers(0, len(self.deltas) - 1))]
        if offset == 0 and self.shown:
            return
        if not keep:
            self.deltas.remove((offset, more))
        frames = self.following.delta(THREAD, MESSAGE, offset, more)
        if frames is None:
            self.following.fetching(THREAD, MESSAGE)
            self.fetching = [self.text]
        else:
            self.show(list(frames))

    @rule()
    def lose(self) -> None:
        """The oldest delta is lost."""
        if self.deltas:
            self.deltas.pop(0)

    @rule()
    def fetched(self) -> None:
        """A snapshot arrives that was taken when it was asked for, or later."""
        if self.fetching:
            self.show(list(self.following.fetched(THREAD, MESSAGE, self.fetching.pop())))

    @rule()
    def follow_again(self) -> None:
        """The client asks for a snapshot and gets it: everything is there."""
        self.following.fetching(THREAD, MESSAGE)
        self.show(list(self.following.fetched(THREAD, MESSAGE, self.text)))
        self.fetching = []
        assert self.shown == self.text

    @invariant()
    def shows_nothing_wrong(self) -> None:
        """What is shown is a beginning of the text."""
        assert self.text.startswith(self.shown)


TestLiveText = LiveText.TestCase
TestLiveText.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def followed(*deltas: tuple[int, str]) -> Following:
    """Following one thread, after some deltas."""
    following = Following()
    following.follow(THREAD)
    for offset, text in deltas:
        following.delta(THREAD, MESSAGE, offset, text)
    return following


def test_only_followed_threads_are_passed_on() -> None:
    """And no longer than they are followed."""
    following = Following()
    assert following.delta(THREAD, MESSAGE, 0, "x") == []
    following.fetching(THREAD, MESSAGE)
    assert following.fetched(THREAD, MESSAGE, "x") == []
    following = followed((0, "x"))
    following.unfollow(THREAD)
    following.unfollow(THREAD)
    assert following.delta(THREAD, MESSAGE, 1, "y") == []


def test_deltas_wait_for_a_snapshot() -> None:
    """Those that go beyond it come after it."""
    following = followed()
    following.fetching(THREAD, MESSAGE)
    for offset, text in ((0, "ab"), (2, "c"), (3, "d")):
        assert following.delta(THREAD, MESSAGE, offset, text) == []
    assert texts(following.fetched(THREAD, MESSAGE, "abc")) == [
        ("snapshot", 0, "abc"),
        ("snapshot", 0, "ab"),
        ("delta", 2, "c"),
        ("delta", 3, "d"),
    ]


def test_a_later_attempt_replaces_the_text() -> None:
    """A snapshot instead of a delta that would not fit."""
    following = followed((0, "first"))
    assert texts(following.delta(THREAD, MESSAGE, 0, "x")) == [("snapshot", 0, "x")]
    assert texts(following.delta(THREAD, MESSAGE, 1, "y")) == [("delta", 1, "y")]


def test_a_later_attempt_whose_start_was_lost_is_fetched() -> None:
    """Its text must never be joined to the earlier attempt's."""
    following = followed((0, "0123456789"))
    assert following.delta(THREAD, MESSAGE, 5, "new 5") is None


def test_threads_and_messages_are_bounded() -> None:
    """I6: the oldest is forgotten."""
    following = followed((0, "x"))
    for number in range(MAX_MESSAGES):
        following.delta(THREAD, MessageId(f"m{number}"), 0, "x")
    assert following.delta(THREAD, MESSAGE, 1, "y") is None
    for number in range(MAX_THREADS):
        following.follow(ThreadId(f"t{number}"))
    assert following.delta(THREAD, MessageId("new"), 0, "x") == []


def started(run: str) -> bytes:
    """The frame that says so."""
    told = {"type": "agent_started", "thread_id": THREAD, "run_id": run, "payload": {"message_id": MESSAGE}}
    return msgspec.json.encode(told)


def ended(run: str) -> bytes:
    """The frame of an end without an answer."""
    told = {"type": "agent_completed", "thread_id": THREAD, "run_id": run, "payload": {"status": "failed"}}
    return msgspec.json.encode(told)


def test_a_run_that_ended_while_its_thread_was_looked_up_is_not_shown() -> None:
    """The database said that it runs; its last event was sent before the thread was followed."""
    following = Following()
    following.told(ended("r"))
    following.follow(THREAD)
    following.fetching(THREAD, MESSAGE, RunId("r"))
    assert following.fetched(THREAD, MESSAGE, "late") == []
    following.fetching(THREAD, MessageId("n"), RunId("s"))
    assert texts(following.fetched(THREAD, MessageId("n"), "due")) == [("snapshot", 0, "due")]


def test_an_end_without_an_answer_ends_the_live_text() -> None:
    """Whether the run of the text is known by its start, by the look-up, or not at all."""
    for how in ("started", "looked up", "unknown"):
        following = followed((0, "x"))
        if how == "started":
            following.told(started("r"))
        following.fetching(THREAD, MESSAGE, RunId("r") if how == "looked up" else None)
        following.told(ended("r"))
        assert following.fetched(THREAD, MESSAGE, "late") == [], how
        assert following.delta(THREAD, MESSAGE, 1, "y") == [], how


def test_only_the_last_ends_are_remembered() -> None:
    """I6."""
    following = followed()
    for number in range(MAX_ENDED + 1):
        following.told(ended(f"r{number}"))
    for number, shown in ((0, True), (1, False), (MAX_ENDED, False)):
        message = MessageId(f"m{number}")
        following.fetching(THREAD, message, RunId(f"r{number}"))
        assert bool(following.fetched(THREAD, message, "x")) is shown
