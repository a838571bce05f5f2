import json

from hypothesis import given
from hypothesis import strategies as st

from netra_backend.protocol.messages import MessageDelta, Pong
from netra_backend.protocol.payloads import HeadPayload, MessageDeltaPayload
from netra_backend.websocket_core.outbox import Outbox


def delta(message_id: str, offset: int, text: str) -> MessageDelta:
    """A delta."""
    return MessageDelta(
        thread_id="t", payload=MessageDeltaPayload(message_id=message_id, offset=offset, text=text)
    )


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("delta"), st.sampled_from("ab"), st.text("xé🦊", min_size=1, max_size=3)),
        st.tuples(st.just("frame"), st.just(""), st.just("")),
        st.tuples(st.just("take"), st.just(""), st.just("")),
    ),
    max_size=60,
)


@given(STEPS)
def test_frames_keep_their_order_and_texts_their_letters(steps: list[tuple[str, str, str]]) -> None:
    """Deltas merge only with their neighbour, and whatever is taken meanwhile, nothing is lost or doubled."""
    outbox, out, numbers, written = Outbox(10**9), [], 0, {"a": "", "b": ""}
    for kind, name, text in steps:
        if kind == "delta":
            outbox.put(delta(name, len(written[name]), text))
            written[name] += text
        elif kind == "frame":
            outbox.put(b'{"number":%d}' % numbers)
            numbers += 1
        elif outbox:
            out.append(outbox.take())
    while outbox:
        out.append(outbox.take())
    shown = {"a": "", "b": ""}
    seen = []
    for frame in map(json.loads, out):
        if "number" in frame:
            seen.append(frame["number"])
            continue
        payload = frame["payload"]
        assert payload["offset"] == len(shown[payload["message_id"]])
        shown[payload["message_id"]] += payload["text"]
    assert (shown, seen) == (written, list(range(numbers)))
    outbox.put(b"x")
    outbox.take()
    assert not Outbox(0).full
    assert outbox._bytes == 0


def test_it_is_full_beyond_its_bound_and_empty_after_clearing() -> None:
    """Tiny frames count as well; merged deltas cost their text only."""
    outbox = Outbox(1000)
    for _ in range(14):
        outbox.put(b"1234")
    before = outbox.full
    outbox.put(Pong(payload=HeadPayload(head=1)))
    outbox.put(b"")
    assert (before, outbox.full) == (False, True)
    outbox.clear()
    assert len(outbox) == 0
    for number in range(200):
        outbox.put(delta("a", number, "x"))
    assert len(outbox) == 1


def test_a_delta_that_does_not_continue_stays_alone() -> None:
    """Another message, a gap, or another frame between."""
    outbox = Outbox(10**6)
    outbox.put(delta("a", 0, "x"))
    outbox.put(delta("b", 1, "x"))
    outbox.put(delta("b", 5, "x"))
    outbox.put(b"{}")
    outbox.put(delta("b", 6, "x"))
    assert len(outbox) == 5


def test_some_frames_at_once_fit_the_bound() -> None:
    """At least one, however large."""
    outbox = Outbox(10**6)
    for size in (500, 10, 10, 200):
        outbox.put(b"x" * size)
    assert [len(frame) for frame in outbox.take_some(100)] == [500]
    assert [len(frame) for frame in outbox.take_some(200)] == [10, 10]
    assert [len(frame) for frame in outbox.take_some(200)] == [200]


def test_a_frame_beyond_the_bound_still_fits_once() -> None:
    """Or a client that reads would be closed for it after every `resume`; but it may not be joined."""
    outbox = Outbox(1000)
    outbox.put(b"1" * 400)
    outbox.put(b"2" * 5000)
    alone = outbox.full
    outbox.put(b"3")
    assert (alone, outbox.full) == (False, True)


def test_merged_text_counts_however_it_came() -> None:
    """Text of one message is one frame, and must not grow without end."""
    outbox, length = Outbox(1000), 0
    while not outbox.full and length < 10_000:
        outbox.put(delta("a", length, "x" * 10))
        length += 10
    assert (len(outbox), length) == (1, 240)


def test_marks_say_which_numbers_have_left() -> None:
    """Only with the last of their frames; live text between is no obstacle, and nothing counts them."""
    outbox = Outbox(10**6)
    for frame in (b"5", b"6"):
        outbox.put(frame)
    outbox.mark(5, 6)
    outbox.put(delta("a", 0, "x"))
    outbox.put(b"7")
    outbox.mark(7, 7)
    first = (outbox.take(), outbox.marks())
    rest = (len(outbox.take_some(10**6)), outbox.marks(), outbox.marks(), outbox.waiting, len(outbox))
    assert first == (b"5", [])
    assert rest == (3, [(5, 6), (7, 7)], [], 0, 0)
