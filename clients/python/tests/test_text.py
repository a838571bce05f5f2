"""Live text by code point offset."""

from hypothesis import given
from hypothesis import strategies as st
from netra_client.ids import MessageId, RunId, ThreadId
from netra_client.text import Delta, LiveText

MESSAGE, RUN, THREAD = MessageId("m"), RunId("r"), ThreadId("t")


def delta(live: LiveText, offset: int, text: str) -> Delta:
    """Give one delta of the one message."""
    return live.delta(MESSAGE, thread_id=THREAD, offset=offset, text=text)


def test_offsets_count_code_points_and_not_bytes_or_utf16_units() -> None:
    """Offsets count code points and not bytes or utf16 units."""
    live = LiveText()

    assert [delta(live, 0, "é🙂"), delta(live, 2, "!")] == [Delta.APPLIED, Delta.APPLIED]
    assert live.texts[MESSAGE] == "é🙂!"


def test_a_mismatch_asks_follow_once_until_the_snapshot() -> None:
    """A mismatch asks follow once until the snapshot."""
    live = LiveText()

    assert [delta(live, 3, "d"), delta(live, 4, "e")] == [Delta.FOLLOW, Delta.DROPPED]
    live.snapshot(MESSAGE, "abcde")
    assert [delta(live, 5, "f"), delta(live, 9, "x")] == [Delta.APPLIED, Delta.FOLLOW]
    assert live.texts[MESSAGE] == "abcdef"


def test_followed_without_a_snapshot_lets_follow_be_asked_again() -> None:
    """Followed without a snapshot lets follow be asked again."""
    live = LiveText()
    delta(live, 3, "d")

    live.followed(ThreadId("another"))
    assert delta(live, 3, "d") is Delta.DROPPED
    live.followed(THREAD)
    assert delta(live, 3, "d") is Delta.FOLLOW


def test_a_later_attempt_begins_the_message_again() -> None:
    """A later attempt begins the message again."""
    live = LiveText()
    live.started(RUN, MESSAGE, attempt=1)
    delta(live, 0, "half an ans")

    live.started(RUN, MESSAGE, attempt=2)

    assert delta(live, 0, "whole") is Delta.APPLIED
    assert live.texts[MESSAGE] == "whole"


def test_a_first_attempt_keeps_text_that_overtook_its_event() -> None:
    """A first attempt keeps text that overtook its event."""
    live = LiveText()
    delta(live, 0, "ab")

    live.started(RUN, MESSAGE, attempt=1)

    assert delta(live, 2, "c") is Delta.APPLIED


def test_texts_of_ended_runs_and_lost_connections_are_forgotten() -> None:
    """Memory is bounded by what is being written."""
    live = LiveText()
    live.started(RUN, MESSAGE, attempt=1)
    delta(live, 0, "a")
    live.completed(RUN)
    assert not live.texts

    delta(live, 0, "a")
    live.disconnected()
    assert not live.texts


@given(st.lists(st.text(min_size=1, max_size=3), max_size=30), st.data())
def test_lost_and_repeated_deltas_heal_to_the_exact_text(parts: list[str], data: st.DataObject) -> None:
    """Lost and repeated deltas heal to the exact text."""
    live, written = LiveText(), ""
    for part in parts:
        offset, written = len(written), written + part
        for _ in range(data.draw(st.integers(0, 2))):  # 0 is lost, 2 is repeated
            if delta(live, offset, part) is Delta.FOLLOW:
                live.followed(THREAD)
                live.snapshot(MESSAGE, written)
    if delta(live, len(written), "end") is not Delta.APPLIED:
        live.snapshot(MESSAGE, f"{written}end")

    assert live.texts[MESSAGE] == f"{written}end"
