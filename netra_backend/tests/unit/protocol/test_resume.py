import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from netra_backend.domain.errors import BadResume
from netra_backend.protocol import resume
from netra_backend.protocol.resume import MAX_SEQ, Mode, Stream, refusal


def frame(seq: int) -> bytes:
    """The one frame of a number: the same from feed and log."""
    return b"%d" % seq


def frames(first: int, last: int) -> list[bytes]:
    """Frames of consecutive numbers."""
    return [frame(seq) for seq in range(first, last + 1)]


class Delivery(RuleBasedStateMachine):
    """A log that grows, a feed that loses, repeats and reorders, a client that resumes at will.

    `expected` is the next number that the client must get: any other is a gap or a repetition.
    """

    @initialize(head=st.integers(0, 5))
    def connect(self, head: int) -> None:
        """A client connects."""
        self.head = head
        self.feed: list[tuple[int, int]] = []
        self.stream = Stream(head)
        self.expected = head + 1

    def sent(self, ready: list[bytes]) -> None:
        """What was sent continues what was sent before."""
        assert ready == frames(self.expected, self.expected + len(ready) - 1)
        self.expected += len(ready)

    @rule(count=st.integers(1, 4))
    def commit(self, count: int) -> None:
        """Something happens."""
        self.feed.append((self.head + 1, self.head + count))
        self.head += count

    @rule(data=st.data(), keep=st.booleans())
    def deliver(self, data: st.DataObject, keep: bool) -> None:
        """The feed brings any message, perhaps not for the last time."""
        if self.feed:
            first, last = self.feed[data.draw(st.integers(0, len(self.feed) - 1))]
            if not keep:
                self.feed.remove((first, last))
            self.sent(self.stream.offer(first, frames(first, last)))

    @rule()
    def lose(self) -> None:
        """The feed loses its oldest message."""
        if self.feed:
            self.feed.pop(0)

    @rule()
    def speak(self) -> None:
        """The client speaks."""
        self.sent(self.stream.open())

    @rule()
    def hear_head(self) -> None:
        """A heartbeat brings the head."""
        self.stream.seen(self.head)

    @rule(data=st.data())
    def ask_resume(self, data: st.DataObject) -> None:
        """The client goes back: a new epoch of its own."""
        after = data.draw(st.integers(0, self.head))
        self.stream.resume(after)
        self.expected = after + 1

    @rule(page=st.integers(1, 3))
    def read_page(self, page: int) -> None:
        """One page of the log; the machine may be offered anything before the next."""
        after = self.stream.next - 1
        if self.stream.mode is not Mode.HOLDING and after < self.head:
            self.sent(self.stream.replay(after + 1, frames(after + 1, min(after + page, self.head))))

    @rule(after=st.integers(0, 20))
    def read_stale_page(self, after: int) -> None:
        """A page that another reader asked for, before or after a resume."""
        if self.stream.mode is not Mode.HOLDING and after < self.head:
            self.sent(self.stream.replay(after + 1, frames(after + 1, min(after + 2, self.head))))

    @rule()
    def catch_up(self) -> None:
        """The log is read to its end: nothing is missing then (I2)."""
        if self.stream.mode is Mode.HOLDING:
            return
        self.read_page(page=10**6)
        self.sent(self.stream.caught_up())
        assert self.expected == self.head + 1
        assert not self.stream.behind

    @invariant()
    def tells_gaps(self) -> None:
        """I7: what is missing is known as soon as anything later was seen."""
        if hasattr(self, "stream"):
            assert self.stream.next == self.expected
            assert self.stream.head <= self.head
            if self.stream.mode is not Mode.HOLDING:
                assert self.stream.behind == (self.expected <= self.stream.head)


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_nothing_is_sent_before_the_client_spoke() -> None:
    """Then what came meanwhile, without the head's own."""
    stream = Stream(3)
    assert stream.offer(3, frames(3, 5)) == []
    assert not stream.behind
    assert stream.open() == frames(4, 5)
    assert stream.open() == []
    assert (stream.next, stream.head, stream.mode) == (6, 5, Mode.LIVE)


