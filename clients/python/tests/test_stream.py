"""The position in the durable stream: nothing twice, nothing missed, or told plainly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netra_client.commands import Resume
from netra_client.stream import Arrival, EventStream, Position, Replay


def opened(*, head: int = 0) -> EventStream:
    """Return a stream without history on a new connection."""
    stream = EventStream()
    assert stream.connected(epoch=1, head=head) is None
    return stream


def test_without_a_position_the_stream_starts_after_the_head() -> None:
    """A new client asks for no replay, takes head + 1 and knows what came before as old."""
    stream = opened(head=7)

    assert [stream.arrived(7), stream.arrived(8)] == [Arrival.DROP, Arrival.DELIVER]
    assert stream.position == Position(1, 8)


def test_a_position_is_resumed_with_its_own_epoch() -> None:
    """The server must see the old epoch: only it can tell that the database was restored."""
    stream = EventStream(Position("old", 5))

    assert stream.connected(epoch="new", head=9) == Resume(epoch="old", after=5)


def test_a_gap_is_asked_for_once_and_the_rest_is_left_to_the_replay() -> None:
    """A gap is asked for once and the rest is left to the replay."""
    stream = opened()

    arrivals = [stream.arrived(2)]
    assert stream.ask() == Resume(epoch=1, after=0)
    arrivals += [stream.arrived(seq) for seq in (3, 1, 2, 3)]

    assert arrivals == [Arrival.ASK, Arrival.DROP, *[Arrival.DELIVER] * 3]
    assert stream.resumed(3) is Replay.COMPLETE


def test_a_heartbeat_ahead_of_us_is_a_gap_unless_a_replay_is_under_way() -> None:
    """A heartbeat ahead of us is a gap unless a replay is under way."""
    stream = opened(head=4)

    assert (stream.behind(4), stream.behind(5)) == (False, True)
    stream.ask()
    assert stream.behind(6) is False


def test_a_replay_that_ends_short_is_asked_for_again_from_where_it_ended() -> None:
    """A replay that ends short is asked for again from where it ended."""
    stream = opened()
    stream.ask()
    stream.arrived(1)

    assert stream.resumed(3) is Replay.ASK
    assert stream.ask() == Resume(epoch=1, after=1)


def test_an_event_that_overtook_the_replay_is_asked_for_at_once() -> None:
    """It was dropped in trust of a replay that was read from the log before it; a heartbeat would be late."""
    stream = opened()
    stream.ask()
    assert [stream.arrived(2), stream.arrived(1)] == [Arrival.DROP, Arrival.DELIVER]

    assert stream.resumed(1) is Replay.ASK
    assert stream.ask() == Resume(epoch=1, after=1)


def test_a_replay_that_brings_nothing_is_a_loss_and_not_a_loop() -> None:
    """A replay that brings nothing is a loss and not a loop."""
    stream = opened()
    stream.ask()

    assert stream.resumed(3) is Replay.LOST
    assert stream.arrived(4) is Arrival.DELIVER


def test_after_a_loss_the_stream_goes_on_in_the_epoch_of_the_connection() -> None:
    """After a loss the stream goes on in the epoch of the connection."""
    stream = EventStream(Position(1, 50))
    stream.connected(epoch=2, head=3)

    assert stream.lost(4) == 4
    assert stream.position == Position(2, 4)
    assert stream.arrived(5) is Arrival.DELIVER


def test_a_loss_without_a_head_goes_to_the_newest_one_heard_of() -> None:
    """A loss without a head goes to the newest one heard of."""
    stream = EventStream(Position(1, 50))
    stream.connected(epoch=1, head=3)
    stream.behind(6)

    assert stream.lost() == 6


def test_a_resume_refused_for_now_is_asked_again_at_the_next_heartbeat() -> None:
    """A resume refused for now is asked again at the next heartbeat."""
    stream = opened()
    stream.ask()
    stream.refused()

    assert stream.behind(1) is True


def test_an_event_before_any_connection_is_the_callers_fault() -> None:
    """An event before any connection is the callers fault."""
    with pytest.raises(RuntimeError, match="connected"):
        EventStream().arrived(1)


class LossyServer:
    """A log, and a wire that repeats, drops and cuts what it carries."""

    def __init__(self) -> None:
        self.log: list[int] = []
        self.got: list[int] = []
        self.stream = EventStream()
        self.replay: list[int] = []
        self.ends: list[int] = []
        self.take_resume(self.stream.connected(epoch=1, head=0))

    def take_resume(self, resume: Resume | None) -> None:
        """Answer a `resume` with what the log has after it."""
        if resume is not None:
            self.replay = [seq for seq in self.log if seq > resume.after]
            self.ends.append(len(self.log))

    def deliver(self, seq: int) -> None:
        """Carry one event."""
        match self.stream.arrived(seq):
            case Arrival.DELIVER:
                self.got.append(seq)
            case Arrival.ASK:
                self.take_resume(self.stream.ask())
            case Arrival.DROP:
                pass

    def carry_replay(self, most: int) -> None:
        """Carry part of a replay; its end comes when all of it has."""
        part, self.replay = self.replay[:most], self.replay[most:]
        for seq in part:
            self.deliver(seq)
        if not self.replay and self.ends:
            head, self.ends = self.ends[-1], []
            outcome = self.stream.resumed(head)
            assert outcome is not Replay.LOST
            if outcome is Replay.ASK:
                self.take_resume(self.stream.ask())

    def reconnect(self) -> None:
        """Cut the connection, with any replay on it, and make a new one."""
        self.replay, self.ends = [], []
        self.take_resume(self.stream.connected(epoch=1, head=len(self.log)))

    def heartbeat(self) -> None:
        """Tell the client the newest `seq`."""
        if self.stream.behind(len(self.log)):
            self.take_resume(self.stream.ask())

    def settle(self) -> None:
        """Let everything arrive; heartbeats come as long as the connection lives."""
        self.drain()
        self.heartbeat()
        self.drain()

    def drain(self) -> None:
        """Let every replay end."""
        while self.replay or self.ends:
            self.carry_replay(1000)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.booleans()),  # a new event; whether the wire loses it
        st.tuples(st.just("repeat"), st.integers(0, 40)),  # an old event again, in any order
        st.tuples(st.just("replay"), st.integers(0, 5)),
        st.tuples(st.just("reconnect"), st.none()),
        st.tuples(st.just("heartbeat"), st.none()),
    ),
    max_size=60,
)


@given(STEPS)
def test_any_interleaving_ends_with_the_exact_events(steps: list[tuple[str, int | bool | None]]) -> None:
    """I2, I7: whatever is repeated, dropped, reordered or cut, the application sees 1..n once, in order."""
    wire = LossyServer()
    for step, value in steps:
        match step:
            case "write":
                wire.log.append(len(wire.log) + 1)
                if not value:
                    wire.deliver(len(wire.log))
            case "repeat" if wire.log:
                wire.deliver(wire.log[int(value or 0) % len(wire.log)])
            case "replay":
                wire.carry_replay(int(value or 0))
            case "reconnect":
                wire.reconnect()
            case "heartbeat":
                wire.heartbeat()
        assert wire.got == wire.log[: len(wire.got)]

    wire.settle()

    assert wire.got == wire.log