def test_a_gap_waits_for_the_log() -> None:
    """What came early is sent after it."""
    stream = Stream(0)
    stream.open()
    assert stream.offer(2, frames(2, 3)) == []
    assert stream.behind
    assert stream.replay(1, frames(1, 1)) + stream.caught_up() == frames(1, 3)


def test_a_page_beyond_the_position_is_not_sent() -> None:
    """It was read for another position."""
    stream = Stream(0)
    stream.open()
    assert stream.replay(3, frames(3, 4)) == []
    assert stream.behind


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is dropped is read from the log later (I6)."""
    monkeypatch.setattr(resume, "MAX_AHEAD", 3)
    stream = Stream(0)
    stream.open()
    stream.offer(2, frames(2, 9))
    assert stream.replay(1, frames(1, 1)) + stream.caught_up() == frames(1, 4)
    assert stream.behind
    assert stream.replay(5, frames(5, 9)) == frames(5, 9)


def test_memory_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few large events cost no more than many small ones, and room comes back when they were sent."""
    monkeypatch.setattr(resume, "MAX_AHEAD_BYTES", 3)
    stream = Stream(0)
    stream.open()
    for _ in range(2):
        stream.offer(stream.next + 1, frames(stream.next + 1, stream.next + 4))
        first = stream.next
        assert stream.replay(first, frames(first, first)) + stream.caught_up() == frames(first, first + 3)
        assert stream.replay(first + 4, frames(first + 4, first + 4)) == frames(first + 4, first + 4)
    stream.offer(stream.next + 1, frames(stream.next + 1, stream.next + 3))
    stream.resume(0)
    stream.offer(5, frames(5, 7))
    assert stream.replay(1, frames(1, 4)) + stream.caught_up() == frames(1, 7)


def test_room_comes_back_when_the_log_was_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that were kept and then read from the log make room for later ones."""
    monkeypatch.setattr(resume, "MAX_AHEAD_BYTES", 3)
    stream = Stream(0)
    stream.open()
    stream.offer(2, frames(2, 3))
    stream.offer(6, frames(6, 6))
    assert stream.replay(1, frames(1, 4)) + stream.caught_up() == frames(1, 4)
    stream.offer(7, frames(7, 8))
    assert stream.replay(5, frames(5, 5)) + stream.caught_up() == frames(5, 8)


@given(after=st.integers(0, MAX_SEQ), head=st.integers(0, MAX_SEQ))
def test_a_position_is_continued_up_to_the_head(after: int, head: int) -> None:
    """Of the same epoch; another one is told apart first."""
    assert refusal(epoch="a", after=after, our_epoch="a", head=head) == ("ahead" if after > head else None)
    assert refusal(epoch="b", after=after, our_epoch="a", head=head) == "epoch"


def test_the_last_position_is_that_of_postgresql() -> None:
    """A bigint's."""
    assert refusal(epoch="a", after=9_223_372_036_854_775_807, our_epoch="a", head=5) == "ahead"
    with pytest.raises(BadResume):
        refusal(epoch="a", after=9_223_372_036_854_775_808, our_epoch="a", head=5)


def test_what_the_log_gave_is_known_to_exist() -> None:
    """Up to its last number and no further: a page alone leaves nothing behind."""
    stream = Stream(0)
    stream.open()
    assert stream.replay(1, frames(1, 3)) == frames(1, 3)
    assert (stream.head, stream.next, stream.behind) == (3, 4, False)


@pytest.mark.parametrize("after", [-1, MAX_SEQ + 1, -(2**70), 10**40])
def test_what_no_stream_has_is_no_position(after: int) -> None:
    """Attack 16, whatever the epoch."""
    for epoch in ("a", "b"):
        with pytest.raises(BadResume) as caught:
            refusal(epoch=epoch, after=after, our_epoch="a", head=5)
        assert (caught.value.code, caught.value.path) == ("bad_resume", "$.payload.after")
